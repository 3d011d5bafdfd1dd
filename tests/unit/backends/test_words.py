"""What of a server's words goes to the client, and what to the log."""

import orjson
import pytest

from router.ask import Ask
from router.backends.dispatch.words import (
    for_client,
    for_operator,
    name_for_operator,
    text_of_request,
)
from router.operations.chat import parse_chat

SERVER = "https://gpu7.internal.example:8443/v1"


def ask(text: str) -> Ask:
    messages = [{"role": "user", "content": text}]
    return parse_chat(orjson.dumps({"model": "a", "messages": messages}))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("key our-own-secret is wrong", "key [key] is wrong"),
        ("Incorrect API key: sk-proj-***abcd", "Incorrect API key: [key]"),
        ("used Bearer abc.def-ghi", "used [key]"),
        ("in organization org_01abcdef on", "in organization [account] on"),
        (
            "see https://docs.example.com/errors?key=1 now",
            "see https://docs.example.com/errors now",
        ),
        ("from http://10.0.0.5:8080/v1/chat", "from [address]"),
        ("from 10.0.0.5:8080", "from [address]"),
        ("gpu7.internal.example is down", "[backend] is down"),
        ("two\nlines\x1b[31m", "two lines[31m"),
        ("messages[0].content: wrong", "messages[0].content: wrong"),
        ("unknown type 'json_schema_strict'", "unknown type 'json_schema_strict'"),
    ],
)
def test_a_client_reads_no_key_no_account_and_no_address_of_ours(said: str, told: str) -> None:
    assert for_client(said, SERVER, ["our-own-secret", ""]) == told


def test_what_a_client_reads_is_bounded() -> None:
    assert len(for_client("word " * 10_000, SERVER)) <= 1000


@pytest.mark.parametrize(
    ("prompt", "said", "logged"),
    [
        (
            "Remember canary-7f3e91",
            "Refused: 'canary-7f3e91' is no key",
            "Refused: '…-…' is no key",
        ),
        ("Remember canary-7f3e91", "in messages.0.canary: bad", "in ….0.…: bad"),
        ("Remember canary-7f3e91", "Refused: canary-7f3...", "Refused: …-…..."),
        ("Hi", "Your credit balance is too low", "Your credit balance is too low"),
        ("my credit is fine", "Your credit balance is too low", "Your … balance is too low"),
        ("你好世界", "参数你好世界错误 refused", "… refused"),
        ("line\none", "no line one here", "no … … here"),
    ],
)
def test_no_word_of_the_request_reaches_the_log(prompt: str, said: str, logged: str) -> None:
    assert for_operator(said, text_of_request(ask(prompt))) == logged


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("invalid_request_error", "invalid_request_error"),
        ("canary-7f3e91", ""),
        ("two words", ""),
        ("x" * 65, ""),
        (None, ""),
    ],
)
def test_a_code_is_logged_only_where_it_looks_like_one(name: str | None, logged: str) -> None:
    assert name_for_operator(name, text_of_request(ask("Remember canary-7f3e91"))) == logged
