"""What is counted of a finished request, and what is learnt of its length."""

from fakes.finished import charge_of, finished_of
from fakes.parts import ACME

from router.domain import Outcome, Usage
from router.ledger.estimate import DEFAULT_OUTPUT, OutputHistory
from router.pipeline.observers.metrics import counts_charges, remembers_lengths
from router.telemetry.metrics import Metrics


async def test_what_was_charged_is_counted_by_backend_and_by_end():
    metrics = Metrics()
    observe = counts_charges(metrics)
    observe(await finished_of())
    observe(await finished_of(charge=charge_of(outcome=Outcome.CUT)))
    page = metrics.exposition().decode()
    assert 'turnout_outcomes_total{backend="moe",outcome="completed"} 1.0' in page
    assert 'turnout_outcomes_total{backend="moe",outcome="cut"} 1.0' in page
    assert 'turnout_tokens_total{backend="moe",direction="output"} 100.0' in page


async def test_units_are_counted_by_what_was_asked():
    metrics = Metrics()
    used = Usage(units=(("image", 2), ("image", 1), ("request", 1)))
    counts_charges(metrics)(await finished_of(charge=charge_of(usage=used, operation="image")))
    page = metrics.exposition().decode()
    assert 'turnout_units_total{operation="image",unit="image"} 3.0' in page
    assert 'turnout_units_total{operation="image",unit="request"} 1.0' in page


async def test_a_request_that_was_not_admitted_counts_for_nothing():
    metrics, history = Metrics(), OutputHistory()
    finished = await finished_of(charge=None)
    counts_charges(metrics)(finished)
    remembers_lengths(history)(finished)
    assert "turnout_outcomes_total{" not in metrics.exposition().decode()


async def test_whole_answers_teach_how_long_the_next_will_be():
    history = OutputHistory()
    observe = remembers_lengths(history)
    for _ in range(20):
        observe(await finished_of(charge=charge_of(usage=Usage(1, 77))))
    assert history.expected(ACME.key_id, "auto") == 77
    assert history.expected("another key", "auto") == DEFAULT_OUTPUT
    assert history.expected(ACME.key_id, "another route") == DEFAULT_OUTPUT


async def test_an_answer_that_was_not_whole_teaches_no_length():
    history = OutputHistory()
    for _ in range(20):
        charge = charge_of(usage=Usage(1, 77))
        remembers_lengths(history)(await finished_of(charge=charge, delivered=False))
    assert history.expected(ACME.key_id, "auto") == DEFAULT_OUTPUT
