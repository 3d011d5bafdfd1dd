"""A server is blamed for what is the server's: promises by the clock that the test holds."""

import orjson
import pytest

from router.backends.health.blame import (
    MEMORY,
    MOST_CUSTOMERS,
    MOST_KINDS,
    Blame,
)
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.voice import Voice, kind_of, subject_of
from router.operations.chat import parse_chat
from router.operations.embedding import parse_embedding

POLICY = BreakerPolicy(threshold=3, rest=10.0, max_rest=80.0, ramp=1)
IMAGE, TEXT = "chat vision size0", "chat size0"
TOOL = {"type": "function", "function": {"name": "f"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def failing(blame: Blame, *voices: Voice, at: float = 0.0) -> Blame:
    for voice in voices:
        blame.began(at, voice)
        blame.failed(at, voice)
    return blame


def voices(kind: str, *customers: str) -> list[Voice]:
    return [Voice(customer, kind) for customer in customers]


def test_nothing_is_held_against_a_server_that_never_failed() -> None:
    blame = Blame(POLICY)
    assert blame.all_clear
    assert blame.answers(0.0)
    assert blame.allows(0.0, Voice("acme", TEXT))


def test_one_customers_failing_requests_keep_nobody_else_away() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, *["bad"] * 20))
    assert blame.answers(0.0)
    assert blame.allows(0.0, Voice("good", IMAGE))
    assert blame.allows(0.0, Voice("bad", TEXT))
    assert not blame.allows(0.0, Voice("bad", IMAGE))  # who does nothing else waits
    assert blame.resting(0.0, Voice("good", IMAGE)) == 0.0
    assert blame.resting(0.0, Voice("bad", IMAGE)) == 80.0


def test_a_kind_that_fails_for_several_rests_and_other_kinds_go_on() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, "a", "b", "c"))
    assert not blame.allows(1.0, Voice("d", IMAGE))
    assert blame.allows(1.0, Voice("a", TEXT))
    blame.succeeded(1.0, Voice("a", TEXT))
    assert blame.answers(1.0)
    assert not blame.all_clear


def test_a_few_among_many_who_fail_are_the_requests_fault() -> None:
    blame = failing(Blame(POLICY), Voice("a", TEXT))
    for customer in "cdefg":
        blame.succeeded(0.0, Voice(customer, TEXT))
    failing(blame, *voices(TEXT, "a", "b", "a", "b"))
    assert blame.allows(1.0, Voice("c", TEXT))
    assert blame.answers(1.0)


def test_a_server_at_which_nothing_goes_well_does_not_answer() -> None:
    blame = failing(Blame(POLICY), *voices(TEXT, "a", "b", "c"))
    assert not blame.answers(9.0)
    assert blame.answers(10.0)
    blame.began(10.0, Voice("d", TEXT))
    blame.succeeded(10.0, Voice("d", TEXT))
    assert blame.answers(10.0)


def test_the_first_to_try_a_kind_again_is_nobody_who_failed() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, "bad", "bad", "bad", "unlucky"))
    assert not blame.allows(10.0, Voice("bad", IMAGE))
    assert not blame.allows(10.0, Voice("unlucky", IMAGE))
    assert blame.allows(10.0, Voice("new", IMAGE))
    blame.began(10.0, Voice("new", IMAGE))
    assert not blame.allows(10.0, Voice("newer", IMAGE))  # one at a time
    blame.succeeded(10.0, Voice("new", IMAGE))
    assert blame.allows(10.0, Voice("newer", IMAGE))


def test_who_failed_less_may_try_again_sooner() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, "bad", "bad", "bad", "unlucky"))
    assert blame.allows(14.0, Voice("unlucky", IMAGE))
    assert not blame.allows(14.0, Voice("bad", IMAGE))


def test_a_failed_probe_of_the_kind_doubles_its_rest() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, "a", "b", "c"))
    failing(blame, Voice("d", IMAGE), at=10.0)
    assert not blame.allows(29.0, Voice("e", IMAGE))
    assert blame.allows(30.0, Voice("e", IMAGE))


def test_one_customer_alone_cannot_keep_a_kind_resting() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, "a", "a", "b"))
    now, asked = 0.0, 0
    while now < 400.0:
        now += 1.0
        if blame.allows(now, Voice("a", IMAGE)):
            failing(blame, Voice("a", IMAGE), at=now)
            asked += 1
    assert asked
    assert blame.allows(now, Voice("b", IMAGE))


