"""What an answer that is none means by its status alone, and what follows from each failure."""

import pytest

from router.backends.dialects.base import Failure
from router.backends.dispatch.causes import cause_of
from router.backends.dispatch.failures import FAILURE_POLICIES, Evidence, Fault, Kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, Kind.REJECTED),
        (422, None, Kind.REJECTED),
        (424, None, Kind.REJECTED),
        (400, "context_length_exceeded", Kind.TOO_LONG),
        (401, None, Kind.CREDENTIAL),
        (402, None, Kind.QUOTA),
        (403, None, Kind.PERMISSION),
        (404, None, Kind.MISCONFIGURED),
        (408, None, Kind.TIMEOUT),
        (413, None, Kind.TOO_LARGE),
        (429, None, Kind.RATE_LIMITED),
        (429, "insufficient_quota", Kind.QUOTA),
        (500, None, Kind.SERVER),
        (503, None, Kind.BUSY),
        (529, None, Kind.BUSY),
        (599, None, Kind.SERVER),
        (302, None, Kind.MISCONFIGURED),
    ],
)
def test_every_status_has_a_kind(status: int, code: str | None, kind: Kind) -> None:
    assert cause_of(status, Failure("m", code=code))[0] is kind


def test_every_kind_has_a_policy() -> None:
    assert set(FAILURE_POLICIES) == set(Kind)


def test_only_what_no_request_can_cause_counts_without_doubt() -> None:
    sure = {kind for kind, one in FAILURE_POLICIES.items() if one.evidence is Evidence.SURE}
    assert sure == {Kind.CONNECT}


def test_what_is_the_operators_falls_back_and_what_is_the_clients_is_told_in_4xx() -> None:
    for kind, policy in FAILURE_POLICIES.items():
        if policy.fault is Fault.OPERATOR:
            assert policy.falls_back, kind
        if policy.fault is Fault.CLIENT:
            assert policy.status in {0, 400, 413}, kind
            assert policy.evidence is Evidence.NONE, kind
