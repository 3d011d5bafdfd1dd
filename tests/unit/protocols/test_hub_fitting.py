"""Options that servers refuse are mapped, left out and named, or the request goes elsewhere."""

from typing import Any

import orjson
import pytest
from hub_requests import HELLO, call, from_chat, written

from router.backends.backend import Backend
from router.backends.catalog import load_catalog
from router.backends.dialects.translated import dialect_of
from router.operations.message import parse_message
from router.protocols.hub.call_ids import CallIds, at_most
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.unsupported import Unsupported
from router.protocols.usage import estimate_input

CATALOG = load_catalog()


@pytest.mark.parametrize("provider", ["openai", "azure", "mistral", "groq"])
def test_top_k_is_left_out_where_openais_like_refuse_it_and_named(provider: str) -> None:
    asked = {"messages": [HELLO], "max_tokens": 9, "top_k": 5}
    told = written("messages", "chat", asked, CATALOG[provider].quirks)
    assert "top_k" not in told.body
    assert "top_k" in told.dropped


def test_a_tier_is_said_in_the_servers_words_or_left_out_and_named() -> None:
    asked = {"messages": [HELLO], "max_tokens": 9, "service_tier": "standard_only"}
    groq = written("messages", "chat", asked, CATALOG["groq"].quirks)
    assert groq.body["service_tier"] == "on_demand"
    mistral = written("messages", "chat", asked, CATALOG["mistral"].quirks)
    assert "service_tier" not in mistral.body
    assert "service_tier" in mistral.dropped


@pytest.mark.parametrize(("server", "most"), [("chat", 4), ("gemini", 5)])
def test_more_stop_sequences_than_a_server_takes_go_to_another(server: str, most: int) -> None:
    quirks = CATALOG["openai"].quirks
    asked = {"messages": [HELLO], "max_tokens": 9, "stop_sequences": list("abcdef"[:most])}
    assert b'"d"' in orjson.dumps(written("messages", server, asked, quirks).body)
    with pytest.raises(Unsupported, match="stop"):
        written("messages", server, asked | {"stop_sequences": list("abcdef")}, quirks)


def test_results_find_their_calls_where_ids_are_the_same() -> None:
    ids = CallIds(at_most(20))
    assert [ids.of_call(""), ids.of_call("")] == ["call", "call_2"]
    assert [ids.of_result(""), ids.of_result(""), ids.of_result("")] == ["call", "call_2", "call_2"]
    long = ids.of_call("a" * 21)
    assert len(long) == 20
    assert ids.of_result("a" * 21) == long
    assert ids.of_result("unknown") == "unknown"


EARLY = {
    "gemini": {
        "responseId": "r",
        "candidates": [{"content": {"parts": [{"text": "a"}]}}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1},
    },
    "chat": {
        "id": "r",
        "choices": [{"index": 0, "delta": {"content": "a"}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1},
    },
}


@pytest.mark.parametrize("server", sorted(EARLY))
@pytest.mark.parametrize("told", [True, False])
def test_message_start_says_the_input_that_a_server_counted_else_the_estimate(
    server: str, told: bool
) -> None:
    raw = b'{"model":"a","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"%b"}]}'
    ask = parse_message(raw % (b"x" * 100))
    chunk = {key: EARLY[server][key] for key in EARLY[server] if told or "usage" not in key}
    writer, reader = CLIENTS["messages"].writer(ask, 1), SERVERS[server].reader()
    out = writer.write(reader.feed(b"data: " + orjson.dumps(chunk) + b"\n\n"))
    start = orjson.loads(out.split(b"data: ")[1].split(b"\n")[0])
    expected = 7 if told else estimate_input(ask)
    assert start["message"]["usage"]["input_tokens"] == expected


def test_gemini_is_told_that_others_made_the_calls_of_this_step_and_keeps_its_own() -> None:
    def used(id_: str, signature: str = "") -> dict[str, Any]:
        seal = {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}
        return call(id_) | seal

    def result(id_: str) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": id_, "content": "3"}

    calling = {"role": "assistant", "content": None}
    body = from_chat(
        "gemini",
        *(HELLO, calling | {"tool_calls": [used("a")]}, result("a")),
        *({"role": "assistant", "content": "3."}, HELLO),
        *(calling | {"tool_calls": [used("b"), used("c")]}, result("b"), result("c")),
        *(calling | {"tool_calls": [used("d", "b3du"), used("e")]}, result("d"), result("e")),
    )
    steps = [one["parts"] for one in body["contents"] if one["role"] == "model"]
    signed = [[part.get("thoughtSignature") for part in parts] for parts in steps]
    assert signed == [[None], [None], ["skip_thought_signature_validator", None], ["b3du", None]]


def test_thoughts_that_nobody_signed_stay_where_a_server_makes_such() -> None:
    thought = b'{"type":"thinking","thinking":"Hm.","signature":""}'
    said = b'[{"role":"user","content":"x"},{"role":"assistant","content":[%b]}]' % thought
    ask = parse_message(b'{"model":"real","max_tokens":9,"messages":%b}' % said)
    for dialect, speaks, kept in (("openai", {"messages"}, True), ("anthropic", set(), False)):
        backend = Backend("b", "http://x", "real", dialect=dialect)
        asking, _ = dialect_of(dialect, ask, frozenset(speaks))
        body = asking.call(backend.deployments()[0], backend, ask, "r").body
        assert (thought in body) == kept
