"""An answer that a client gives back goes on elsewhere with all that can be read of it."""

from typing import Any

import pytest

from router.protocols.hub.conversation import Written
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN
from router.protocols.unsupported import Unsupported

HELLO = {"role": "user", "content": "Hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
SHOWN = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
USED = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
RAN = {"executableCode": {"language": "PYTHON", "code": "1"}}


def written(client: str, server: str, answer: dict[str, Any], *after: Any) -> Written:
    messages = [HELLO, {"role": "assistant"} | answer, *(after or [HELLO])]
    body = {"model": "m", "max_tokens": 9, "messages": messages}
    return SERVERS[server].write_request(CLIENTS[client].read_request(body), "m", PLAIN)


@pytest.mark.parametrize("server", ["messages", "gemini"])
@pytest.mark.parametrize("content", [None, ""])
def test_a_turn_that_is_only_a_sounds_id_is_refused_by_name(server: str, content: Any) -> None:
    with pytest.raises(Unsupported) as caught:
        written("chat", server, {"content": content, "audio": {"id": "a1"}})
    assert caught.value.param == "messages.audio"


def test_a_turn_whose_sound_has_a_transcript_says_that() -> None:
    sound = {"id": "a1", "data": "QUJD", "transcript": "Hi there."}
    output = written("chat", "messages", {"content": None, "audio": sound})
    assert output.body["messages"][1]["content"] == [{"type": "text", "text": "Hi there."}]
    named = written("chat", "messages", {"content": "Hi.", "audio": {"id": "a1"}})
    assert "messages.audio" in named.dropped


def test_images_of_an_answer_are_shown_to_anthropic_by_the_user() -> None:
    assistant, shown = written("chat", "messages", {"content": "Hi.", "images": [IMAGE]}).body[
        "messages"
    ][1:]
    assert assistant == {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
    assert shown["content"][1:] == [SHOWN, {"type": "text", "text": "Hello"}]


def test_results_of_tools_stand_before_the_images_of_the_answer_that_called_them() -> None:
    called = {"id": "t1", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "t1", "content": "3"}
    answer = {"content": None, "images": [IMAGE], "tool_calls": [called]}
    output = written("chat", "messages", answer, result).body["messages"]
    assert [block["type"] for block in output[-1]["content"]] == ["tool_result", "text", "image"]


def test_images_of_an_answer_go_back_to_gemini_in_their_turn() -> None:
    output = written("chat", "gemini", {"content": "Hi.", "images": [IMAGE]}).body["contents"]
    assert output[1]["role"] == "model"
    assert {"inlineData": {"mimeType": "image/png", "data": "QUJD"}} in output[1]["parts"]


@pytest.mark.parametrize(
    ("server", "block", "other"), [("messages", USED, "gemini"), ("gemini", RAN, "messages")]
)
def test_blocks_of_hosted_tools_go_back_to_whom_they_came_from(
    server: str, block: dict[str, Any], other: str
) -> None:
    answer = {"content": "Hi.", "turnout": {"blocks": [block], "citations": [{"type": "x"}]}}
    output = written("chat", server, answer)
    assert block in blocks_of(output.body)
    assert "messages.turnout.citations" in output.dropped
    with pytest.raises(Unsupported, match=r"server_tool_use|executableCode"):
        written("chat", other, answer)


def blocks_of(body: dict[str, Any]) -> list[Any]:
    """The blocks or parts of the assistant's turn."""
    turns = body.get("messages") or body["contents"]
    content: list[Any] = turns[1].get("content") or turns[1]["parts"]
    return content


def test_what_is_readable_of_a_signed_thought_goes_on_at_chats_servers() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    output = written("messages", "chat", {"content": [thought, {"type": "text", "text": "Hi."}]})
    assert output.body["messages"][1]["reasoning_content"] == "Hm."
    assert output.dropped == ("thinking.signature",)
    alone = written("messages", "chat", {"content": [thought]}).body["messages"]
    assert [message["role"] for message in alone] == ["user", "assistant", "user"]
