"""Paths that the operator declares: metered, authenticated, and passed on as they came."""

import socket

import httpx
import pytest
from declaredkit import LONG, PICTURE, declared_gateway
from gatewaykit import booked


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    with declared_gateway(tmp_path_factory.mktemp("declared")) as made:
        yield made


@pytest.fixture
def gateway(both):
    return both[0]


@pytest.fixture
def server(both):
    return both[1]


def ask(gateway, method, path, key="", **more) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or gateway.key('pro')}"} | more.pop("headers", {})
    return httpx.request(method, gateway.root + path, headers=headers, **more)


def test_bytes_pass_both_ways_with_status_and_type_and_the_operators_credential(gateway, server):
    sent = {"content-type": "image/png", "cookie": "secret=1", "x-api-key": "other", "te": "x"}
    answer = ask(gateway, "POST", "/v1/ocr?lang=de&x=%2e", content=PICTURE, headers=sent)
    assert (answer.status_code, answer.content) == (201, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="x"'
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-turnout-backend"] == "server"
    method, path, query, headers, body = server.asked[-1]
    assert (method, path, query, body) == ("POST", "/v1/ocr", "lang=de&x=%2e", PICTURE)
    assert headers["authorization"] == "Bearer sk-operator"
    assert headers["content-type"] == "image/png"
    assert {"cookie", "x-api-key", "te"}.isdisjoint(headers)


def test_a_request_and_its_bytes_are_billed_once(gateway):
    key = gateway.new_key("pro", organization="readers")
    answer = ask(gateway, "POST", "/v1/ocr", key, content=b"12345")
    assert answer.headers["x-turnout-cost-usd"] == "0.010005"
    row = booked(gateway, "readers")
    assert (row["requests"], row["input_tokens"], float(row["cost_usd"])) == (1, 0, 0.010005)
    assert (row["bytes"], row["images"]) == (5, 0)


def test_tokens_that_an_answer_tells_are_billed(gateway):
    key = gateway.new_key("pro", organization="tellers")
    answer = ask(gateway, "POST", "/v1/told", key, json={})
    assert answer.json() == {"usage": {"in": 5, "out": 2}}
    row = booked(gateway, "tellers")
    assert (row["input_tokens"], row["output_tokens"]) == (5, 2)
    assert float(row["cost_usd"]) == pytest.approx(0.01 + 9e-6)


def test_events_pass_as_they_come(gateway):
    answer = ask(gateway, "POST", "/v1/events")
    assert answer.content == b"data: one\n\n: x\n\ndata: two\n\n"
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_an_answer_without_a_type_that_is_long_passes_as_it_comes(gateway):
    answer = ask(gateway, "GET", "/v1/jobs/long")
    assert answer.content == LONG
    assert answer.headers["content-type"] == "application/octet-stream"


def test_an_empty_answer_stays_empty_and_its_connection_goes_on(gateway, server):
    with httpx.Client(headers={"authorization": f"Bearer {gateway.key('pro')}"}) as client:
        answer = client.delete(f"{gateway.root}/v1/jobs/7")
        assert (answer.status_code, answer.content) == (204, b"")
        assert client.get(f"{gateway.root}/v1/jobs/a%20b").json() == {"path": "/v1/jobs/a b"}
    assert server.asked[-1][:2] == ("GET", "/v1/jobs/a%20b")


def test_a_path_outside_of_v1_is_asked_at_the_root(gateway):
    assert ask(gateway, "GET", "/api/tags").json() == {"path": "/api/tags"}


def test_what_is_not_there_is_told_and_costs_nothing(gateway):
    key = gateway.new_key("pro", organization="seekers")
    answer = ask(gateway, "GET", "/v1/jobs/gone", key)
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "No job.")
    assert float(booked(gateway, "seekers")["cost_usd"]) == 0


def test_errors_have_the_shape_of_their_path(gateway):
    below = ask(gateway, "POST", "/v1/messages/batches", json={})
    assert (below.status_code, below.json()["type"]) == (400, "error")
    assert below.headers["request-id"]
    nobody = ask(gateway, "POST", "/v1/ocr", "tk-nobody")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "invalid_api_key")


def test_another_method_is_refused_with_those_that_there_are(gateway):
    answer = ask(gateway, "PUT", "/v1/jobs/7")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, DELETE, OPTIONS")
    asked = ask(gateway, "OPTIONS", "/v1/jobs/7")
    assert (asked.status_code, asked.headers["allow"]) == (204, "GET, DELETE, OPTIONS")


def test_limits_hold_for_it(gateway):
    key = gateway.new_key("tiny")
    statuses = [ask(gateway, "GET", "/v1/jobs/7", key).status_code for _ in range(2)]
    assert statuses == [200, 429]


@pytest.mark.parametrize(
    "path",
    ["/v1/jobs/..", "/v1/jobs/%2e%2e", "/v1/jobs/a%2f..%2fb", "/v1//jobs/7", "/v1/jobs/../ocr"],
)
def test_nothing_climbs_out_of_a_path(gateway, server, path):
    before = len(server.asked)
    key = gateway.key("pro")
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close"
    with socket.create_connection(gateway.address) as client, client.makefile("rb") as answer:
        client.sendall(f"{head}\r\n\r\n".encode())
        assert b" 404 " in answer.readline()
    assert len(server.asked) == before


def test_metrics_and_books_name_it(gateway):
    key = gateway.new_key("pro", organization="counters")
    ask(gateway, "GET", "/api/tags", key)
    booked(gateway, "counters")
    name = 'turnout_units_total{operation="tags",unit="request"}'
    assert gateway.counts()[name] >= 1