@pytest.mark.parametrize(
    ("customers", "subjects", "between", "allowed"),
    [
        (3, 3, False, False),
        (2, 9, False, True),
        (9, 2, False, True),
        (9, 9, True, True),
    ],
    ids=["many of several", "of too few", "too few", "something was answered"],
)
def test_requests_that_fail_everywhere_are_the_servers_fault_once_they_are_many(
    customers: int, subjects: int, between: bool, allowed: bool
) -> None:
    blame = Blame(POLICY)
    for number in range(18):
        blame.failed_alike(0.0, Voice(f"c{number % customers}", TEXT), number % subjects)
        if between:
            blame.succeeded(0.0, Voice("good", TEXT))
    assert blame.allows(0.0, Voice("new", TEXT)) is allowed
    assert blame.answers(0.0) is allowed


def test_requests_that_fail_everywhere_are_forgotten_after_a_while_and_at_an_answer() -> None:
    blame = Blame(POLICY)
    for number in range(40):
        blame.failed_alike(number * MEMORY, Voice(f"c{number}", TEXT), number)
    assert blame.allows(39 * MEMORY, Voice("new", TEXT))
    assert not blame.all_clear
    blame.succeeded(40 * MEMORY, Voice("new", TEXT))
    assert blame.all_clear


def test_requests_are_about_the_same_whoever_sends_them() -> None:
    one, same, other = (
        parse_chat(orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}]}))
        for model, text in (("a", "x"), ("b", "x"), ("a", "y"))
    )
    assert subject_of(one) == subject_of(same) != subject_of(other)


def test_only_a_server_that_cannot_be_reached_rests_whole() -> None:
    blame = Blame(POLICY)
    for _ in range(3):
        blame.unreachable(0.0)
    assert not blame.answers(9.0)
    assert not blame.allows(9.0, Voice("a", TEXT))


def test_a_request_of_a_kind_that_fails_is_not_the_first_to_try_a_server_that_was_down() -> None:
    blame = failing(Blame(POLICY), Voice("bad", IMAGE))
    for _ in range(3):
        blame.unreachable(0.0)
    assert not blame.allows(10.0, Voice("good", IMAGE))
    assert blame.allows(10.0, Voice("good", TEXT))
    assert blame.allows(20.0, Voice("good", IMAGE))  # nobody else came


def test_a_failed_request_says_that_the_server_is_there() -> None:
    blame = Blame(POLICY)
    for _ in range(3):
        blame.unreachable(0.0)
    failing(blame, Voice("bad", IMAGE), at=10.0)
    assert blame.answers(10.0)
    assert blame.allows(10.0, Voice("good", TEXT))


def test_a_rest_that_the_server_asks_for_holds_for_everybody() -> None:
    blame = Blame(POLICY)
    blame.rest_for(30.0, 0.0, Voice("a", TEXT))
    assert not blame.allows(29.0, Voice("b", IMAGE))
    assert blame.allows(30.0, Voice("b", IMAGE))


def test_all_is_clear_again_once_failures_are_answered_or_forgotten() -> None:
    blame = failing(Blame(POLICY), Voice("a", TEXT))
    blame.succeeded(1.0, Voice("b", TEXT))
    assert not blame.all_clear
    blame.succeeded(2.0, Voice("a", TEXT))
    assert blame.all_clear
    failing(blame, Voice("a", IMAGE), at=3.0)
    blame.succeeded(130.0, Voice("b", TEXT))
    assert blame.all_clear


def test_an_abandoned_probe_frees_its_place() -> None:
    blame = failing(Blame(POLICY), *voices(IMAGE, "a", "b", "c"))
    blame.began(10.0, Voice("d", IMAGE))
    blame.abandoned(Voice("d", IMAGE))
    assert blame.allows(10.0, Voice("e", IMAGE))


def test_what_is_remembered_is_bounded() -> None:
    blame = Blame(POLICY)
    for number in range(10_000):
        kind = f"kind {number % 100}"
        failing(blame, Voice(f"customer {number}", kind), at=number / 1000)
    assert len(blame._kinds) <= MOST_KINDS
    assert all(len(record.lucks) <= MOST_CUSTOMERS for record in blame._kinds.values())


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "chat size0"),
        ({"stream": True}, "chat size0"),
        ({"tools": [TOOL]}, "chat size0 tools"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "chat size0 vision"),
        ({"messages": [{"role": "user", "content": "x" * 5000}]}, "chat size1"),
        ({"messages": [{"role": "user", "content": "x" * 2_000_000}]}, "chat size3"),
    ],
)
def test_requests_are_of_a_kind_by_what_they_need(fields: dict[str, object], kind: str) -> None:
    body = {"model": "a", "messages": [{"role": "user", "content": "x"}]} | fields
    assert sorted(kind_of(parse_chat(orjson.dumps(body))).split()) == sorted(kind.split())


def test_another_operation_is_another_kind() -> None:
    assert kind_of(parse_embedding(b'{"model":"a","input":"x"}')) == "embedding size0"
