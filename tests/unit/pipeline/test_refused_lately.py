"""What a limit on requests refused is refused again for a moment, and nothing else is."""

import pytest
from fakes.parts import ACME

from router.errors import LimitExceeded
from router.pipeline.refused_lately import Refusals


def refused(limit: str = "organization:requests_per_minute", wait: str = "900") -> LimitExceeded:
    headers = (("retry-after-ms", wait), ("x-turnout-limit", limit))
    return LimitExceeded("No more.", headers=headers)


class Clock:
    """Seconds that a test moves."""

    seconds = 7.0

    def __call__(self) -> float:
        return self.seconds


def test_it_is_refused_again_in_the_same_words_and_for_a_moment_only() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    refusals.note(ACME, "anna", "auto", refused())
    with pytest.raises(LimitExceeded, match="No more") as again:
        refusals.check(ACME, "anna", "auto")
    assert again.value.headers == refused().headers
    clock.seconds += 0.251
    refusals.check(ACME, "anna", "auto")


@pytest.mark.parametrize("asker", [("other", "auto"), ("anna", "other")])
def test_other_users_and_models_are_asked_for_anew(asker: tuple[str, str]) -> None:
    refusals = Refusals(Clock())
    refusals.note(ACME, "anna", "auto", refused())
    refusals.check(ACME, *asker)


@pytest.mark.parametrize(
    "error",
    [
        refused("organization:tokens_per_minute"),
        refused("organization:concurrency"),
        refused(wait="100"),
        LimitExceeded("Too many wait."),
    ],
)
def test_what_a_smaller_or_later_request_would_not_meet_is_not_remembered(
    error: LimitExceeded,
) -> None:
    refusals = Refusals(Clock())
    refusals.note(ACME, "anna", "auto", error)
    refusals.check(ACME, "anna", "auto")
