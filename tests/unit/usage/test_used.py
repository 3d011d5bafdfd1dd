"""A row keeps every counter, so that it can be priced again; a correction tells differences."""

from fakes.rows import charged, row_of

from router.domain import Cascaded, Usage
from router.units import FEES, UNITS
from router.usage.used import corrected, counts_of, together, usage_of

EVERYTHING = Usage(
    *(1000, 500, 300, 40, True, 200),
    units=(*((unit, n) for n, unit in enumerate(UNITS, 1)), *((fee, 2) for fee in FEES)),
    parts=(("cache_write_1h", 50), ("audio_input", 60), ("audio_output", 7)),
)
SO_FAR = Usage(1000, 100, 0, 0, True, 0, units=(("web_search", 1),))


def as_told(usage: Usage) -> tuple[object, ...]:
    """A usage whose units and parts have no order."""
    return (*usage._replace(units=(), parts=()), dict(usage.units), dict(usage.parts))


def test_every_counter_comes_back_from_its_row():
    assert as_told(usage_of(row_of(charged(EVERYTHING)))) == as_told(EVERYTHING)


def test_what_a_backend_told_of_its_class_of_service_and_of_its_cost_is_not_asked_of_another():
    told = EVERYTHING._replace(tier="priority", reported_pico=5)
    row = row_of(charged(told))
    assert row.service_tier == "priority"
    assert as_told(usage_of(row)) == as_told(EVERYTHING)


def test_of_a_cascade_another_backend_would_have_been_asked_for_the_delivered_answer_alone():
    answer = Usage(400, 100, cached_tokens=30, units=(("image", 1),), parts=(("audio_input", 5),))
    cascade = Cascaded(("not_empty",), 5, 0, 9, answer)
    row = row_of(charged(EVERYTHING, cascade=cascade))
    assert as_told(usage_of(row)) == as_told(answer)


def test_a_cascade_that_delivered_nothing_would_have_cost_nothing():
    row = row_of(charged(EVERYTHING, cascade=Cascaded(("not_empty",), 5, 0, 0, Usage())))
    assert usage_of(row) == Usage()


def test_a_row_and_its_correction_add_up_to_the_whole_request():
    first = row_of(charged(SO_FAR, 10))
    correction = corrected(row_of(charged(EVERYTHING, 70), before=charged(SO_FAR, 10)), first)
    assert (correction.output_tokens, correction.cached_tokens, correction.cost_pico) == (
        *(400, 300, 60),
    )
    assert counts_of(correction)["units"]["web_search"] == 1
    whole = together(first, correction)
    assert (whole.requests, whole.cost_pico) == (1, 70)
    assert as_told(usage_of(whole)) == as_told(EVERYTHING)


def test_a_correction_whose_first_row_is_gone_tells_what_the_ledger_counted_and_no_more():
    correction = corrected(row_of(charged(EVERYTHING, 70), before=charged(SO_FAR, 10)), None)
    assert (correction.output_tokens, correction.cost_pico) == (400, 60)
    assert (correction.cached_tokens, correction.images, correction.counts) == (0, 0, None)
