"""Responses in passing: what is metered, what commits a stream, how one ends early."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from openai.types.responses import Response

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.openai import OpenAI
from router.backends.dialects.translated import Translation, dialect_of
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.protocols.passage import ErrorInside
from router.protocols.quirks import Quirks
from router.protocols.responses.passage import ResponseEvents, ResponsesPassage
from router.protocols.sse import data_of, encode
from router.protocols.unsupported import Unsupported

USAGE = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
BEGUN = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-x",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [],
}
PASSAGE = ResponsesPassage()


def asked(**fields: Any) -> Ask:
    return parse_response(json.dumps({"model": "a", "input": "Hello"} | fields).encode())


def event(kind: str, *, named: bool = True, **fields: Any) -> bytes:
    return encode(orjson.dumps({"type": kind, **fields}), kind.encode() if named else None)


def delta(text: str, kind: str = "output_text", *, named: bool = True) -> bytes:
    return event(f"response.{kind}.delta", named=named, output_index=0, delta=text)


def sent(backend: Backend, ask: Ask) -> dict[str, Any]:
    asking, _ = dialect_of(backend.dialect, ask, backend.speaks)
    body: dict[str, Any] = orjson.loads(
        asking.call(backend.deployments()[0], backend, ask, "r").body
    )
    return body


class TestStream:
    """One stream."""

    @pytest.mark.parametrize(
        "kind",
        [
            *("output_text", "refusal", "reasoning_summary_text", "reasoning_text"),
            *("function_call_arguments", "custom_tool_call_input", "made_up_tomorrow"),
        ],
    )
    @pytest.mark.parametrize("named", [True, False])
    def test_deltas_of_every_kind_are_content_and_counted(self, kind: str, named: bool) -> None:
        stream = ResponseEvents(asked())
        stream.feed(delta("Hello there, you.", kind, named=named))
        assert stream.has_content
        assert stream.output_tokens_seen == 5

    @pytest.mark.parametrize(
        ("item", "commits"),
        [
            ("message", False),
            ("reasoning", False),
            ("function_call", True),
            ("custom_tool_call", True),
            ("web_search_call", True),
        ],
    )
    def test_items_commit_where_they_say_something_at_once(self, item: str, commits: bool) -> None:
        stream = ResponseEvents(asked())
        stream.feed(event("response.output_item.added", output_index=0, item={"type": item}))
        assert stream.has_content is commits

    @pytest.mark.parametrize("kind", ["created", "queued", "in_progress", "content_part.added"])
    def test_the_beginning_commits_to_nothing(self, kind: str) -> None:
        stream = ResponseEvents(asked())
        stream.feed(event(f"response.{kind}", response=BEGUN, part={"type": "output_text"}))
        assert not stream.has_content

    def test_what_a_client_says_is_never_taken_for_an_events_kind(self) -> None:
        """A tool's schema is told back to the client: it may look like a delta."""
        tools = [{"type": "response.output_text.delta", "delta": "x" * 400}]
        stream = ResponseEvents(asked())
        for named in (True, False):
            stream.feed(event("response.created", named=named, response=BEGUN | {"tools": tools}))
        assert (stream.has_content, stream.output_tokens_seen) == (False, 0)
        response = BEGUN | {"tools": tools, "usage": USAGE}
        stream.feed(event("response.completed", named=False, response=response))
        assert stream.usage is not None
        assert stream.usage.output_tokens == 3

    def test_what_is_told_once_more_is_not_counted_twice(self) -> None:
        stream = ResponseEvents(asked())
        stream.feed(delta("Hello"))
        seen = stream.output_tokens_seen
        stream.feed(event("response.output_text.done", output_index=0, text="Hello"))
        assert stream.output_tokens_seen == seen

    def test_a_stream_whose_kinds_stand_in_the_data_alone_is_read(self) -> None:
        stream = ResponseEvents(asked())
        told = {"sequence_number": 3, "response": BEGUN | {"usage": USAGE}}
        last = b"data: " + orjson.dumps(told | {"type": "response.completed"}) + b"\n\n"
        assert stream.feed(last) == last
        assert stream.finished
        assert stream.model == "gpt-x"

    @pytest.mark.parametrize("named", [True, False])
    def test_a_failed_response_is_an_error(self, named: bool) -> None:
        error = {"code": "rate_limit_exceeded", "message": "slow down"}
        failed = BEGUN | {"status": "failed", "error": error}
        with pytest.raises(ErrorInside) as caught:
            ResponseEvents(asked()).feed(event("response.failed", named=named, response=failed))
        assert (caught.value.status, caught.value.message) == (429, "slow down")
        assert caught.value.body == {"error": error}  # by its code the cause is known

    def test_one_that_the_gateway_ends_repeats_what_was_whole(self) -> None:
        item = {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        }
        stream = ResponseEvents(asked())
        stream.feed(event("response.created", response=BEGUN))
        stream.feed(event("response.output_item.done", output_index=0, item=item) + delta("More"))
        told = orjson.loads(data_of(stream.cut("r1", "m", "the quota")) or b"")
        assert told["type"] == "response.incomplete"
        assert told["sequence_number"] == 3
        response = Response.model_validate(told["response"])
        assert response.output_text == "Hi"
        assert response.usage is not None
        assert response.usage.output_tokens > 0


