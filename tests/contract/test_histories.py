"""A history that began at one provider goes on at every other: whole, and as each takes it."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from histories import HISTORIES
from history import PIXEL, History

from router.backends.backend import Backend
from router.backends.catalog import load_catalog
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.protocols.quirks import PLAIN, Quirks
from router.protocols.unsupported import Unsupported

CATALOG = load_catalog()
CLAUDES_ID = re.compile(r"[a-zA-Z0-9_-]+")
MISTRALS_ID = re.compile(r"[a-zA-Z0-9]{9}")
TARGETS = sorted(name for name in DIALECTS if name != "replicate")  # which takes one turn
PORTABLE = [name for name, one in HISTORIES.items() if not one.only]
every = pytest.mark.parametrize("name", sorted(HISTORIES))
everywhere = pytest.mark.parametrize("dialect", TARGETS)


def sent(history: History, dialect: str, quirks: Quirks = PLAIN) -> Any:
    """What a backend of this dialect gets."""
    ask = history.ask()
    asking, _ = dialect_of(dialect, ask)
    backend = Backend("b", "http://x", "real", dialect=dialect, quirks=quirks)
    return orjson.loads(asking.call(backend.deployments()[0], backend, ask, "r").body)


def going_on(name: str, dialect: str, quirks: Quirks = PLAIN) -> Any:
    """The same; None where it cannot go on there, which must be said by name."""
    history = HISTORIES[name]
    protocol = DIALECTS[dialect].protocol
    if protocol not in history.never and (not history.only or protocol in history.only):
        return sent(history, dialect, quirks)
    with pytest.raises(Unsupported) as caught:
        sent(history, dialect, quirks)
    assert caught.value.param
    return None


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a body, in order."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from walk(inner)


def call_of(held: dict[str, Any]) -> tuple[str, str, Any] | None:
    """A call in any protocol's words: its id, its name, its arguments or its free text."""
    kind = held.get("type")
    inner = held.get(str(kind or "function"))  # Ollama's calls have no type
    if kind == "tool_use":
        return held["id"], held["name"], held["input"]
    if kind in ("function_call", "custom_tool_call"):
        return held["call_id"], held["name"], given_of(held)
    if isinstance(inner, dict) and not inner.keys().isdisjoint(("arguments", "input")):
        return held["id"], inner["name"], given_of(inner)
    if "functionCall" in held:
        return "", held["functionCall"]["name"], held["functionCall"]["args"]
    legacy = held.get("function_call")
    return (legacy["name"], legacy["name"], given_of(legacy)) if legacy else None


def given_of(call: dict[str, Any]) -> Any:
    given = call["arguments"] if "arguments" in call else call["input"]
    return orjson.loads(given) if isinstance(given, str) and "arguments" in call else given


def result_of(held: dict[str, Any]) -> tuple[str, str] | None:
    """What a tool returned in any protocol's words: its call's id or its tool's name, the words."""
    if held.get("type") == "tool_result":
        return held["tool_use_id"], str(held.get("content"))
    if held.get("type") in ("function_call_output", "custom_tool_call_output"):
        return held["call_id"], str(held["output"])
    if held.get("role") == "tool":
        return held["tool_call_id"], str(held["content"])
    if held.get("role") == "function":
        return held["name"], str(held["content"])
    if "functionResponse" in held:
        return held["functionResponse"]["name"], str(held["functionResponse"]["response"])
    return None


def calls_of(body: Any) -> list[tuple[str, str, Any]]:
    return [call for held in walk(body) if (call := call_of(held)) is not None]


def results_of(body: Any) -> list[tuple[str, str]]:
    return [result for held in walk(body) if (result := result_of(held)) is not None]


