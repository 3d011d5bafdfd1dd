"""A caller whose chat is kept: stored first, told as it came."""

import pytest
from fakes.caller import FakeCaller
from fakes.chat_shelf import FakeChatShelf

from router.pipeline.keeping_chats import KeepingChatCaller
from router.protocols.chat.kept import shown, stored_name

ANSWER = b'{"id": "chatcmpl-7","choices":[{"index":0,"message":{"content":"Hi"}}]}'
CHUNK = b'data: {"id":"chatcmpl-7","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
NAME = ("acme", stored_name("acme", "chatcmpl-7"))
GIVEN = {"model": "auto", "messages": [], "metadata": {"a": "b"}}


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
