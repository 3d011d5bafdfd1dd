"""What a request names is put in its place before anybody looks at it."""

import asyncio
import json
from functools import partial
from typing import Any

import orjson
import pytest
from fakes.backends import FakeUpstream
from fakes.caller import FakeCaller
from fakes.corridor import FakeCorridor
from fakes.parts import ACME
from fakes.shelf import FakeShelf
from fakes.talks import FakeTalks
from fakes.world import FIXED, new_world

from bench.instructions import instructions
from router.ask import STORED_STATE, Ask
from router.domain import Usage
from router.errors import BadRequest
from router.operations.response import parse_response
from router.operations.table import OPERATIONS
from router.pipeline.background import Background
from router.pipeline.stored import MOST_RESPONSES, KeptResponses, kept_responses
from router.protocols.responses.kept import document_of, kept_id
from router.stored.response import StoredResponse
from router.world.config import Config

RESPONSE = next(row for row in OPERATIONS if row.name == "response")
FIRST, SECOND = kept_id("1" * 32), kept_id("2" * 32)
SAID = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
PRIVATE = """\
version: 1
routes:
  auto:
    candidates: [local, moe]
    objective: fixed
    rules:
      - {name: stays, when: 'request.pii && request.tools', only: [local]}
"""
MAIL = "Write to jane.doe@example.com about it."


def answered(text: str, *output: dict[str, Any]) -> bytes:
    return document_of(orjson.dumps({"output": [*output]}), text, "u")


@pytest.fixture
def shelf() -> FakeShelf:
    made = FakeShelf()
    first = StoredResponse(FIRST, None, answered("One", SAID), (("msg_1", orjson.dumps(SAID)),))
    made.there["acme", FIRST] = first
    made.there["acme", SECOND] = StoredResponse(SECOND, FIRST, answered("Two"))
    return made


def kept_by(shelf: FakeShelf, **terms: Any) -> KeptResponses:
    usual: dict[str, Any] = {
        "by_default": True,
        "home": frozenset({"local"}),
        "most_bytes": 10_000,
    }
    background = Background(shelf, most=9, most_each=9)
    return KeptResponses(shelf, background, FakeTalks(), **(usual | terms))


async def resumed(shelf: FakeShelf, policy: str = FIXED, **body: Any) -> Ask:
    terms = body.pop("terms", {})
    raw = orjson.dumps({"model": "auto", "input": "Three"} | body)
    ask = parse_response(raw)
    kept = kept_by(shelf, **terms)
    return await kept.resumed(parse_response, new_world(policy), ACME, ask, {})


async def test_everybody_sees_the_whole_conversation(shelf):
    ask = await resumed(shelf, previous_response_id=SECOND)
    assert [turn.text for turn in ask.prompt.turns] == ["One", "", "Two", "Three"]
    assert "previous_response_id" not in ask.body
    assert STORED_STATE not in ask.features
    assert json.loads(ask.raw) == ask.body
    assert "One" in "".join(ask.texts())
    assert ask.kept.previous == SECOND
    assert ask.kept.given == "Three"


async def test_what_another_organization_has_is_not_there(shelf):
    shelf.there = {("other", id_): one for (_, id_), one in shelf.there.items()}
    with pytest.raises(BadRequest) as caught:
        await resumed(shelf, previous_response_id=SECOND)
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.message == f"Previous response with id '{SECOND}' not found."


async def test_a_conversation_that_is_too_long_is_refused_with_what_to_do(shelf):
    with pytest.raises(BadRequest) as caught:
        await resumed(shelf, previous_response_id=SECOND, terms={"most_bytes": 9})
    assert caught.value.code == "conversation_too_long"
    named = [{"type": "item_reference", "id": "msg_1"}]
    with pytest.raises(BadRequest) as caught:
        await resumed(shelf, input=named, terms={"most_bytes": 9})
    assert (caught.value.code, caught.value.param) == ("conversation_too_long", "input")
    assert str(MOST_RESPONSES) in caught.value.message


async def test_what_a_provider_keeps_goes_to_it_as_it_came(shelf):
    for body in (
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"input": [{"type": "item_reference", "id": "msg_other"}]},
    ):
        raw = orjson.dumps({"model": "auto", "input": "Three"} | body)
        ask = await resumed(shelf, **body)
        assert ask.raw == raw
        assert ask.kept is None


