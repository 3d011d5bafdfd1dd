"""The nastiest requests between protocols: turns, texts, documents and settings are carried."""

import pytest
from hub_requests import HELLO, USED, from_chat, from_messages, written

from router.protocols.quirks import Quirks


def test_system_turns_keep_their_place_on_chat() -> None:
    body = from_messages(
        "chat", HELLO, {"role": "system", "content": "Now in French."}, HELLO, system="Be brief."
    )
    assert [m["role"] for m in body["messages"]] == ["system", "user", "system", "user"]
    assert body["messages"][2]["content"] == "Now in French."


def test_system_turns_in_between_become_system_text_on_messages() -> None:
    system = {"role": "system", "content": "Be brief."}
    later = {"role": "developer", "content": "Now in French."}
    body = from_chat("messages", system, HELLO, later, HELLO)
    assert body["system"] == "Be brief.\nNow in French."
    assert [m["role"] for m in body["messages"]] == ["user"]


def test_system_text_alone_is_said_as_the_users() -> None:
    body = from_chat("messages", {"role": "system", "content": "Say hi."})
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hi."}]}]


def test_gemini_is_never_asked_with_nothing() -> None:
    body = from_chat("gemini", {"role": "system", "content": "Say hi."})
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}
    empty = {
        "role": "user",
        "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}],
    }
    assert from_chat("gemini", empty)["contents"][0]["parts"] == [{"text": "x"}]


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_request_that_says_nothing_at_all_has_a_turn_for_every_server(blank: str) -> None:
    for system in ((), ({"role": "system", "content": "Say hi."},)):
        (turn,) = from_chat("messages", *system, {"role": "user", "content": blank})["messages"]
        assert all(block["text"].strip() for block in turn["content"])
        contents = from_chat("gemini", *system, {"role": "user", "content": blank})["contents"]
        assert all(part["text"] for turn in contents for part in turn["parts"])
        assert contents


def test_blank_texts_and_stops_do_not_go_to_anthropic() -> None:
    output = written(
        "chat",
        "messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}],
                },
                {"role": "assistant", "content": "\n"},
                HELLO,
                {"role": "assistant", "content": "The answer is "},
            ],
            "stop": ["\n", "END"],
        },
    )
    user, prefill = output.body["messages"]
    assert [block["text"] for block in user["content"]] == ["x", "Hello"]
    assert prefill["content"][0]["text"] == "The answer is"
    assert output.body["stop_sequences"] == ["END"]
    assert "stop" in output.dropped


def test_a_signed_thought_goes_back_to_anthropic_and_nowhere_else() -> None:
    thoughts = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    answer = {"role": "assistant", "content": "Hi.", "thinking_blocks": thoughts}
    body = {"messages": [HELLO, answer, HELLO]}
    assert written("chat", "messages", body).body["messages"][1]["content"][:2] == thoughts
    for server in ("chat", "gemini"):
        output = written("chat", server, body)
        assert "thinking" in output.dropped
        assert "c2ln" not in str(output.body)
        assert "cmVk" not in str(output.body)


def test_a_readable_thought_without_a_seal_goes_back_to_chats_servers() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    answer = {"role": "assistant", "content": [thought, {"type": "text", "text": "Hi."}]}
    message = from_messages("chat", HELLO, answer, HELLO)["messages"][1]
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hi.")
    output = written("messages", "messages", {"max_tokens": 9, "messages": [HELLO, answer, HELLO]})
    assert "reasoning_content" in output.dropped


def test_geminis_signature_comes_back_to_its_call_by_way_of_anthropics_clients() -> None:
    marked = {"type": "thinking", "thinking": "", "signature": "turnout:gemini:Z29v"}
    answer = {"role": "assistant", "content": [marked, USED, USED | {"id": "t2"}]}
    first, second = from_messages("gemini", HELLO, answer)["contents"][1]["parts"]
    assert first["thoughtSignature"] == "Z29v"
    assert "thoughtSignature" not in second
    assert (
        "thought_signature"
        in written("messages", "chat", {"max_tokens": 9, "messages": [HELLO, answer]}).dropped
    )


DOCUMENT = {
    "type": "document",
    "title": "Notes",
    "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue."},
}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
}
FOUND = {
    "type": "search_result",
    "source": "https://host",
    "title": "Sky",
    "content": [{"type": "text", "text": "Blue."}],
}


def test_documents_and_search_results_reach_chat_as_texts_and_files() -> None:
    message = {"role": "user", "content": [DOCUMENT, PDF, FOUND]}
    text, file, result = from_messages("chat", message)["messages"][0]["content"]
    assert text == {"type": "text", "text": "Notes\nThe sky is blue."}
    assert file["file"]["file_data"] == "data:application/pdf;base64,JVBERg=="
    assert result == {"type": "text", "text": "Sky\nhttps://host\nBlue."}


def test_a_file_of_chat_reaches_anthropic_as_a_document() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}
    body = from_chat("messages", {"role": "user", "content": [{"type": "file", "file": file}]})
    assert body["messages"][0]["content"][0] == PDF | {"title": "a.pdf"}


def test_cache_breakpoints_reach_anthropic_from_chats_clients_too() -> None:
    marked = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    body = from_chat("messages", {"role": "system", "content": [marked]}, HELLO)
    assert body["system"] == [marked]


def test_a_budget_to_think_with_reaches_gemini() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    settings = from_messages("gemini", HELLO, thinking=thinking)["generationConfig"]
    assert settings["thinkingConfig"] == {"thinkingBudget": 2000}


def test_quirks_are_the_last_word_on_a_chat_body() -> None:
    quirks = Quirks(
        token_param="max_completion_tokens", drop=frozenset({"user"}), developer_role=False
    )
    body = {"max_tokens": 9, "metadata": {"user_id": "u"}, "messages": [HELLO]}
    output = written("messages", "chat", body, quirks).body
    assert output["max_completion_tokens"] == 9
    assert "max_tokens" not in output
    assert "user" not in output


def test_a_server_without_the_role_of_developers_gets_their_turns_as_the_systems() -> None:
    later = {"role": "developer", "content": "Now in French."}
    quirks = Quirks(developer_role=False)
    body = written("chat", "chat", {"messages": [HELLO, later]}, quirks).body
    assert [message["role"] for message in body["messages"]] == ["user", "system"]
