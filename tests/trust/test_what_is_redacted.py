"""What a policy wants redacted does not leave, in any field or dialect, and comes back restored."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import patience
import pytest
from redactionkit import PATHS, RedactingGateway, redacting_gateway

MAIL = "jane.doe@example.com"
PLANTED = {
    "email": MAIL,
    "phone": "+49 30 1234 5678",
    "card": "４１１１ １１１１ １１１１ １１１１",
    "iban": "DE89 3704 0044 0532 0130 00",
    "national_id": "536-90-4399",
    "secret": 'password: "hunter2hunter2"',
    "key": '-----BEGIN PRIVATE KEY-----\nMIIB"Q==\n-----END PRIVATE KEY-----',
}
CORES = (MAIL, "1234 5678", "１１１１", "0532", "536-90", "hunter2hunter2", "MIIB")
KEY = base64.b64encode(b"k" * 32).decode()
TEXT = " and ".join(PLANTED.values()) + f", <EMAIL_1> again {MAIL}."
TOOLS: dict[str, list[dict[str, Any]]] = {
    "chat": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "messages": [{"name": "f", "input_schema": {"type": "object"}}],
    "responses": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedactingGateway]:
    folder = tmp_path_factory.mktemp("redacting")
    sections = {"decisions": {"to": "decisions.jsonl"}, "detectors": {"bytes": "200kB"}}
    with redacting_gateway(folder, **sections, responses={"keys": [KEY]}) as running:
        yield running


def ask(gateway: RedactingGateway, protocol: str, model: str, **fields: Any) -> httpx.Response:
    said: dict[str, Any] = {"messages": [{"role": "user", "content": TEXT}], "max_tokens": 99}
    if protocol == "responses":
        said = {"input": TEXT}
    raw = json.dumps({"model": model, **said, **fields}, ensure_ascii=False).encode()
    headers = {"authorization": f"Bearer {gateway.key('free')}"}
    headers["content-type"] = "application/json"
    return patience.post(gateway.url + PATHS[protocol], content=raw, headers=headers)


def sent(gateway: RedactingGateway) -> str:
    """What left with the last request, characters as they are."""
    return json.dumps(orjson.loads(gateway.away.bodies[-1]), ensure_ascii=False)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line[6:] for line in answer.text.split("\n") if line.startswith("data: {")]
    return list(map(orjson.loads, lines))


def heard(protocol: str, answer: httpx.Response, *, stream: bool) -> tuple[str, str]:
    """The text of an answer, and the argument of the call in it."""
    if protocol == "chat":
        if not stream:
            message = answer.json()["choices"][0]["message"]
            return message["content"], _to(message["tool_calls"][0]["function"]["arguments"])
        deltas = [one["choices"][0]["delta"] for one in events(answer) if one["choices"]]
        text = "".join(delta.get("content") or "" for delta in deltas)
        calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
        return text, _to("".join(call["function"].get("arguments") or "" for call in calls))
    if protocol == "messages":
        if not stream:
            text, call = answer.json()["content"]
            return text["text"], call["input"]["to"]
        parts = [one["delta"] for one in events(answer) if one["type"] == "content_block_delta"]
        text = "".join(part.get("text", "") for part in parts)
        return text, _to("".join(part.get("partial_json", "") for part in parts))
    response = events(answer)[-1]["response"] if stream else answer.json()
    message, call = response["output"]
    text = message["content"][0]["text"]
    if stream:
        deltas = [one for one in events(answer) if one["type"].endswith(".delta")]
        texts = [one["delta"] for one in deltas if "output_text" in one["type"]]
        assert "".join(texts) == text
        arguments = "".join(one["delta"] for one in deltas if "arguments" in one["type"])
        assert arguments == call["arguments"]
    return text, _to(call["arguments"])


def _to(arguments: str) -> str:
    to: str = json.loads(arguments)["to"]
    return to


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("backend", PATHS)
@pytest.mark.parametrize("protocol", PATHS)
def test_nothing_private_leaves_and_the_client_gets_its_own_words_back(
    gateway, protocol, backend, stream
):
    answer = ask(gateway, protocol, f"to-{backend}", stream=stream, tools=TOOLS[protocol])
    assert answer.status_code == 200, answer.text
    left = sent(gateway)
    assert [core for core in CORES if core in left] == []
    assert left.count("<EMAIL_2>") == 2
    assert heard(protocol, answer, stream=stream) == (TEXT, TEXT)


RESULT = {"type": "function_call_output", "call_id": "c", "output": f'{{"a":"{MAIL}"}}'}
FIELDS: dict[str, list[dict[str, Any]]] = {
    "chat": [
        {"tools": [{"type": "function", "function": {"name": "f", "description": MAIL}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {MAIL: {}}}}]},
        {"prediction": {"type": "content", "content": MAIL}},
        {"metadata": {"by": MAIL}},
        {"metadata": {MAIL: "x"}},
        {"user": MAIL},
        {"stop": MAIL},
        {"safety_identifier": MAIL},
        {"messages": [{"role": "user", "name": MAIL, "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": MAIL}]}]},
    ],
    "messages": [
        {"system": [{"type": "text", "text": MAIL}]},
        {"metadata": {"user_id": MAIL}},
        {"stop_sequences": [MAIL]},
        {"tools": [{"name": "f", "description": MAIL, "input_schema": {"properties": {MAIL: {}}}}]},
    ],
    "responses": [
        {"instructions": MAIL},
        {"metadata": {"by": MAIL}},
        {"prompt_cache_key": MAIL},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": MAIL}]}]},
        {
            "input": [
                {"type": "function_call_output", "call_id": "c", "output": f'{{"a":"{MAIL}"}}'}
            ]
        },
    ],
}
CASES = [(protocol, fields) for protocol, each in FIELDS.items() for fields in each]


@pytest.mark.parametrize(("protocol", "fields"), CASES, ids=lambda value: str(value)[:50])
def test_whatever_field_it_stands_in_it_does_not_leave(gateway, protocol, fields):
    before = len(gateway.away.bodies)
    answer = ask(gateway, protocol, f"to-{protocol}", **fields)
    left = b"".join(gateway.away.bodies[before:])
    assert MAIL.encode() not in left
    assert answer.status_code == 200 or not left, answer.text
    assert "<EMAIL_" in left.decode() or answer.status_code in (400, 403), answer.text


def test_where_nothing_is_found_not_a_byte_changes(gateway):
    plain = [{"role": "user", "content": "Good  morning, <EMAIL_1>. 3 \\u00e9"}]
    answer = ask(gateway, "chat", "to-chat", messages=plain, stream=True)
    assert b'"content": "Good  morning, <EMAIL_1>. 3 \\\\u00e9"' in gateway.away.bodies[-1]
    said = [one["choices"][0]["delta"].get("content") or "" for one in events(answer)]
    assert "".join(said) == plain[0]["content"]


def test_whom_the_policy_spares_gets_the_request_as_it_came_and_nobody_after_it(gateway):
    answer = ask(gateway, "chat", "home-first")
    assert answer.headers["x-turnout-backend"] == "home"
    assert MAIL.encode() in gateway.home.bodies[-1]
    assert MAIL in answer.json()["choices"][0]["message"]["content"]
    before = len(gateway.away.bodies)
    answer = ask(gateway, "chat", "falls-back")
    first, *_, last = gateway.away.bodies[before:]
    assert (MAIL.encode() in first, MAIL.encode() in last) == (True, False)
    assert answer.json()["choices"][0]["message"]["content"] == TEXT


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
UNREDACTABLE = {
    "a picture": {"messages": [{"role": "user", "content": [PICTURE]}]},
    "a number that has to be one": {"max_tokens": 4111111111111111},
    "a long text": {"messages": [{"role": "user", "content": "Tell me more. " * 20_000}]},
}


@pytest.mark.parametrize("fields", UNREDACTABLE.values(), ids=UNREDACTABLE)
def test_what_cannot_be_redacted_goes_to_whom_the_policy_spares_or_nowhere(gateway, fields):
    before = len(gateway.away.bodies)
    refused = ask(gateway, "chat", "to-chat", **fields)
    assert refused.status_code in (400, 403)
    assert refused.status_code == 400 or "redacted" in refused.json()["error"]["message"]
    spared = ask(gateway, "chat", "sparing", **fields)
    assert spared.status_code == 400 or spared.headers["x-turnout-backend"] == "home"
    assert len(gateway.away.bodies) == before


def test_only_the_kinds_that_a_policy_names_are_replaced(gateway):
    ask(gateway, "chat", "mail-only")
    assert MAIL not in sent(gateway)
    assert PLANTED["phone"] in sent(gateway)


def test_a_client_sees_placeholders_where_the_policy_restores_nothing(gateway):
    for stream in (False, True):
        assert MAIL not in ask(gateway, "chat", "shown", stream=stream).text


def test_a_rule_redacts_where_its_condition_holds(gateway):
    assert ask(gateway, "chat", "ruled").json()["choices"][0]["message"]["content"] == TEXT
    assert MAIL not in sent(gateway)


def test_no_value_that_was_replaced_reaches_a_log_or_a_metric(gateway):
    canaries = ("canary.7d1f@example.com", "+49 89 7654 3210", "xoxb-canary7d1fcanary7d1f")
    said = [{"role": "user", "content": ", ".join(canaries)}]
    for model in ("to-chat", "falls-back", "shown"):
        assert ask(gateway, "messages", model, messages=said, stream=True).status_code == 200
    gateway.until(lambda: 'turnout_redactions_total{kind="email"}' in gateway.counts())
    told = "".join(path.read_text() for path in gateway.folder.rglob("*.jsonl"))
    told += (gateway.folder / "gateway.log").read_text()
    told += patience.get(f"{gateway.root}/metrics").text
    assert [core for core in canaries if core in told] == []


@pytest.mark.parametrize("background", [False, True])
def test_a_response_that_the_gateway_keeps_is_continued_redacted(gateway, background):
    """What is kept stays here, in the client's own words; what goes on is redacted again."""
    first = ask(gateway, "responses", "to-responses", store=True, background=background).json()
    headers = {"authorization": f"Bearer {gateway.key('free')}"}
    url = f"{gateway.url}/responses/{first['id']}"

    def kept() -> dict[str, Any]:
        return patience.get(url, headers=headers).json()

    gateway.until(lambda: kept()["status"] == "completed")
    assert kept()["output"][0]["content"][0]["text"] == TEXT
    answer = ask(gateway, "responses", "to-chat", previous_response_id=first["id"], input="Again.")
    assert answer.status_code == 200, answer.text
    left = sent(gateway)
    assert ([core for core in CORES if core in left], left.count("<EMAIL_2>")) == ([], 4)
