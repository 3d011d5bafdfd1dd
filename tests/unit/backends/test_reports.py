"""What the operator reads of failures: once a minute for each cause, with what is safe to say."""

import logging

import pytest

from router.backends.backend import Deployment
from router.backends.dialects.base import Failure
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.backends.dispatch.reports import Reports
from router.operations.chat import parse_chat

SERVER = Deployment("b/0.0", "b", "https://models.example.com/v1", None)
ASK = parse_chat(b'{"model":"a","messages":[{"role":"user","content":"Hi"}]}')


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failed(kind: Kind, message: str = "", status: int = 400, **fields: str) -> AttemptFailed:
    failure = Failure(message, code=fields.get("code"))
    return AttemptFailed(kind, "r", status=status, failure=failure, clue=fields.get("clue", ""))


def facts(record: logging.LogRecord) -> dict[str, object]:
    names = ("backend", "deployment", "cause", "fault", "status", "code", "known_by", "words")
    return {name: vars(record)[name] for name in names if name in vars(record)}


def test_the_operator_reads_what_the_server_said_of_the_account(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clue = "credit balance is too low"
    told = failed(Kind.QUOTA, "Your credit balance is too low.", clue=clue, code="billing_error")
    Reports(Clock()).tell(SERVER, told, ASK, "req-1")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert facts(record) == {
        "backend": "b",
        "deployment": "b/0.0",
        "cause": "out of credit",
        "fault": "operator",
        "status": 400,
        "code": "billing_error",
        "known_by": clue,
        "words": "Your credit balance is too low.",
    }


def test_of_a_servers_own_failure_only_codes_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    told = failed(Kind.SERVER, "it wrote: a poem", status=500, code="internal")
    Reports(Clock()).tell(SERVER, told, ASK, "req-1")
    (record,) = caplog.records
    assert facts(record)["code"] == "internal"
    assert "words" not in facts(record)


@pytest.mark.parametrize("kind", [Kind.TOO_LONG, Kind.REJECTED, Kind.UNSAFE, Kind.UNSUPPORTED])
def test_what_is_the_clients_is_not_logged(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    Reports(Clock()).tell(SERVER, failed(kind, "m"), ASK, "req-1")
    assert caplog.records == []


def test_a_cause_is_told_once_a_minute_with_how_often_it_came(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    reports = Reports(clock)
    for _ in range(50):
        reports.tell(SERVER, failed(Kind.CREDENTIAL), ASK, "req-1")
    reports.tell(SERVER, failed(Kind.SERVER), ASK, "req-1")
    assert len(caplog.records) == 2
    clock.now = 60.0
    reports.tell(SERVER, failed(Kind.CREDENTIAL), ASK, "req-1")
    assert vars(caplog.records[-1])["times_since"] == "49"


def test_a_failure_below_http_has_nothing_more_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    Reports(Clock()).tell(SERVER, AttemptFailed(Kind.CONNECT, "refused"), ASK, "req-1")
    (record,) = caplog.records
    assert facts(record)["cause"] == "no connection"
    assert "status" not in facts(record)
