"""What is kept of a response, and what a kept one says: three members told anew."""

import json
from typing import Any

import pytest

from router.protocols.responses.kept import (
    Kept,
    document_of,
    has_unsealed,
    input_items,
    is_kept_id,
    is_reference,
    items_of,
    kept_id,
    life_event,
    may_tell_life,
    named_items,
    replayed,
    retold,
)

ID = kept_id("0" * 32)
NEW = Kept(None, "Hello", wanted=True)
RAW = b'{ "id":"resp_1", "store" : false,"n":1.50,"output":[{"id":"msg_1"},{"id":"a b"},3] }'


def test_ids_of_ours_are_told_from_a_providers() -> None:
    assert is_kept_id(ID)
    for id_ in ("resp_1", ID + "0", ID.upper(), "", None, 1, f"{ID}\n"):
        assert not is_kept_id(id_)


def test_the_other_bytes_of_an_answer_stay_as_they_were() -> None:
    told = retold(RAW, ID, NEW, stored=True)
    assert told.startswith(b'{ "id":"%b", "store" : true,"n":1.50,' % ID.encode())
    continued = retold(RAW, ID, NEW._replace(previous="resp_0"), stored=False)
    assert json.loads(continued)["previous_response_id"] == "resp_0"


@pytest.mark.parametrize("raw", [b'{"id":1,"id":2}', b"[" * 300])
def test_an_answer_that_cannot_be_read_is_not_told_anew(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        retold(raw, ID, NEW, stored=True)


def test_what_was_answered_is_named_by_ids_that_can_be_stored() -> None:
    assert named_items(RAW) == (("msg_1", b'{"id":"msg_1"}'),)


def test_a_text_is_a_message_and_every_item_has_an_id() -> None:
    (item,) = input_items("Hello", "u")
    assert item == {
        "id": "msg_u0000",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hello"}],
    }
    output = {"type": "function_call_output", "call_id": "c", "output": "3"}
    said = {"role": "assistant", "content": "Hi", "id": "mine"}
    result, message = input_items([output, said], "u")
    assert result == {"id": "fco_u0000", **output}
    assert (message["id"], message["content"][0]["type"]) == ("mine", "output_text")
    assert input_items(None, "u") == []


def test_the_document_gives_back_what_was_asked_and_answered_in_order() -> None:
    document = document_of(RAW, "Hello", "u")
    assert [item.get("id") for item in items_of(document)] == ["msg_u0000", "msg_1", "a b"]


def test_a_replay_names_nothing_that_a_backend_would_have_to_remember() -> None:
    sealed = {"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": []}
    items: list[dict[str, Any]] = [
        {"type": "message", "id": "msg_1", "role": "user", "content": "x"},
        {"type": "reasoning", "id": "rs_0", "summary": []},
        sealed,
        {"type": "web_search_call", "id": "ws_1"},
    ]
    told = list(replayed(items))
    assert told == [
        {"type": "message", "role": "user", "content": "x"},
        sealed,
        {"type": "web_search_call", "id": "ws_1"},
    ]
    assert has_unsealed(items)
    assert not has_unsealed(told)
    assert not has_unsealed("Hello")


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ({"type": "item_reference", "id": "msg_1"}, True),
        ({"id": "msg_1"}, True),
        ({"id": "msg_1", "role": "user", "content": "x"}, False),
        ({"type": "message", "id": "msg_1"}, False),
        ({"type": "item_reference"}, False),
        ("msg_1", False),
    ],
)
def test_an_item_that_is_only_named_is_known(item: Any, named: bool) -> None:
    assert is_reference(item) is named


class TestEvents:
    """Events that tell the whole response are told apart from a client's own words."""

    def event(self, kind: str, *, named: bool = True) -> bytes:
        data = json.dumps({"type": kind, "response": {"id": "resp_1"}, "sequence_number": 7})
        return (f"event: {kind}\n" if named else "").encode() + f"data: {data}\n\n".encode()

    @pytest.mark.parametrize("named", [False, True])
    @pytest.mark.parametrize("kind", ["created", "in_progress", "completed", "incomplete"])
    def test_they_are_found_and_told_anew(self, kind: str, named: bool) -> None:
        event = self.event(f"response.{kind}", named=named)
        assert may_tell_life(event)
        told = life_event(b": ping\n" + event)
        assert told is not None
        assert told.response == b'{"id": "resp_1"}'
        assert told.ended is (kind in ("completed", "incomplete"))
        anew = told.with_response(b'{"id":"x"}')
        assert anew.startswith(b"event: response.%b\ndata: " % kind.encode())
        assert b'"response": {"id":"x"}' in anew
        assert b'"sequence_number": 7' in anew

    def test_words_that_look_like_one_are_none(self) -> None:
        delta = {"type": "response.output_text.delta", "delta": 'event: response.completed\n"'}
        event = b"event: response.output_text.delta\ndata: %b\n\n" % json.dumps(delta).encode()
        assert may_tell_life(event)
        assert life_event(event) is None
        assert life_event(b": response.completed\n\n") is None
        assert life_event(b"data: [DONE]\n\n") is None
        assert not may_tell_life(b"event: response.output_item.done\n\n")
