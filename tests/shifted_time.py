"""A server whose clock is not the machine's: a library of a few lines, loaded before its own."""

import contextlib
import os
import shutil
import struct
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ports import free_port

from router.ledger.server.embedded import server_binary

# What the server asks for the time of day; its monotonic clock stays as it is.
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


class ShiftedServer:
    """A ledger's server on TCP that can be killed, started again, and have its clock moved."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._shift = folder / "shift"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.move_clock(0)
        self._library = _library(folder)

    def move_clock(self, ms: int) -> None:
        """Let the server's clock be so far ahead of the machine's (negative: behind), at once."""
        with self._shift.open("r+b" if self._shift.exists() else "wb") as file:
            file.write(struct.pack("=q", ms))

    def start(self) -> None:
        """Start it, on what it had written."""
        command = (
            str(server_binary()), "--port", str(self.port), "--dir", str(self._folder),
            "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
            "--maxmemory-policy", "noeviction",
        )  # fmt: skip
        moved = {"LD_PRELOAD": str(self._library), "SHIFT_FILE": str(self._shift)}
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env={**os.environ, **moved}
        )

    def kill(self) -> None:
        """Kill it, as SIGKILL does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def shifted_server(folder: Path) -> Iterator[ShiftedServer]:
    """One that runs; killed at the end."""
    made = ShiftedServer(folder)
    made.start()
    try:
        yield made
    finally:
        made.kill()


def _library(folder: Path) -> Path:
    """The library, by the compiler that Turnout itself was built with."""
    source, made = folder / "shift.c", folder / "shift.so"
    source.write_text(_SOURCE)
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    compiler = shutil.which(compiler) or shutil.which("cc") or "gcc"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"], check=True
    )
    return made
