"""A response goes on with a conversation: it holds it, and what was said is put there once."""

import asyncio
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

from router.ask import Ask
from router.domain import Usage
from router.errors import BadRequest, NotFound, Unavailable, UpstreamFailed
from router.operations.response import parse_response
from router.operations.table import OPERATIONS
from router.pipeline.background import Background
from router.pipeline.conversing import Talk, talk_of
from router.pipeline.stored import KeptResponses
from router.stored.conversation import Reading

RESPONSE = next(row for row in OPERATIONS if row.name == "response")
ID = "conv_turnout_" + "1" * 32
SAID = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
ANSWER = orjson.dumps({"id": "resp_1", "output": [SAID | {"id": "msg_2"}, {"type": "odd"}]})
NOTHING_KEPT = FIXED + "tiers: {pro: {store: false}}\n"


@pytest.fixture
def talks() -> FakeTalks:
    made = FakeTalks()
    asked = {"type": "message", "id": "msg_0", "role": "user", "content": "One"}
    made.there["acme", ID] = (b"{}", [asked, SAID])
    return made


def kept_by(talks: FakeTalks, shelf: FakeShelf | None = None, **terms: Any) -> KeptResponses:
    usual: dict[str, Any] = {"by_default": True, "home": frozenset(), "most_bytes": 10_000}
    shelf = shelf or FakeShelf()
    background = Background(shelf, most=9, most_each=9)
    return KeptResponses(shelf, background, talks, **(usual | terms))


def body(**fields: Any) -> bytes:
    return orjson.dumps({"model": "auto", "input": "Two", "conversation": ID} | fields)


async def resumed(talks: FakeTalks, policy: str = FIXED, **fields: Any) -> Ask:
    terms = fields.pop("terms", {})
    ask = parse_response(body(**fields))
    kept = kept_by(talks, **terms)
    return await kept.resumed(parse_response, new_world(policy), ACME, ask, {})


async def walked(
    talks: FakeTalks, *script: Any, shelf: FakeShelf | None = None, **fields: Any
) -> FakeCaller:
    corridor = FakeCorridor.answering(*script, kept=kept_by(talks, shelf))
    caller = FakeCaller(body(**fields))
    await corridor.walk(caller, operation=RESPONSE)
    return caller


def names(talks: FakeTalks) -> list[str]:
    return [item["id"] for item in talks.there["acme", ID][1]]


@pytest.mark.parametrize("named", [ID, {"id": ID}])
async def test_everybody_sees_what_was_said_before(talks, named):
    ask = await resumed(talks, conversation=named)
    assert [turn.text for turn in ask.prompt.turns] == ["One", "", "Two"]
    assert "conversation" not in ask.body
    assert not ask.features
    assert ask.session == ID
    assert ask.kept.given == "Two"
    assert "id" not in ask.body["input"][0]


async def test_what_a_provider_calls_a_conversation_is_left_to_it(talks):
    ask = await resumed(talks, conversation="conv_1")
    assert ask.raw == body(conversation="conv_1")
    assert ask.kept is None


async def test_one_that_is_not_there_is_a_404(talks):
    talks.there["other", ID] = talks.there.pop(("acme", ID))
    with pytest.raises(NotFound) as caught:
        await resumed(talks)
    assert caught.value.message == f"Conversation with id '{ID}' not found."
    assert caught.value.code is None


async def test_one_that_is_too_long_is_refused_with_what_to_do(talks):
    with pytest.raises(BadRequest) as caught:
        await resumed(talks, terms={"most_bytes": 9})
    assert (caught.value.code, caught.value.param) == ("conversation_too_long", "conversation")


async def test_who_names_a_conversation_wants_it_to_go_on(talks):
    ask = await resumed(talks, terms={"by_default": False})
    assert ask.kept.wanted is True


@pytest.mark.parametrize("way", [{"store": False}, {"policy": NOTHING_KEPT}])
async def test_where_nothing_is_kept_it_is_read_and_not_added_to(talks, way):
    ask = await resumed(talks, **way)
    assert ask.prompt.turns[0].text == "One"
    assert ask.kept.wanted is False
    assert ask.kept.conversation == ID


