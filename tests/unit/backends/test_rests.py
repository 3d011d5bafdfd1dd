"""A rest that a server asks for is one customer's until another was told the same."""

import pytest

from router.backends.health.blame import Blame
from router.backends.health.rests import MOST_RESTING, Rests
from router.backends.health.voice import Voice

SMALL, LARGE = "chat size0", "chat size2"
BAD, BAD_TOO = Voice("bad", LARGE), Voice("bad", SMALL)
GOOD = Voice("good", SMALL)


def told(*voices: Voice, seconds: float = 60.0, at: float = 0.0) -> Blame:
    blame = Blame()
    for voice in voices:
        blame.told_to_rest(seconds, at, voice)
    return blame


def test_who_was_told_to_stay_away_rests_with_its_kind_of_request_alone() -> None:
    blame = told(BAD)
    assert not blame.allows(59.0, BAD)
    assert blame.resting(20.0, BAD) == 40.0
    assert blame.allows(0.0, BAD_TOO)
    assert blame.allows(0.0, GOOD)
    assert blame.answers(0.0)
    assert blame.allows(60.0, BAD)


def test_a_customer_that_was_told_twice_rests_with_everything() -> None:
    blame = told(BAD, BAD_TOO)
    assert not blame.allows(59.0, Voice("bad", "embedding size0"))
    assert blame.allows(0.0, GOOD)
    assert blame.answers(0.0)


def test_a_customer_never_rests_others_however_often_it_is_told() -> None:
    blame = told(*[BAD] * 20, *[BAD_TOO] * 20)
    assert blame.allows(0.0, GOOD)


def test_once_two_customers_were_told_everybody_rests() -> None:
    blame = told(BAD, GOOD)
    assert not blame.answers(59.0)
    assert not blame.allows(59.0, Voice("new", "embedding size0"))
    assert blame.allows(60.0, Voice("new", SMALL))


def test_everybody_rests_only_as_long_as_two_customers_were_told() -> None:
    blame = told(BAD, seconds=3600.0)
    blame.told_to_rest(2.0, 0.0, GOOD)
    assert not blame.allows(1.9, Voice("new", SMALL))
    assert blame.allows(2.0, Voice("new", SMALL))
    assert not blame.allows(2.0, BAD)
    blame.told_to_rest(30.0, 3.0, BAD_TOO)  # it alone
    assert blame.allows(3.0, Voice("new", SMALL))


@pytest.mark.parametrize(("sent", "rests"), [(1.0, False), (-1.0, True)])
def test_a_request_sent_since_that_is_let_in_shows_that_others_are_not_meant(
    sent: float, rests: bool
) -> None:
    blame = told(BAD)
    blame.let_in(sent)
    blame.told_to_rest(60.0, 2.0, GOOD)
    assert blame.allows(2.0, Voice("new", SMALL)) is not rests
    assert not blame.allows(2.0, BAD)
    assert not blame.allows(2.0, GOOD)


def test_a_rest_that_is_over_is_counted_with_no_other() -> None:
    blame = told(BAD, seconds=1.0)
    blame.told_to_rest(60.0, 5.0, GOOD)
    assert blame.allows(5.0, Voice("new", SMALL))


def test_all_is_clear_again_once_the_rests_are_over_and_something_was_answered() -> None:
    blame = told(BAD)
    blame.succeeded(1.0, GOOD)
    assert not blame.all_clear
    blame.succeeded(60.0, GOOD)
    assert blame.all_clear


def test_rests_that_are_remembered_are_bounded() -> None:
    rests = Rests()
    for number in range(4 * MOST_RESTING):
        rests.refused(Voice("one", f"kind {number}"), 60.0 + number, 0.0)
    known = [rests.resting(Voice("other", f"kind {number}"), 0.0) for number in range(9)]
    assert not any(known)
    assert len(rests._refusals) == MOST_RESTING
