"""What is private stays at home whatever field it stands in, and looking for it stops nobody."""

import asyncio
import base64
import json
import random
from collections.abc import Iterator

import httpx
import patience
import pytest
from patience import LONGEST_SECONDS
from privacykit import MAIL, NEAR_MISS, PrivateGateway, private_gateway

USER = {"role": "user", "content": "Good morning."}
TOOL = {"type": "function", "function": {"name": "f", "description": MAIL}}
KEYED = {"type": "function", "function": {"name": "f", "parameters": {"properties": {MAIL: {}}}}}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": f'{{"to":"{MAIL}"}}'}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(90_000)).decode()
HIDDEN = {
    "behind data:": {"messages": [{"role": "user", "content": f"data: {MAIL}"}]},
    "tools": {"tools": [TOOL]},
    "a key of a schema": {"tools": [KEYED]},
    "prediction": {"prediction": {"type": "content", "content": MAIL}},
    "metadata": {"metadata": {"by": MAIL}},
    "user": {"user": MAIL},
    "stop": {"stop": MAIL},
    "arguments of a call": {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "1", "content": "x"},
        ]
    },
    "a field that nobody knows": {"nobody_knows": {"this": [MAIL]}},
    "a code of JSON": {"user": "jane.doe\\u0040example.com"},
    "full-width digits": {"user": "４１１１ １１１１ １１１１ １１１１"},
    "no-break spaces": {"user": "4111\u00a01111\u00a01111\u00a01111"},
    "a dash of print": {"user": "4111\u20131111\u20131111\u20131111"},
    "zero-width spaces": {"user": "41\u200b11 1111 11\u200d11 1111"},
    "Arabic digits": {"user": "٤١١١ ١١١١ ١١١١ ١١١١"},
    "a domain in letters of its own": {"user": "jané@bücher.example"},
    "a domain in punycode": {"user": "jane@xn--bcher-kva.xn--p1ai"},
    "an IBAN with dashes": {"user": "DE89\u20113704\u20110044\u20110532\u20110130\u201100"},
    "a telephone number": {"user": "+49\u00a030\u20111234\u20115678"},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[PrivateGateway]:
    """One whose detectors read 1 MB of a request, and take a tenth of a second for it."""
    limits = {"bytes": "1MB", "microseconds": 100_000}
    decisions = {"to": "decisions.jsonl"}
    folder = tmp_path_factory.mktemp("private")
    with private_gateway(folder, detectors=limits, decisions=decisions) as running:
        yield running


def body(model: str = "auto", **fields) -> bytes:
    asked = {"model": model, "max_tokens": 9, "messages": [USER], **fields}
    return json.dumps(asked, ensure_ascii=False).replace("\\\\u0040", "\\u0040").encode()


def ask(gateway: PrivateGateway, raw: bytes, key: str = "other") -> httpx.Response:
    headers = {"authorization": f"Bearer {gateway.key(key)}", "content-type": "application/json"}
    return patience.post(f"{gateway.url}/chat/completions", content=raw, headers=headers)


@pytest.mark.parametrize("fields", HIDDEN.values(), ids=HIDDEN)
def test_nothing_private_leaves_whatever_field_it_stands_in(gateway, fields):
    away = len(gateway.away.bodies)
    answer = ask(gateway, body(**fields))
    assert (answer.status_code, answer.headers["x-turnout-backend"]) == (200, "home"), answer.text
    assert len(gateway.away.bodies) == away


def test_what_is_not_private_goes_where_the_policy_sends_it(gateway):
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    for fields in (
        {},
        {"messages": [{"role": "user", "content": [picture]}]},
        {"seed": 4 * 10**15},
    ):
        assert ask(gateway, body(**fields)).headers["x-turnout-backend"] == "away"


@pytest.mark.parametrize("text", ["Tell me more. " * 80_000, NEAR_MISS * 20_000])
def test_what_is_too_much_to_read_counts_as_private_and_a_policy_may_say_otherwise(gateway, text):
    long = [{"role": "user", "content": text}]
    assert ask(gateway, body(messages=long)).headers["x-turnout-backend"] == "home"
    refused = ask(gateway, body("strict", messages=long))
    assert (refused.status_code, "Too long to be checked" in refused.text) == (403, True)
    assert ask(gateway, body("lenient", messages=long)).headers["x-turnout-backend"] == "away"


async def test_hostile_requests_of_one_key_leave_the_others_their_answers(gateway):
    """Eight at once, and again; nobody else is refused, and who left is read no further."""
    hostile = body(messages=[{"role": "user", "content": NEAR_MISS * 20_000}])
    long = body(messages=[{"role": "user", "content": "Tell me more. " * 4_000}])
    free, other = gateway.key("free"), gateway.key("other")
    async with httpx.AsyncClient(timeout=LONGEST_SECONDS) as client:

        async def sent(raw: bytes, key: str) -> int:
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            url = f"{gateway.url}/chat/completions"
            return (await client.post(url, content=raw, headers=headers)).status_code

        attack = [asyncio.create_task(sent(hostile, free)) for _ in range(8)]
        served = await asyncio.gather(*(sent(raw, other) for raw in (long, body()) * 5))
        assert served == [200] * 10
        for task in attack[4:]:
            task.cancel()
        assert set(await asyncio.gather(*attack[:4])) == {200}
    reading, waiting = (f'turnout_detectors{{state="{name}"}}' for name in ("reading", "waiting"))
    gateway.until(lambda: gateway.counts()[reading] == gateway.counts()[waiting] == 0)
    assert gateway.counts()['turnout_detections_total{result="unread"}'] > 0


def test_no_prompt_key_header_or_picture_reaches_a_log_a_metric_or_an_error(gateway):
    """At the level of debugging, of requests that are served, refused and broken."""
    said = {name: f"canary-{name}-7d1f" for name in ("prompt", "tool", "cookie", "query")}
    picture = "data:image/png;base64,Y2FuYXJ5" + PNG
    wrong, mail = "tnt_canary-key-7d1f", "canary.7d1f@example.com"
    parts = [
        {"type": "text", "text": f"{said['prompt']} {mail}"},
        {"type": "image_url", "image_url": {"url": picture}},
    ]
    tool = {"type": "function", "function": {"name": "f", "description": said["tool"]}}
    whole = body(messages=[{"role": "user", "content": parts}], tools=[tool])
    answers = []
    for raw in (
        whole,
        whole[:-9],
        whole.replace(b'"auto"', b'"none"'),
        whole.replace(b"9", b'"x"', 1),
    ):
        for key in (gateway.key("other"), wrong):
            headers = {
                **{"authorization": f"Bearer {key}", "cookie": said["cookie"]},
                "content-type": "application/json",
            }
            url = f"{gateway.url}/chat/completions?k={said['query']}"
            answers.append(patience.post(url, content=raw, headers=headers))
    assert {answer.status_code for answer in answers} == {200, 400, 401, 404}
    told = "".join(path.read_text() for path in gateway.folder.rglob("*.jsonl"))
    told += (gateway.folder / "gateway.log").read_text() + patience.get(
        f"{gateway.root}/metrics"
    ).text
    told += "".join(answer.text for answer in answers if answer.status_code != 200)
    assert '"pii":true' in told.replace(" ", "")
    for canary in (*said.values(), wrong, gateway.key("other"), mail, "Y2FuYXJ5", PNG[:40]):
        assert canary not in told
