"""POST /v1/feedback: who may judge what, and what is kept of it."""

import socket
import sqlite3

import httpx
import patience
import pytest
from gatewaykit import RunningGateway, config_text, start_gateway
from ports import free_port

BODY = {"model": "auto", "messages": [{"role": "user", "content": "a secret word: xyzzy-4711"}]}


def _headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _decide(gateway) -> str:
    answer = patience.post(
        f"{gateway.url}/chat/completions",
        json=BODY,
        headers=_headers(gateway.key("enterprise")),
    )
    return answer.headers["x-turnout-decision"]


def _judge(gateway, key: str, **body: object) -> httpx.Response:
    return patience.post(f"{gateway.url}/feedback", json=body, headers=_headers(key))


def test_a_customer_judges_its_own_answer_and_no_text_is_kept(gateway):
    decision = _decide(gateway)
    reply = _judge(gateway, gateway.key("enterprise"), decision=decision, score=0.5)
    assert reply.status_code == 202
    with sqlite3.connect(gateway.folder / "data" / "turnout.db") as database:
        rows = database.execute("select * from outcomes where decision = ?", [decision]).fetchall()
    database.close()
    assert len(rows) == 1
    stored = b"".join(path.read_bytes() for path in (gateway.folder / "data").glob("*.db*"))
    assert b"xyzzy" not in stored


def test_nobody_else_may(gateway):
    decision = _decide(gateway)
    stranger = gateway.new_key("free", organization="stranger")
    assert _judge(gateway, stranger, decision=decision, score=0.0).status_code == 404
    assert _judge(gateway, "nobody", decision=decision, score=0.0).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "x", "score": 1},
        {"decision": "0" * 32, "score": 2},
        {"decision": "0" * 32, "score": "good"},
        {"decision": "0" * 32, "score": "0.5"},
        {"decision": "0" * 32, "score": True},
        {"decision": "0" * 32, "score": 1, "k" * 5_000: 1},
        {"decision": "0" * 32, "score": 1, "by": "somebody else"},
    ],
)
def test_a_wrong_opinion_is_a_400_in_the_envelope(gateway, body):
    reply = _judge(gateway, gateway.key("enterprise"), **body)
    assert reply.status_code == 400
    assert 0 < len(reply.json()["error"]["message"]) < 300
    assert reply.headers["x-request-id"]


def test_a_score_that_is_there_twice_is_refused(gateway):
    body = f'{{"decision": "{_decide(gateway)}", "score": 1, "score": 0}}'
    headers = _headers(gateway.key("enterprise"))
    reply = patience.post(f"{gateway.url}/feedback", content=body, headers=headers)
    assert reply.status_code == 400
    assert "twice" in reply.json()["error"]["message"]


def test_opinions_come_the_way_of_inference_with_its_ids_keys_and_refusals(gateway):
    url, body = f"{gateway.url}/feedback", {"decision": _decide(gateway), "score": 1}
    reply = patience.post(url, json=body, headers={"x-api-key": gateway.key("enterprise")})
    assert reply.status_code == 202
    assert reply.headers["x-request-id"]
    assert patience.get(url, headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"
    assert patience.get(url).json()["error"]["code"] == "method_not_allowed"


def test_a_decision_without_a_forecast_says_that_there_is_nothing_to_learn(gateway):
    body, headers = {**BODY, "model": "moe"}, _headers(gateway.key("enterprise"))
    answer = patience.post(f"{gateway.url}/chat/completions", json=body, headers=headers)
    decision = answer.headers["x-turnout-decision"]
    reply = _judge(gateway, gateway.key("enterprise"), decision=decision, score=1)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "decision_not_found")
    assert "nothing to learn from" in reply.json()["error"]["message"]


def test_a_client_that_leaves_amid_its_opinion_is_no_fault_of_the_gateway(gateway):
    head = f"authorization: Bearer {gateway.key('enterprise')}\r\ncontent-length: 100"
    with socket.create_connection(gateway.address) as client:
        client.sendall(f"POST /v1/feedback HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{{".encode())
        gateway.until(lambda: gateway.counts()["turnout_in_flight"] > 0)
    gateway.until(lambda: gateway.counts()["turnout_in_flight"] == 0)
    assert "ClientDisconnect" not in (gateway.folder / "gateway.log").read_text()


def test_an_endless_opinion_is_cut_off(gateway):
    headers = _headers(gateway.key("enterprise"))
    reply = patience.post(f"{gateway.url}/feedback", content=b" " * 100_000, headers=headers)
    assert reply.status_code == 413
    assert reply.json()["error"]["code"] == "payload_too_large"


def test_prompts_are_kept_where_the_operator_asks_for_it_but_never_personal_data(
    tmp_path, simulators
):
    port, (seen, urls) = free_port(), simulators
    config = config_text(port, urls | {"local": urls["moe"]}, outcomes={"prompts": True})
    private = "call Ann at ann.lee@example.com about invoice 77-plugh"
    with start_gateway(tmp_path, config) as process:
        try:
            running = RunningGateway(tmp_path, port, seen)
            running.until_ready(process)
            key = running.key("enterprise")
            for text in (BODY["messages"][0]["content"], private):
                body = {**BODY, "messages": [{"role": "user", "content": text}]}
                url = f"{running.url}/chat/completions"
                answer = patience.post(url, json=body, headers=_headers(key))
                decision = answer.headers["x-turnout-decision"]
                assert _judge(running, key, decision=decision, score=1.0).status_code == 202
        finally:
            process.terminate()
    with sqlite3.connect(tmp_path / "data" / "turnout.db") as database:
        kept = database.execute("select asked from outcome_prompts").fetchall()
    database.close()
    assert [b"xyzzy" in asked for (asked,) in kept] == [True]
    assert b"plugh" not in (tmp_path / "gateway.log").read_bytes()
