"""Whoever says `max_tokens` is held for no more than one who does not, and served as well."""

import struct
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st
from ledger_machine import CRASH, START, WINDOW
from ledger_model import Model
from ledger_windows import Spec

from router.domain import Estimate
from router.ledger.codec import ASK_SIZES
from router.ledger.estimate import CHUNK, estimate_output
from router.ledger.vectors import pack_estimate

TOKENS = st.integers(1, 5_000)
LIMITS = st.integers(1, 20_000)


def specs_of(limits: tuple[int, int, int, int]) -> list[Spec]:
    minute, output, day, money = limits
    return [
        Spec("org", "tpd", "C", 2, day, span=WINDOW),
        Spec("org", "usd", "C", 5, money * 700, span=WINDOW, scale=1000),
        Spec("key", "tpm", "S", 2, minute, span=5_000),
        Spec("key", "otpm", "S", 4, output, span=5_000),
    ]


def reserved(model: Model, specs: list[Spec], estimate: Estimate) -> tuple[int, list[int]]:
    """The answer's code, and what would be held of each limit."""
    packed, _ = pack_estimate(estimate, 0)
    numbers = tuple(map(int, struct.unpack(f"<{ASK_SIZES.size // 8}d", packed)))[1:]
    asked = deepcopy(model)
    answer = asked.reserve("new", specs, want=numbers[:5], need=numbers[5:], crash=CRASH)
    parts = [] if answer.code else asked.records["new"].parts
    return answer.code, [part.amount for part in parts]


@given(
    way=st.sampled_from(["worst", "expected", "chunk"]), cap=TOKENS, choices=st.integers(1, 4),
    expected=TOKENS, most=TOKENS, prompt=TOKENS, likely=TOKENS, before=st.integers(0, 400),
    limits=st.tuples(LIMITS, LIMITS, LIMITS, LIMITS),
)  # fmt: skip
def test_a_cap_lowers_a_hold_or_leaves_it_and_never_denies(
    *, way, cap, choices, expected, most, prompt, likely, before, limits
):
    def estimate(given: int | None) -> Estimate:
        output = estimate_output(cap=given, choices=choices, way=way, expected=expected, most=most)
        asked = min(likely, prompt)
        cost = (prompt + output) * 700
        return Estimate(prompt, output, cost, prompt * 700, False, 1, asked, asked * 700)

    silent, capped = estimate(None), estimate(cap)
    assert capped.output_tokens <= min(silent.output_tokens, cap * choices)
    model, specs = Model(START), specs_of(limits)
    small = (1, before, before, before, before * 700)
    model.reserve("old", specs, want=small, need=small, crash=CRASH)
    code, held = reserved(model, specs, silent)
    code_of_capped, held_of_capped = reserved(model, specs, capped)
    if code == 0:
        assert code_of_capped == 0
        assert all(a <= b for a, b in zip(held_of_capped, held, strict=True))


@given(cap=st.none() | TOKENS)
def test_a_chunk_is_never_more_than_a_chunk(cap: int | None) -> None:
    assert estimate_output(cap=cap, way="chunk") == min(CHUNK, cap or CHUNK)
