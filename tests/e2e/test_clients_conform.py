"""The official clients of the development lock, at the jobs of `make conformance`.

What is asked of them stands in conformance/clients_table.py; here they run from this environment.
"""

import sys

import pytest

from conformance.cache import copied
from conformance.clients_table import CLIENTS
from conformance.gateway import OTHER, gateway
from conformance.running import COLUMNS, WORKS, places, run_client
from conformance.scripted.server import protocol_of, scripted_server
from router.operations.table import OPERATIONS

SPOKEN = {operation.protocol for operation in OPERATIONS}
LOCKED = [
    client
    for client in CLIENTS
    if client.folder in ("openai-python", "anthropic-python")
    and client.protocol in SPOKEN
    and not client.is_real
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conformance")
    with scripted_server() as upstream, gateway(folder, upstream.root) as through:
        yield upstream, through


@pytest.mark.parametrize("client", LOCKED, ids=lambda client: client.name)
def test_an_official_client_sees_the_same_as_direct(client, servers, tmp_path):
    upstream, through = servers
    folder = copied(client, tmp_path)
    ways = places(client, upstream.root, through)
    jobs = run_client(client, [sys.executable, "drive.py"], folder, ways)
    different = {
        (job, column): told
        for job, told in jobs.items()
        for column in COLUMNS
        if column in told and told[column]["verdict"] != WORKS
    }
    assert different == {}
    asked = {protocol_of(path) for path, _, _ in upstream.asked}
    assert {client.protocol, OTHER[client.protocol]} <= asked
