"""How long a server wants to be left alone, in every way in which servers say it."""

from typing import Any

import orjson
import pytest

from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dispatch.waits import is_used_up, rest_asked_for

NOW = 1_800_000_000.0  # 15 January 2027, 08:00:00 UTC
NOON = {"date": "Sat, 21 Nov 2026 12:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "soon"}, 7.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT", **NOON}, 30.0),
        ({"retry-after": "Saturday, 21-Nov-26 12:00:30 GMT", **NOON}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:59:00 GMT", **NOON}, 0.0),
        ({"retry-after": "2026-11-21T12:00:30Z", **NOON}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}, 20.0),
        ({"retry-after": "1800000009"}, 9.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_obeyed_as_seconds_and_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert rest_asked_for(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, 360.0),
        ({"x-ratelimit-reset-requests": "20ms", "x-ratelimit-remaining-requests": "0"}, 0.02),
        (
            {
                "x-ratelimit-reset-requests": "1h2m",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-tokens": "1m2.5s",
                "x-ratelimit-remaining-tokens": "0",
            },
            62.5,
        ),
        ({"x-ratelimit-reset-requests": "1h", "x-ratelimit-reset-tokens": "12s"}, 12.0),
        ({"x-ratelimit-reset": "1800000030000"}, 30.0),
        ({"x-ratelimit-reset": "1800000030"}, 30.0),
        (
            {
                "anthropic-ratelimit-input-tokens-reset": "2026-11-21T12:00:40Z",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:05Z",
                "anthropic-ratelimit-requests-remaining": "3",
                **NOON,
            },
            40.0,
        ),
        ({"x-ratelimit-reset-tokens": "whenever"}, None),
    ],
)
def test_the_limit_that_is_used_up_says_when_it_is_whole_again(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert rest_asked_for(headers, now=NOW) == seconds
    assert rest_asked_for(headers, now=NOW, limited=False) is None  # a 500 tells them too


@pytest.mark.parametrize(
    ("name", "left", "used_up"),
    [
        ("x-ratelimit-remaining-requests", "0", True),
        ("X-RateLimit-Remaining-Tokens", "0", True),
        ("anthropic-ratelimit-input-tokens-remaining", "0", True),
        ("ratelimit-remaining", "0", True),
        ("x-ratelimit-remaining-tokens", "1", False),
        ("x-ratelimit-remaining-tokens", "none", False),
        ("x-ratelimit-remaining-images", "0", False),  # of some requests alone
        ("x-ratelimit-limit-tokens", "0", False),
    ],
)
def test_a_limit_of_which_nothing_is_left_is_everybodys(
    name: str, left: str, used_up: bool
) -> None:
    assert is_used_up({name: left}) is used_up


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached for m. Please try again in 1m2.5s. Visit the page.", 62.5),
        ("Rate limit reached. Please try again in 20s.", 20.0),
        ("Please try again in 120ms.", 0.12),
        ("Limit reached, retry after 3 seconds", 3.0),
        ("Try again in 2 minutes.", 120.0),
        ("Please try again in 7h12m0s.", 3600.0),
        ("You will regain access on 2027-01-15 at 08:30 UTC.", 1800.0),
        ("Please try again later.", None),
        ("Please wait 5 days", None),
    ],
)
def test_a_wait_in_words_is_obeyed(message: str, seconds: float | None) -> None:
    assert rest_asked_for({}, Failure(message), now=NOW) == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"details": [{"@type": "x.RetryInfo", "retryDelay": "34.07s"}]}}, 34.07),
        ({"error": {"message": "m", "retry_after": 3}}, 3.0),
        ({"error": "Model m is currently loading", "estimated_time": 20.0}, 20.0),
        ({"error": {"message": "m", "retry_after": True}}, None),
        ({"error": {"message": "m", "retryDelay": "soon"}}, None),
    ],
)
def test_a_wait_in_a_body_is_obeyed(body: Any, seconds: float | None) -> None:
    assert rest_asked_for({}, read_failure(429, orjson.dumps(body)), now=NOW) == seconds
