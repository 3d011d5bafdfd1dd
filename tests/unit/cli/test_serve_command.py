"""How `turnout serve` sets up its server."""

import asyncio
import socket

from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.cli.serve import _SignalFreeServer
from router.world.config_limits import ConnectionSection


def test_an_idle_connection_is_kept_longer_than_a_load_balancer_keeps_it():
    assert ConnectionSection().idle > 60


async def test_a_server_sleeps_until_it_is_ended():
    server = _SignalFreeServer(FastAPI(), HttpToolsProtocol)
    with socket.create_server(("127.0.0.1", 0)) as place:
        serving = asyncio.create_task(server.serve(sockets=[place]))
        server.end()
        await serving
    assert not server.force_exit