@everywhere
@every
def test_texts_calls_results_and_images_go_on_in_order(name: str, dialect: str) -> None:
    history, body = HISTORIES[name], going_on(name, dialect)
    if body is None:
        return
    turns = {key: body[key] for key in ("contents", "messages", "input") if key in body}
    written, whole = orjson.dumps(turns).decode(), orjson.dumps(body).decode()
    places = [written.find(text) for text in history.said if text in written]
    assert places == sorted(places)
    assert all(text in whole for text in history.said)
    assert whole.count(PIXEL) == history.images
    calls = calls_of(body)
    assert [
        (name_, given if isinstance(given, str) or "input" not in given else given["input"])
        for _, name_, given in calls
    ] == list(history.calls)
    results = results_of(body)
    assert len(results) == len(history.returned)
    for told, (_, words) in zip(history.returned, results, strict=True):
        assert told in words


@everywhere
@every
def test_every_result_answers_its_own_call(name: str, dialect: str) -> None:
    body = going_on(name, dialect)
    if body is None:
        return
    named = dialect == "gemini"
    asked = [call[1] if named else call[0] for call in calls_of(body)]
    assert [result[0] for result in results_of(body)] == asked


@everywhere
@every
def test_a_seal_goes_to_its_issuer_alone(name: str, dialect: str) -> None:
    history, body = HISTORIES[name], going_on(name, dialect)
    if body is None or (protocol := DIALECTS[dialect].protocol) == history.protocol == "chat":
        return  # bytes, which are the client's own
    written = orjson.dumps(body).decode()
    for seal in history.seals:
        assert (seal in written) == (history.issuer == protocol.removeprefix("vertex-"))


@pytest.mark.parametrize("dialect", ["anthropic", "vertex-anthropic"])
@every
def test_claude_is_sent_nothing_that_it_refuses(name: str, dialect: str) -> None:
    body = sent(HISTORIES[name], dialect)
    messages = body["messages"]
    assert messages[0]["role"] == "user"
    for held in walk(body):
        if held.get("type") == "text":
            assert held["text"].strip()
        elif held.get("type") == "thinking":
            assert held["signature"]
            assert not held["signature"].startswith("turnout:")
        elif held.get("is_error"):
            assert held["content"]
    ids = [call[0] for call in calls_of(body)]
    assert len(set(ids)) == len(ids)
    assert all(CLAUDES_ID.fullmatch(one) for one in ids)
    last = messages[-1]
    if last["role"] == "assistant":
        said = last["content"] if isinstance(last["content"], str) else last["content"][-1]["text"]
        assert said == said.rstrip()


@pytest.mark.parametrize(
    "name", [name for name, one in HISTORIES.items() if one.protocol != "messages"]
)
def test_roles_take_turns_where_claude_is_asked_anew(name: str) -> None:
    roles = [message["role"] for message in sent(HISTORIES[name], "anthropic")["messages"]]
    assert all(before != after for before, after in itertools.pairwise(roles))


@pytest.mark.parametrize("name", PORTABLE)
def test_gemini_is_sent_nothing_that_it_refuses(name: str) -> None:
    contents = sent(HISTORIES[name], "gemini")["contents"]
    roles = [content["role"] for content in contents]
    assert roles[0] == "user"
    assert all(before != after for before, after in itertools.pairwise(roles))
    for before, after in itertools.pairwise(contents):
        called = [part for part in before["parts"] if "functionCall" in part]
        returned = [part for part in after["parts"] if "functionResponse" in part]
        assert len(called) == len(returned)
    assert all(part for content in contents for part in content["parts"])


@pytest.mark.parametrize("name", PORTABLE)
def test_ids_are_as_long_as_openai_takes_them(name: str) -> None:
    chat = sent(HISTORIES[name], "openai", CATALOG["openai"].quirks)
    assert all(len(call[0]) <= 40 for call in calls_of(chat))
    assert [result[0] for result in results_of(chat)] == [call[0] for call in calls_of(chat)]
    responses = sent(HISTORIES[name], "responses")
    assert all(0 < len(call[0]) <= 64 for call in calls_of(responses))


@pytest.mark.parametrize("name", PORTABLE)
def test_ids_are_nine_letters_where_mistral_is_asked(name: str) -> None:
    body = sent(HISTORIES[name], "openai", CATALOG["mistral"].quirks)
    ids = [call["id"] for message in body["messages"] for call in message.get("tool_calls") or ()]
    assert all(MISTRALS_ID.fullmatch(one) for one in ids)
    told = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    assert told == ids
