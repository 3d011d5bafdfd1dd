"""The filter of system calls: what is left is computing, and writing to what is open already.

No file, socket, process, thread, signal or limit can be asked for, and no memory that runs as code.
A call that is not in these tables ends the process. The kernel's own names and numbers, of the two
machines that Turnout is built for.
"""

import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # the last one answers EPERM
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # instructions of classic BPF
_NUMBER, _MACHINE, _THIRD_ARGUMENT = 0, 4, 32  # offsets in struct seccomp_data
_EXECUTABLE: Final = 4  # PROT_EXEC


@dataclass(frozen=True, slots=True)
class _Calls:
    """System calls of one machine: `mapped` must not ask for executable memory."""

    machine: int
    allowed: Mapping[str, int]
    mapped: Mapping[str, int]
    refused: Mapping[str, int]


_CALLS: Final[Mapping[str, _Calls]] = {
    "x86_64": _Calls(
        machine=0xC000003E,
        allowed={
            "read": 0, "write": 1, "close": 3, "munmap": 11, "brk": 12, "rt_sigaction": 13,
            "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
            "madvise": 28, "exit": 60, "gettimeofday": 96, "sigaltstack": 131, "time": 201,
            "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231,
            "getrandom": 318,
        },
        mapped={"mmap": 9, "mprotect": 10},
        refused={"fstat": 5, "lseek": 8, "ioctl": 16},
    ),
    "aarch64": _Calls(
        machine=0xC00000B7,
        allowed={
            "close": 57, "read": 63, "write": 64, "exit": 93, "exit_group": 94, "futex": 98,
            "clock_gettime": 113, "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132,
            "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "gettimeofday": 169,
            "brk": 214, "munmap": 215, "mremap": 216, "madvise": 233, "getrandom": 278,
        },
        mapped={"mmap": 222, "mprotect": 226},
        refused={"ioctl": 29, "lseek": 62, "fstat": 80},
    ),
}  # fmt: skip


def filter_program(machine: str | None = None) -> bytes | None:
    """The filter as the kernel takes it; None for a machine whose calls are not known here."""
    calls = _CALLS.get(machine or platform.machine())
    if calls is None:
        return None
    steps = [
        (_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, calls.machine), (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]  # fmt: skip
    for numbers, answer in ((calls.allowed, _ALLOW), (calls.refused, _REFUSE)):
        for number in numbers.values():
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    for number in calls.mapped.values():
        steps += [
            (_EQUAL, 0, 4, number), (_LOAD, 0, 0, _THIRD_ARGUMENT), (_ANY_BIT, 0, 1, _EXECUTABLE),
            (_RETURN, 0, 0, _KILL), (_RETURN, 0, 0, _ALLOW),
        ]  # fmt: skip
    steps.append((_RETURN, 0, 0, _KILL))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
