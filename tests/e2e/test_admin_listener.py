"""The administrators' listener of a real gateway: what never became a request, too."""

import socket

import pytest
from gatewaykit import RunningGateway, config_text, start_gateway
from patience import get, post
from ports import free_port

TOKEN = "an-admin-token-for-tests"
OWNER = {"authorization": f"Bearer {TOKEN}"}
URLS = dict.fromkeys(("local", "moe", "premium", "mute", "strict"), "http://127.0.0.1:9/v1")


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("admin")
    port, admin_port = free_port(), free_port()
    section = {"listen": f"127.0.0.1:{admin_port}", "token": TOKEN}
    with start_gateway(folder, config_text(port, URLS, admin=section)) as process:
        running = RunningGateway(folder, port, {})
        running.until_ready(process)
        yield f"http://127.0.0.1:{admin_port}", running.root
        process.terminate()


def test_the_api_is_on_its_own_listener_alone(admin):
    api, public = admin
    status = get(f"{api}/admin/v1/status", headers=OWNER)
    assert (status.status_code, status.json()["ready"]) == (200, True)
    assert get(f"{public}/admin/v1/status", headers=OWNER).status_code == 404
    assert get(f"{api}/v1/models", headers=OWNER).status_code == 404
    document = get(f"{api}/admin/v1/openapi.json", headers=OWNER).json()
    assert "/admin/v1/status" in document["paths"]


def test_a_name_with_a_slash_is_one_segment_of_a_path(admin):
    api, _ = admin
    made = post(
        f"{api}/admin/v1/organizations",
        headers=OWNER,
        json={"organization": "a/日", "tier": "free"},
    )
    assert made.status_code == 201
    assert made.headers["location"] == "/admin/v1/organizations/a%2F%E6%97%A5"
    found = get(f"{api}{made.headers['location']}", headers=OWNER)
    assert found.json()["organization"] == "a/日"


def test_a_reload_by_the_api_is_done_and_logged_with_who_and_from_where(admin):
    api, _ = admin
    headers = OWNER | {"x-request-id": "mine"}
    assert post(f"{api}/admin/v1/reload", headers=headers).json()["reloaded"] is True
    (row,) = get(f"{api}/admin/v1/audit?action=policies.reload", headers=OWNER).json()["items"]
    assert (row["credential"], row["address"], row["request_id"]) == (
        "turnout.yaml",
        "127.0.0.1",
        "mine",
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /admin/v1/status HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\n\r\n", b"400"),
        (b"GET /admin/v1/status HTTP/1.1\r\nhost: a\r\n\r\n", b"401"),
    ],
)
def test_what_is_no_request_is_told_as_a_problem_too(admin, sent, status):
    host, port = admin[0].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: application/problem+json" in head.lower()
    assert b'"type":"urn:turnout:problem:' in body