class TestWhole:
    """One body."""

    def test_a_failed_response_is_an_error(self) -> None:
        failed = BEGUN | {"status": "failed", "error": {"code": "server_error", "message": "x"}}
        with pytest.raises(ErrorInside):
            PASSAGE.reply(orjson.dumps(failed), asked())


class TestWhoSpeaksIt:
    """What a backend is asked in."""

    def test_a_server_that_knows_it_gets_the_clients_bytes(self) -> None:
        backend = Backend(
            "b", "http://x/v1", "real", speaks=frozenset({"responses"}), shares_state=True
        )
        asking, passage = dialect_of(
            "openai", ask := asked(previous_response_id="r"), backend.speaks
        )
        call = asking.call(backend.deployments()[0], backend, ask, "r")
        assert call.target.url == "http://x/v1/responses"
        assert call.body == ask.raw.replace(b'"a"', b'"real"')
        assert isinstance(passage, ResponsesPassage)

    def test_one_whose_account_is_all_customers_is_asked_to_remember_nothing(self) -> None:
        backend = Backend("b", "http://x/v1", "real", speaks=frozenset({"responses"}))
        for given in ({}, {"store": True}, {"store": None}):
            assert sent(backend, asked(**given))["store"] is False
        ask = asked(store=False)
        call = OpenAI("responses", "/responses").call(backend.deployments()[0], backend, ask, "r")
        assert call.body == ask.raw.replace(b'"a"', b'"real"')

    def test_a_server_that_takes_no_store_is_not_told_any(self) -> None:
        quirks = Quirks(drop=frozenset({"store"}))
        backend = Backend("b", "http://x/v1", "real", dialect="responses", quirks=quirks)
        assert "store" not in sent(backend, asked())

    @pytest.mark.parametrize("store", [None, False])
    def test_a_thought_that_is_only_named_is_not_looked_for_there(self, store) -> None:
        thought = {"type": "reasoning", "id": "rs_1", "summary": []}
        sealed = thought | {"id": "rs_2", "encrypted_content": "S=="}
        open_ = thought | {"id": "rs_3", "content": [{"type": "reasoning_text", "text": "Hm."}]}
        said = {"type": "message", "id": "msg_1", "role": "assistant", "content": "Yes."}
        backend = Backend("b", "http://x/v1", "real", dialect="responses")
        ask = asked(input=[thought, sealed, open_, said], store=store)
        nameless = {name: held for name, held in said.items() if name != "id"}
        assert sent(backend, ask)["input"] == [sealed, open_, nameless]
        kept = replace(backend, shares_state=True)
        assert sent(kept, ask)["input"] == [thought, sealed, open_, said]

    def test_any_other_is_asked_in_its_own_words(self) -> None:
        asking, _ = dialect_of("openai", asked())
        assert isinstance(asking, Translation)

    def test_a_server_that_knows_messages_too_gets_them_as_they_came(self) -> None:
        ask = parse_message(
            b'{"model":"a","max_tokens":5,"messages":[{"role":"user","content":"x"}]}'
        )
        backend = Backend("b", "http://x/v1", "real", speaks=frozenset({"messages"}))
        asking, _ = dialect_of("openai", ask, backend.speaks)
        call = asking.call(backend.deployments()[0], backend, ask, "r")
        assert call.target.url == "http://x/v1/messages"
        assert call.body == ask.raw.replace(b'"a"', b'"real"')

    def test_one_that_knows_nothing_else_is_asked_so_by_chats_too(self) -> None:
        ask = parse_chat(b'{"model":"a","messages":[{"role":"user","content":"x"}]}')
        backend = Backend("b", "http://x/v1", "real", dialect="responses")
        assert sent(backend, ask) == {
            "model": "real",
            "input": [{"type": "message", "role": "user", "content": "x"}],
            "store": False,
        }

    def test_thoughts_that_others_sealed_stay_behind(self) -> None:
        own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S=="}
        foreign = own | {"encrypted_content": "turnout:messages:Q=="}
        said = {"role": "user", "content": "turnout: is a word"}
        backend = Backend("b", "http://x", "m", dialect="responses")
        assert sent(backend, asked(input=[own, foreign, said]))["input"] == [own, said]

    def test_a_server_without_developers_gets_them_as_the_system(self) -> None:
        items = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "x"}]
        quirks = Quirks(developer_role=False)
        backend = Backend("b", "http://x", "m", dialect="responses", quirks=quirks)
        assert [item["role"] for item in sent(backend, asked(input=items))["input"]] == [
            "system",
            "user",
        ]

    def test_a_chats_custom_tool_is_a_function_to_anthropic_and_itself_in_the_answer(self) -> None:
        ask = parse_chat(
            b'{"model":"a","messages":[{"role":"user","content":"x"}],'
            b'"tools":[{"type":"custom","custom":{"name":"run"}}]}'
        )
        asking, passage = dialect_of("anthropic", ask)
        backend = Backend("b", "http://x", "m", dialect="anthropic")
        body = orjson.loads(asking.call(backend.deployments()[0], backend, ask, "r").body)
        assert body["tools"][0]["input_schema"]["required"] == ["input"]
        used = {"type": "tool_use", "id": "t", "name": "run", "input": {"input": "ls"}}
        answer = {"content": [used], "stop_reason": "tool_use", "model": "m"}
        told = orjson.loads(passage.reply(orjson.dumps(answer), ask).body)
        (call,) = told["choices"][0]["message"]["tool_calls"]
        assert call == {"id": "t", "type": "custom", "custom": {"name": "run", "input": "ls"}}

    @pytest.mark.parametrize("given", ["{}", '{"input":7}', "broken {"])
    def test_what_a_model_says_instead_of_a_text_is_not_lost(self, given: str) -> None:
        ask = asked(tools=[{"type": "custom", "name": "run"}])
        asking, passage = dialect_of("openai", ask)
        backend = Backend("b", "http://x", "m", quirks=Quirks(custom_tools=False))
        asking.call(backend.deployments()[0], backend, ask, "r")
        function = {"name": "run", "arguments": given}
        message = {"content": None, "tool_calls": [{"id": "c", "function": function}]}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        (item,) = orjson.loads(passage.reply(orjson.dumps(answer), ask).body)["output"]
        assert (item["type"], item["input"]) == ("custom_tool_call", given)

    def test_refusals_say_what_to_do(self) -> None:
        with pytest.raises(Unsupported) as caught:
            dialect_of("anthropic", asked(previous_response_id="r"))
        assert "'input'" in caught.value.advice

    def test_a_hosted_tool_is_left_out_and_named_where_the_operator_says_so(self) -> None:
        tools = [{"type": "web_search"}, {"type": "function", "name": "f"}]
        ask = asked(tools=tools)
        asking, passage = dialect_of("openai", ask)
        quirks = Quirks(drop=frozenset({"tools.web_search"}))
        backend = Backend("b", "http://x", "m", quirks=quirks)
        body = orjson.loads(asking.call(backend.deployments()[0], backend, ask, "r").body)
        assert [tool["function"]["name"] for tool in body["tools"]] == ["f"]
        assert passage.notes == (("x-turnout-dropped", "tools.web_search"),)