async def test_what_was_asked_and_answered_is_put_there_before_its_end_is_told(talks):
    shelf = FakeShelf()
    caller = await walked(talks, FakeUpstream(body=ANSWER, usage=Usage(5, 3)), shelf=shelf)
    told = orjson.loads(caller.answer)
    assert told["conversation"] == {"id": ID}
    assert told["store"] is True
    assert talks.log == ["hold", "append"]
    first, second, asked, answered, odd = names(talks)
    assert (first, second, answered) == ("msg_0", "msg_1", "msg_2")
    assert asked.startswith("msg_")
    assert odd.startswith("item_")
    assert talks.there["acme", ID][1][2]["content"][0]["text"] == "Two"
    assert shelf.log == ["add"]


async def test_a_conversation_that_takes_nothing_is_told_as_not_stored():
    talks, shelf = FakeTalks(full=True), FakeShelf()
    talks.there["acme", ID] = (b"{}", [])
    caller = await walked(talks, FakeUpstream(body=ANSWER, usage=Usage(5, 3)), shelf=shelf)
    assert orjson.loads(caller.answer)["store"] is False
    assert talks.log == ["hold", "append", "release"]
    assert shelf.log == []


async def test_an_answer_that_failed_gives_the_conversation_back(talks):
    with pytest.raises(UpstreamFailed):
        await walked(talks, UpstreamFailed("away"))
    assert talks.log == ["hold", "release"]
    assert names(talks) == ["msg_0", "msg_1"]
    assert not talks.holders


async def test_nobody_answers_where_another_response_is_on_its_way(talks):
    talks.holders[ID] = "other"
    with pytest.raises(BadRequest) as caught:
        await walked(talks, FakeUpstream(body=ANSWER, usage=Usage(5, 3)))
    assert (caught.value.code, caught.value.param) == ("conversation_locked", "conversation")
    assert talks.holders == {ID: "other"}


async def test_one_that_was_deleted_meanwhile_is_a_404(talks):
    talk = await talk_of(talks, "acme", ID, most_bytes=9_999)
    talks.there.clear()
    with pytest.raises(NotFound):
        async with talk:
            pytest.fail("it was held")


async def test_what_is_private_is_answered_and_not_put_there(talks):
    policy = """\
version: 1
routes:
  auto:
    candidates: [local, moe]
    objective: fixed
    rules: [{name: stays, when: 'request.pii && request.tools', only: [local]}]
"""
    corridor = FakeCorridor.answering(
        FakeUpstream(body=ANSWER, usage=Usage(5, 3)), kept=kept_by(talks), world=new_world(policy)
    )
    caller = FakeCaller(body(input="Write to jane.doe@example.com about it."))
    await corridor.walk(caller, operation=RESPONSE)
    told = orjson.loads(caller.answer)
    assert (told["store"], told["conversation"]) == (False, {"id": ID})
    assert names(talks) == ["msg_0", "msg_1"]
    assert talks.log == ["hold", "release"]


async def test_work_in_the_background_goes_on_with_no_conversation(talks):
    with pytest.raises(BadRequest) as caught:
        await resumed(talks, background=True, max_output_tokens=9)
    assert caught.value.param == "background"


async def test_a_file_of_a_provider_may_be_named_in_a_conversation(talks):
    part = {"type": "input_file", "file_id": "file_1"}
    ask = await resumed(talks, input=[{"role": "user", "content": [part]}])
    assert "named_files" in ask.features
    assert ask.kept.talk is not None
    assert ask.body["input"][0]["content"] == "One"


async def test_a_conversation_is_held_as_long_as_it_takes_whatever_the_database_does(talks):
    renewed, times = asyncio.Event(), iter([None, None, None])

    class Away(FakeTalks):
        async def renew(self, id_: str, holder: str) -> bool:
            self.log.append("renew")
            if self.log.count("renew") == 1:
                raise Unavailable("away")
            renewed.set()
            return self.log.count("renew") < 3

    async def sleep(_seconds: float) -> None:
        next(times)
        await asyncio.sleep(0)

    away = Away()
    away.there = talks.there
    async with Talk(away, "acme", ID, Reading(2, ()), sleep=sleep):
        await renewed.wait()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert away.log == ["hold", "renew", "renew", "renew", "release"]