async def test_an_item_of_ours_is_put_where_it_is_named(shelf):
    named = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Go on."}]
    ask = await resumed(shelf, input=named)
    assert ask.body["input"][0]["role"] == "assistant"
    assert ask.kept.given[0] == SAID


@pytest.mark.parametrize(
    ("store", "by_default", "wanted"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
async def test_a_response_is_kept_where_it_is_wanted(shelf, store, by_default, wanted):
    body = {} if store is None else {"store": store}
    ask = await resumed(shelf, terms={"by_default": by_default}, **body)
    assert (ask.kept is not None) is wanted
    assert ask.body["store"] is False
    assert json.loads(ask.raw)["store"] is False


async def test_store_false_is_left_as_it_came(shelf):
    raw = b'{ "model":"auto", "input":"x", "store":false }'
    ask = parse_response(raw)
    same = await kept_by(shelf).resumed(parse_response, new_world(), ACME, ask, {})
    assert same is ask


async def test_a_tier_may_be_off(shelf):
    policy = FIXED + "tiers: {pro: {store: false}}\n"
    assert (await resumed(shelf, policy, store=True)).kept is None
    continued = await resumed(shelf, policy, previous_response_id=FIRST)
    assert continued.kept.wanted is False


async def test_a_thought_that_nobody_was_asked_to_remember_is_left_out(shelf):
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    given = [{"role": "user", "content": "x"}, thought]
    ask = await resumed(shelf, input=given)
    assert ask.body["input"] == given[:1]
    assert (await resumed(shelf, input=given, store=False)).body["input"] == given


@pytest.mark.parametrize(
    ("text", "tools", "stored"),
    [("Hello", False, True), (MAIL, False, False), (MAIL, True, True)],
)
async def test_what_is_private_is_kept_at_home_alone(shelf, text, tools, stored):
    body = b'{"id":"resp_1","store":false,"output":[]}'
    world = new_world(PRIVATE)
    corridor = FakeCorridor.answering(FakeUpstream(body=body), world=world, kept=kept_by(shelf))
    asked: dict[str, Any] = {"model": "auto", "input": text}
    if tools:
        asked["tools"] = [{"type": "function", "name": "f", "parameters": {}}]
    caller = FakeCaller(orjson.dumps(asked))
    await corridor.walk(caller, operation=RESPONSE)
    assert json.loads(caller.answer)["store"] is stored
    assert (("acme", kept_id(caller.id)) in shelf.there) is stored


async def test_what_is_worked_on_cannot_be_continued_yet(shelf):
    running = orjson.dumps({"background": True, "status": "in_progress", "output": []})
    shelf.there["acme", SECOND] = StoredResponse(SECOND, FIRST, document_of(running, "Two", "u"))
    with pytest.raises(BadRequest) as caught:
        await resumed(shelf, previous_response_id=SECOND)
    assert "still worked on" in caught.value.message


@pytest.mark.parametrize(
    ("body", "terms", "policy", "words"),
    [
        ({"store": False}, {}, FIXED, "'store' to be true"),
        ({}, {"by_default": False}, FIXED, "Send 'store: true'"),
        ({"store": True}, {}, FIXED + "tiers: {pro: {store: false}}\n", "this tier"),
        ({"conversation": "conv_1"}, {}, FIXED, "only a provider keeps"),
    ],
)
async def test_the_background_needs_a_response_that_is_kept(shelf, body, terms, policy, words):
    with pytest.raises(BadRequest) as caught:
        await resumed(shelf, policy, background=True, terms=terms, **body)
    assert caught.value.param == "background"
    assert words in caught.value.message


async def test_no_backend_is_asked_for_the_background(shelf):
    ask = await resumed(shelf, background=True, previous_response_id=SECOND)
    assert ask.kept.background
    assert "background" not in ask.body
    assert json.loads(ask.raw) == ask.body


def test_nothing_is_kept_without_a_key():
    config = Config.model_construct()
    assert kept_responses("sqlite://", config) is None


def test_a_chat_costs_the_same_whether_responses_are_kept_or_not(shelf):
    async def walk(kept: KeptResponses | None) -> None:
        upstream = FakeUpstream(body=b"{}", usage=Usage(1, 1))
        await FakeCorridor.answering(upstream, kept=kept).walk(FakeCaller.asking())

    asyncio.run(walk(None))  # what is done once
    counts = [
        asyncio.run(instructions(partial(walk, kept))) for kept in (None, kept_by(shelf), None)
    ]
    assert len(set(counts)) == 1
