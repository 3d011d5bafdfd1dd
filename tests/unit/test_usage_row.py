"""What is written of a request when it is held and settled is what the usage table says of it."""

import orjson
import pytest

from router.domain import Cascaded, Charge, Outcome, Principal, Usage
from router.units import PLURALS, UNITS
from router.usage.rows import NAMES
from router.usage.store import SUMS
from router.usage_row import (
    ASKED_BEGIN,
    PASSED,
    JournalRow,
    UsageRow,
    customer_json,
    served_json,
    usage_row,
)

ANNA = Principal("key-1", "acme", "pro", "search")
UNITS_USED = (
    *(("image", 2), ("second", 30), ("character", 7), ("search", 1), ("byte", 9), ("request", 1)),
    ("web_search", 2),
    ("image", 1),  # of an answer that was passed over
)
CHARGE = Charge(
    Usage(
        *(10, 5, 4, 3, True, 2),
        units=UNITS_USED,
        parts=(("cache_write_1h", 1),),
        tier="flex",
    ),
    cost_pico=70,
    outcome=Outcome.COMPLETED,
    backend="moe",
    model="deepseek-v4-flash",
    route="auto",
    price_version="p1",
    busy_ms=900,
    energy_mj=12,
    energy_source="declared",
    predicted=0.8,
    cascade=Cascaded(("not_empty", "judge"), 20, 9, 50, Usage(4, 2, parts=(("audio_input", 1),))),
    operation="image",
)


def asked(principal: Principal = ANNA) -> bytes:
    return ASKED_BEGIN + orjson.dumps("req-1") + b"," + customer_json(principal, "u5", "auto")


def row(
    *, seq: int = 0, payload: bytes = served_json(CHARGE), status: str = "completed"
) -> UsageRow:
    used = (1, 15, 10, 5, 70)
    return usage_row(JournalRow("h1", seq, status, 86_400_000, 86_400_900, used, asked(), payload))


def test_everything_that_is_written_comes_out_in_its_column():
    assert row() == UsageRow(
        hold_id="h1", seq=0, status="completed", admitted_at=86_400_000, closed_at=86_400_900,
        day="1970-01-02", period="1970-01-01", request_id="req-1", organization="acme",
        team="search", key_id="key-1", end_user="u5",
        tier="pro", asked="auto", operation="image", route="auto", backend="moe",
        model="deepseek-v4-flash",
        requests=1, tokens=15, input_tokens=10, output_tokens=5, cached_tokens=4,
        cache_write_tokens=2, reasoning_tokens=3, images=3, seconds=30, characters=7,
        searches=1, bytes=9,
        counts='{"parts":{"cache_write_1h":1},"units":{"request":1,"web_search":2},'
        '"answer":{"input":4,"output":2,"parts":{"audio_input":1}}}',
        cost_pico=70, baseline=None, baseline_pico=None, price_version="p1", service_tier="flex",
        estimated=True, busy_ms=900,
        energy_mj=12, energy_source="declared", predicted=0.8, verifier="not_empty, judge",
        rejected_pico=20, judge_pico=9, direct_pico=50, run=None, credential="house",
    )  # fmt: skip


def test_the_columns_are_the_tables_in_its_order():
    assert UsageRow._fields == NAMES


def test_every_unit_has_a_column():
    assert set(PLURALS) == set(UNITS)
    assert set(PLURALS.values()) <= set(NAMES)
    assert set(PLURALS.values()) <= set(SUMS)


def test_a_request_that_is_counted_in_tokens_alone_has_no_units():
    plain = row(payload=served_json(CHARGE._replace(usage=Usage(1, 1))))
    assert [getattr(plain, name) for name in PLURALS.values()] == [0, 0, 0, 1, 0, 0]
    assert b"units" not in served_json(CHARGE._replace(usage=Usage(1, 1)))


def test_a_correction_repeats_facts_and_not_what_the_first_row_told_beside_its_counts():
    correction = row(seq=1)
    assert (correction.backend, correction.predicted, correction.busy_ms) == ("moe", 0.8, 0)
    assert (correction.energy_mj, correction.verifier, correction.judge_pico) == (None, None, None)


def test_a_hold_that_nobody_settled_is_an_estimate():
    assert row(payload=b"", status="expired").estimated
    assert not row(payload=b"").estimated
    assert row(payload=b"").backend is None


def test_a_cascade_in_which_nothing_fired_passed():
    passed = Charge(Usage(), 0, Outcome.COMPLETED, cascade=Cascaded((), 0, 0, 5))
    assert row(payload=served_json(passed)).verifier == PASSED


def test_a_row_that_names_no_organization_is_foreign():
    foreign = JournalRow("h1", 0, "completed", 0, 0, (1, 0, 0, 0, 0), b"{}", b"{}")
    with pytest.raises(ValueError, match="organization"):
        usage_row(foreign)
