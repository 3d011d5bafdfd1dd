"""A clock that is not the machine's, for one process: a library of a few lines, loaded before its
own.

What the process asks for the time of day is moved by what a file says, at once; its monotonic clock
stays as it is. The library is built by a C compiler where there is one.
"""

import os
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

_SOURCE: Final = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static int64_t shift(void) {
    static int file = -1;
    int64_t by = 0;
    if (file < 0) file = open(getenv("SHIFT_FILE"), O_RDONLY);
    return pread(file, &by, sizeof by, 0) == sizeof by ? by : 0;
}
static void move(int64_t *seconds, int64_t *part, int64_t parts) {
    int64_t by = shift();
    *seconds += by / 1000;
    *part += by % 1000 * (parts / 1000);
    if (*part < 0) { *part += parts; --*seconds; }
    if (*part >= parts) { *part -= parts; ++*seconds; }
}
int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, at);
    if (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)
        move(&at->tv_sec, &at->tv_nsec, 1000000000);
    return failed;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
"""


class NoClock(Exception):
    """No clock can be moved on this machine; the text says why."""


class ShiftedClock:
    """The clock of the processes that are started with `environment`. Raises NoClock."""

    def __init__(self, folder: Path) -> None:
        self._shift = folder / "shift"
        self._library = _library(folder)
        self.move(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process must find in its environment."""
        return {"LD_PRELOAD": str(self._library), "SHIFT_FILE": str(self._shift)}

    def move(self, ms: int) -> None:
        """Be so far ahead of the machine's clock (negative: behind), at once."""
        with self._shift.open("r+b" if self._shift.exists() else "wb") as file:
            file.write(struct.pack("=q", ms))


def _library(folder: Path) -> Path:
    """The library, by the compiler that Turnout itself was built with, or any other."""
    if sys.platform != "linux":
        raise NoClock("moving the clock of one process needs Linux")
    source, made = folder / "shift.c", folder / "shift.so"
    source.write_text(_SOURCE)
    usual = (sysconfig.get_config_var("CC") or "cc").split()[0]
    compiler = next(filter(None, map(shutil.which, (usual, "cc", "gcc", "clang"))), None)
    if compiler is None:
        raise NoClock("moving the clock of one process needs a C compiler, and there is none")
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, check=False, env=dict(os.environ))
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason"])[-1]
        raise NoClock(f"the library that moves a clock could not be built: {last}")
    return made
