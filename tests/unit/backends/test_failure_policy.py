"""What an answer that is none means."""

import pytest

from router.backends.dialects.base import Failure
from router.backends.dispatch.failures import FAILURE_POLICIES, Kind, kind_of_status, rest_asked_for


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "999999"}, 3600.0),
        (
            {
                "retry-after": "Sat, 21 Nov 2026 12:00:30 GMT",
                "date": "Sat, 21 Nov 2026 12:00:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_backend_says_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert rest_asked_for(headers) == seconds


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, Kind.REJECTED),
        (422, None, Kind.REJECTED),
        (400, "context_length_exceeded", Kind.TOO_LONG),
        (401, None, Kind.CREDENTIAL),
        (402, None, Kind.QUOTA),
        (404, None, Kind.MISCONFIGURED),
        (408, None, Kind.TIMEOUT),
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
    assert kind_of_status(status, Failure("m", code=code)) is kind


def test_every_kind_has_a_verdict() -> None:
    assert set(FAILURE_POLICIES) == set(Kind)
