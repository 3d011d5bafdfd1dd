"""A request within a request is never served: a backend sees what came whole before it, alone."""

import re

import pytest
from edgekit import Edge
from trust.smuggling import CASES, HIDDEN, KEY, Case

SEEN = b"HIDDEN"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_hides_in_a_request_never_becomes_another_one(strangers: Edge, case: Case):
    key = strangers.key("enterprise").encode()
    before = strangers.backend.served
    reply = strangers.ask(case.sent.replace(KEY, key))
    assert strangers.backend.served - before == case.served
    assert SEEN not in strangers.last_raw("m")
    statuses = re.findall(rb"HTTP/1\.1 (\d\d\d) ", reply)
    assert statuses[: case.served] == [b"200"] * case.served
    assert [status[:1] for status in statuses[case.served :]] in ([], [b"4"])
    assert statuses


def test_the_request_that_hides_would_be_served_if_it_stood_alone(strangers: Edge):
    key = strangers.key("enterprise").encode()
    before = strangers.backend.served
    with strangers.connect() as connection:
        connection.sendall(HIDDEN.replace(KEY, key))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert strangers.backend.served - before == 1
