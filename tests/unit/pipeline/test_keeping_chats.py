"""Chats that are to be kept: stored first, told as they came, and not at backends."""

from typing import Any

import orjson
import pytest
from fakes.backends import FakeUpstream
from fakes.caller import FakeCaller
from fakes.chat_shelf import FakeChatShelf
from fakes.corridor import FakeCorridor
from fakes.world import CASCADE, FIXED, new_world

from router.domain import Usage
from router.errors import BadRequest
from router.pipeline.keeping_chats import KeepingChatCaller
from router.pipeline.stored_chats import KeptChats, kept_chats
from router.protocols.chat.kept import shown, stored_name
from router.world.config import Config

ANSWER = b'{"id": "chatcmpl-7","choices":[{"index":0,"message":{"content":"Hi"}}]}'
CHUNK = b'data: {"id":"chatcmpl-7","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
NAME = ("acme", stored_name("acme", "chatcmpl-7"))
GIVEN = {"model": "auto", "messages": [], "metadata": {"a": "b"}}
PRIVATE = """\
version: 1
routes:
  auto:
    candidates: [local, moe]
    objective: fixed
    rules:
      - {name: home, when: request.pii, only: [local]}
"""


def keeping(caller: FakeCaller, shelf: FakeChatShelf) -> KeepingChatCaller:
    shelf.log = caller.log
    return KeepingChatCaller(caller, shelf, "acme", GIVEN)


async def test_a_whole_answer_is_stored_and_then_sent_as_it_came() -> None:
    caller, shelf = FakeCaller(), FakeChatShelf()
    await keeping(caller, shelf).send(ANSWER)
    assert (caller.log, caller.answer) == (["add", "send"], ANSWER)
    assert shown(shelf.there[NAME].document)["metadata"] == {"a": "b"}


async def test_a_stream_is_stored_before_its_end_is_told_and_nothing_else_waits() -> None:
    caller, shelf = FakeCaller(), FakeChatShelf()
    keeper = keeping(caller, shelf)
    await keeper.start()
    assert keeper.put(CHUNK)
    assert not keeper.put(DONE)
    await keeper.write(DONE)
    await keeper.end()
    assert (caller.log, caller.answer) == (["start", "put", "add", "write", "end"], CHUNK + DONE)
    assert shown(shelf.there[NAME].document)["choices"][0]["message"]["content"] == "Hi"


@pytest.mark.parametrize("answer", [b"no JSON", b"{}", b"[]", b'{"id":"a b"}', b'{"id":5}'])
async def test_an_answer_that_nobody_could_ask_for_is_sent_and_not_kept(answer: bytes) -> None:
    caller, shelf = FakeCaller(), FakeChatShelf()
    await keeping(caller, shelf).send(answer)
    assert (caller.answer, shelf.there) == (answer, {})


async def test_a_stream_without_an_end_is_not_kept() -> None:
    caller, shelf = FakeCaller(), FakeChatShelf()
    keeper = keeping(caller, shelf)
    await keeper.write(CHUNK)
    await keeper.end()
    assert shelf.there == {}


async def walked(shelf: FakeChatShelf, policy: str = FIXED, **body: Any) -> FakeCorridor:
    upstream = FakeUpstream(body=ANSWER, usage=Usage(1, 1))
    corridor = FakeCorridor.answering(
        upstream, chats=KeptChats(shelf, frozenset()), world=new_world(policy)
    )
    await corridor.walk(FakeCaller.asking(**body))
    return corridor


async def test_no_backend_is_asked_to_keep_what_the_gateway_keeps() -> None:
    shelf = FakeChatShelf()
    corridor = await walked(shelf, store=True, metadata={"a": "b"}, temperature=1)
    ask = corridor.finished_records[-1].context.ask
    assert set(orjson.loads(ask.raw)) == {"model", "messages", "temperature"}
    assert set(ask.members) == set(ask.body) == {"model", "messages", "temperature"}
    assert shown(shelf.there[NAME].document)["metadata"] == {"a": "b"}


@pytest.mark.parametrize("store", [False, None])
async def test_a_chat_that_does_not_ask_for_it_is_not_kept_and_goes_as_it_came(store: Any) -> None:
    shelf = FakeChatShelf()
    corridor = await walked(shelf, store=store, metadata={"a": "b"})
    assert shelf.there == {}
    assert orjson.loads(corridor.finished_records[-1].context.ask.raw)["store"] is store


async def test_a_tier_may_keep_nothing_and_what_is_private_stays_at_home() -> None:
    shelf = FakeChatShelf()
    await walked(shelf, FIXED + "tiers: {pro: {store: false}}\n", store=True)
    private = {"text": "Write to jane.doe@example.com about it.", "store": True}
    await walked(shelf, PRIVATE, **private)
    assert shelf.there == {}


async def test_an_answer_of_a_cascade_is_kept_too() -> None:
    shelf = FakeChatShelf()
    await walked(shelf, CASCADE, store=True)
    assert [*shelf.there] == [NAME]


@pytest.mark.parametrize("wrong", [{"metadata": {"a": 1}}, {"store": "yes"}])
async def test_what_cannot_be_kept_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await walked(FakeChatShelf(), **({"store": True} | wrong))


def test_nothing_is_kept_without_a_key() -> None:
    assert kept_chats("sqlite://", Config.model_construct()) is None
