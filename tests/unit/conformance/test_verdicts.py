"""The same as direct is what counts, whichever way a job ended."""

import pytest

from conformance.jobs import JOBS
from conformance.running import AS_DIRECT, FAILS, WORKS, judged, verdict
from conformance.scripted.scripts import HELLO

GOOD = {"text": HELLO, "stop": "end_turn"}
BAD = {"error": "BadRequestError", "message": "no"}


@pytest.mark.parametrize(
    ("direct", "through", "said"),
    [
        (GOOD, GOOD, WORKS),
        (BAD, BAD, AS_DIRECT),
        (GOOD, BAD, FAILS),
        (GOOD, GOOD | {"stop": "stop"}, FAILS),
        (BAD, GOOD, WORKS),
        (BAD, {"error": "NotFoundError"}, FAILS),
    ],
)
def test_a_verdict_is_the_same_as_direct(direct, through, said):
    assert verdict("say", direct, through) == said


def test_an_error_is_what_the_job_of_errors_ends_with():
    told = {"key": {"class": "AuthenticationError", "status": 401}}
    assert verdict("errors", told, told) == WORKS
    assert verdict("errors", told, {"key": {"class": "APIError", "status": 500}}) == FAILS


def test_a_record_keeps_what_was_not_the_same():
    record = judged(GOOD, {"native": GOOD, "translated": BAD}, "say")
    assert record["native"] == {"verdict": WORKS}
    assert record["translated"] == {"verdict": FAILS, "outcome": BAD}


def test_every_job_asks_for_something():
    assert all(job.asks for job in JOBS.values())
