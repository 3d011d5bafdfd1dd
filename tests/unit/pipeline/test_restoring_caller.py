"""A caller that restores: what it is sent, in which order, and what it tells the one behind it."""

import orjson
from fakes.backends import DONE, chunk
from fakes.caller import FakeCaller

from policies.pii.placeholders import Placeholders
from router.pipeline.restoring_caller import RestoringCaller
from router.protocols.restoring import StreamRestorer


def restoring(caller: FakeCaller) -> RestoringCaller:
    placeholders = Placeholders()
    placeholders.standing_for("jane@example.com", "email")
    return RestoringCaller(
        caller, placeholders, StreamRestorer("chat", placeholders, structured=False)
    )


async def test_a_whole_answer_is_restored_and_headers_go_through():
    caller = FakeCaller()
    outer = restoring(caller)
    outer.headers += [("a", "b")]
    outer.backend, outer.content_type = "moe", "application/json"
    await outer.send(b'{"a": "<EMAIL_1>"}')
    assert caller.answer == b'{"a": "jane@example.com"}'
    assert (caller.headers, caller.backend) == ([("a", "b")], "moe")
    assert caller.content_type == "application/json"


async def test_a_stream_is_restored_across_blocks_and_nothing_is_held_back_at_its_end():
    caller = FakeCaller()
    outer = restoring(caller)
    await outer.start()
    stream = b"".join(map(chunk, ("a <EMA", "IL_1", "> b", " <EMAI"))) + DONE
    for at in range(0, len(stream), 7):
        assert not outer.put(stream[at : at + 7])
        await outer.write(stream[at : at + 7])
    await outer.end()
    lines = [line[6:] for line in caller.answer.split(b"\n") if line.startswith(b"data: {")]
    said = [orjson.loads(line)["choices"][0]["delta"]["content"] for line in lines]
    assert "".join(said) == "a jane@example.com b <EMAI"
    assert (len(said), caller.complete) == (4, True)
    assert caller.answer.endswith(DONE)


async def test_what_is_cut_off_within_an_event_is_still_told():
    caller = FakeCaller()
    outer = restoring(caller)
    await outer.write(chunk("a <EMAIL_1")[:-2])
    await outer.end()
    assert caller.answer == chunk("a <EMAIL_1")[:-2]
