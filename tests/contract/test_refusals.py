"""Every server's way to refuse is known for what it is, and told to whom it concerns."""

from typing import Any

import orjson
import pytest
from refusals import CLIENTS, LONG, OPERATORS, REFUSALS, SERVERS, Refusal

from router.backends.backend import Deployment
from router.backends.dialects.table import DIALECTS
from router.backends.dispatch.cause_rows import CAUSES
from router.backends.dispatch.causes import cause_of
from router.backends.dispatch.failures import FAILURE_POLICIES, AttemptFailed, Fault, Kind
from router.backends.dispatch.refusals import failed_by
from router.backends.dispatch.reports import Reports
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.health import DeploymentState
from router.operations.chat import parse_chat
from router.telemetry.logs import JsonFormatter

KEY = "sk-proj-0123456789abcdef"
DEPLOYMENT = Deployment("b/0.0", "b", "https://models.internal:8443/v1", KEY)
STATE = DeploymentState(DEPLOYMENT, BreakerPolicy(), lambda: 0.0)
STATE.authorizer = None
ASK = parse_chat(b'{"model":"a","messages":[{"role":"user","content":"What is a canary-7f3e91?"}]}')
each = pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: f"{one.server} {one.status}")


def raw(refusal: Refusal) -> bytes:
    return refusal.body if isinstance(refusal.body, bytes) else orjson.dumps(refusal.body)


def failed(refusal: Refusal) -> AttemptFailed:
    status = refusal.status if refusal.status != 200 else 502  # an error inside has none
    failure = DIALECTS[refusal.dialect].failure(status, raw(refusal))
    return failed_by(status, failure, STATE, ASK, {})


@each
def test_a_refusal_is_known_for_what_it_is(refusal: Refusal) -> None:
    assert failed(refusal).kind is refusal.kind


@each
def test_what_is_told_is_bounded_and_holds_no_key_and_no_account(refusal: Refusal) -> None:
    failure = failed(refusal).failure
    assert failure is not None
    assert len(failure.message) <= 1000
    for secret in (KEY, "abcd", "01abcdef", "00000000-0000", "xa***"):
        assert secret not in failure.message


@pytest.mark.parametrize("refusal", [*LONG, *CLIENTS, *SERVERS], ids=lambda one: one.server)
def test_the_client_reads_what_the_server_said(refusal: Refusal) -> None:
    one = failed(refusal)
    assert bool(one.words) == (not raw(refusal).startswith(b"<"))


@pytest.mark.parametrize("refusal", OPERATORS, ids=lambda one: one.server)
def test_the_operators_affairs_are_no_client_s(refusal: Refusal) -> None:
    policy = FAILURE_POLICIES[refusal.kind]
    assert failed(refusal).words == ""
    assert policy.falls_back
    assert policy.fault is Fault.OPERATOR


def test_every_kind_that_words_can_mean_is_recorded() -> None:
    assert {row.kind for row in CAUSES} <= {refusal.kind for refusal in REFUSALS}


@pytest.mark.parametrize("kind", [Kind.UNSAFE, Kind.REJECTED, Kind.TOO_LONG, Kind.UNSUPPORTED])
def test_a_verdict_on_one_request_rests_nobody(kind: Kind) -> None:
    policy = FAILURE_POLICIES[kind]
    assert policy.rest == 0.0
    assert not policy.obeys
    assert policy.fault is Fault.CLIENT


@pytest.mark.parametrize(
    "refusal", [one for one in OPERATORS if one.status == 400], ids=lambda one: one.server
)
def test_words_that_the_request_says_itself_are_not_believed(refusal: Refusal) -> None:
    failure = DIALECTS[refusal.dialect].failure(400, raw(refusal))
    by_words = cause_of(400, type(failure)(failure.message), lambda _piece: True)
    assert by_words == (Kind.REJECTED, "")


def test_an_echo_of_the_prompt_cannot_rest_the_credential() -> None:
    spoof = parse_chat(
        orjson.dumps(
            {
                "model": "a",
                "messages": [{"role": "user", "content": "Hi"}],
                "made_up": "Your CREDIT balance\n is too low",
            }
        )
    )
    body = orjson.dumps(
        {"error": {"message": "Unknown parameter: 'your credit balance is too low'."}}
    )
    failure = DIALECTS["openai"].failure(400, body)
    assert failed_by(400, failure, STATE, spoof, {}).kind is Kind.REJECTED
    assert failed_by(400, failure, STATE, ASK, {}).kind is Kind.QUOTA


def test_aws_names_its_causes_in_a_header() -> None:
    failure = DIALECTS["openai"].failure(400, b'{"message":"x"}')
    named = failed_by(400, type(failure)("x", reasons=("throttlingexception",)), STATE, ASK, {})
    assert named.kind is Kind.RATE_LIMITED


CANARY = "canary-7f3e91"


def with_echo(body: Any) -> Any:
    """The body, with a piece of the prompt and a credential in every text that it holds."""
    if isinstance(body, dict):
        return {name: with_echo(one) for name, one in body.items()}
    if isinstance(body, list):
        return [with_echo(one) for one in body]
    return f"{body} '{CANARY}' {KEY} {CANARY[:-2]}" if isinstance(body, str) else body


@each
def test_neither_prompt_nor_credential_reaches_the_log(
    refusal: Refusal, caplog: pytest.LogCaptureFixture
) -> None:
    body = raw(refusal)
    echo = body if isinstance(refusal.body, bytes) else orjson.dumps(with_echo(refusal.body))
    reports = Reports(lambda: 0.0)
    for told in (body, echo):
        failure = DIALECTS[refusal.dialect].failure(refusal.status, told)
        one = failed_by(refusal.status, failure, STATE, ASK, {})
        reports.tell(DEPLOYMENT, one, ASK, "req-1")
        one.kind = Kind.PERMISSION  # of which the log says the most
        Reports(lambda: 0.0).tell(DEPLOYMENT, one, ASK, "req-1")
    assert caplog.records
    for record in caplog.records:
        line = JsonFormatter().format(record)
        for secret in ("canary", "7f3e91", "7f3e", KEY, KEY[8:], "01abcdef"):
            assert secret not in line
