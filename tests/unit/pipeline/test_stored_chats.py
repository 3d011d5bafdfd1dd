"""Chats that are to be kept, on the corridor: which are, and that no backend is asked to."""

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
from router.pipeline.stored_chats import KeptChats, kept_chats
from router.protocols.chat.kept import shown, stored_name
from router.world.config import Config

ANSWER = b'{"id": "chatcmpl-7","choices":[{"index":0,"message":{"content":"Hi"}}]}'
NAME = ("acme", stored_name("acme", "chatcmpl-7"))
PRIVATE = """\
version: 1
routes:
  auto:
    candidates: [local, moe]
    objective: fixed
    rules:
      - {name: home, when: request.pii, only: [local]}
"""


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
