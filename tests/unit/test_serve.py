"""How `turnout serve` sets up its server."""

from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.cli.serve import _Server


def test_an_idle_connection_is_kept_longer_than_a_load_balancer_keeps_it():
    assert _Server(FastAPI(), HttpToolsProtocol).config.timeout_keep_alive > 60
