"""The filter of system calls, walked as the kernel walks it."""

import struct

import pytest

from classifiers.probing.walls.seccomp import filter_program

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MAP = {"x86_64": (9, 10), "aarch64": (222, 226)}
COMPUTING = {"x86_64": {0, 1, 3, 60, 231}, "aarch64": {57, 63, 64, 93, 94}}
REACHING = {
    "x86_64": [
        2,
        32,
        41,
        53,
        56,
        57,
        59,
        62,
        101,
        157,
        165,
        257,
        272,
        302,
        310,
        317,
        425,
        435,
        437,
    ],
    "aarch64": [23, 56, 97, 117, 129, 160, 167, 198, 220, 221, 261, 270, 277, 425, 435, 437],
}


def answer(program: bytes, machine: int, number: int, third: int = 0) -> int:
    """What the filter returns for one call."""
    data = struct.pack("=IIQ6Q", number, machine, 0, 0, 0, third, 0, 0, 0)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at = held = 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            at += yes if (held == value if code == 0x15 else held & value) else no


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_few_calls_are_left_and_none_that_reaches_out(machine: str) -> None:
    program = filter_program(machine)
    assert program is not None
    given = {number: answer(program, MACHINES[machine], number) for number in range(600)}
    allowed = {number for number, said in given.items() if said == ALLOW}
    assert allowed >= COMPUTING[machine]
    assert len(allowed) <= 22
    assert allowed.isdisjoint(REACHING[machine])
    assert {said for number, said in given.items() if number not in allowed} == {KILL, REFUSE}


def test_memory_that_runs_as_code_cannot_be_had(machine: str) -> None:
    program = filter_program(machine)
    assert program is not None
    for number in MAP[machine]:
        assert answer(program, MACHINES[machine], number, 3) == ALLOW
        assert answer(program, MACHINES[machine], number, 7) == KILL
        assert answer(program, MACHINES[machine], number, 1 << 32 | 4) == KILL


def test_calls_of_another_machine_end_the_process(machine: str) -> None:
    """The kernel takes calls of 32 bits on both, and of x32: their numbers mean other calls."""
    program = filter_program(machine)
    assert program is not None
    for other in (0x40000003, 0x40000028, *MACHINES.values()):
        if other != MACHINES[machine]:
            assert answer(program, other, 1) == KILL
    assert answer(program, MACHINES[machine], 0x40000001) == KILL


def test_a_machine_whose_calls_are_not_known_has_no_filter() -> None:
    assert filter_program("riscv64") is None
