"""The corpus behind nginx and HAProxy: gateway and proxy agree how many requests there were, and
whoever comes next over the same connection gets the answer to its own."""

import socket
from contextlib import suppress

from edgekit import BODY, PATH, Edge, live_edge, to_the_end
from patience import LONGEST_SECONDS, until
from trust.figures import Figures
from trust.proxies import Proxy, in_front_of, installed
from trust.smuggling import CASES, KEY


def _ask(proxy: Proxy, sent: bytes) -> bytes:
    with socket.create_connection(proxy.address, LONGEST_SECONDS) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
        return to_the_end(connection)


def _victim(proxy: Proxy, key: bytes, number: int) -> None:
    """A customer's request right behind the attack: the answer is its own."""
    name = b"victim-%d" % number
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nX-Request-Id: %b\r\n"
    head += b"Content-Length: %d\r\nConnection: close\r\n\r\n"
    answer = _ask(proxy, head % (PATH.encode(), key, name, len(BODY)) + BODY)
    assert b" 200 OK" in answer
    assert b"x-request-id: " + name in answer.lower()


def _attack(edge: Edge, proxy: Proxy, figures: Figures) -> None:
    key = edge.key("enterprise").encode()
    before = edge.backend.served
    for number, case in enumerate(CASES):
        _ask(proxy, case.sent.replace(KEY, key))
        _victim(proxy, key, number)
        figures.add(f"requests that hide others, behind {proxy.name}")
    served = edge.backend.served - before
    until(lambda: proxy.passed() >= served)  # it logs behind its answers
    figures.add("disagreements between proxy and gateway", proxy.passed() - served)
    assert proxy.passed() == served


def test_a_proxy_and_the_gateway_behind_it_never_disagree(tmp_path, figures: Figures):
    connections = {"trusted_proxies": ["127.0.0.1"], "wrong_keys": 0}
    limits = {"body": "1MB", "body_timeout": "1s"}
    with live_edge(tmp_path, limits, connections=connections) as edge:
        for name in installed():
            folder = tmp_path / name
            folder.mkdir()
            with in_front_of(edge.address[1], name, folder) as proxy:
                _attack(edge, proxy, figures)
