"""How a gateway stops: told first, then nothing new, then an end for what is left."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from router.api.server_state import DatedState
from router.cli.stopping import Stopping

pytestmark = pytest.mark.virtual_time


class Listener:
    """A server that notes how it is ended, and when."""

    def __init__(self, log: list[tuple[str, float]]) -> None:
        self.server_state = DatedState()
        self._log = log

    def end(self, *, at_once: bool = False) -> None:
        self._log.append(("at once" if at_once else "end", _now()))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _stopping(notice: float | None, drain: float) -> tuple[Stopping, Any, list[tuple[str, float]]]:
    log: list[tuple[str, float]] = []
    gateway: Any = SimpleNamespace(ready=True, metrics=SimpleNamespace(in_flight=2))
    listener = Listener(log)

    async def abandon() -> None:
        log.append(("abandon", _now()))

    stopping = Stopping(gateway, [listener], abandon, notice, drain)
    return stopping, SimpleNamespace(gateway=gateway, listener=listener), log


async def test_it_is_unready_at_once_takes_requests_for_the_notice_and_ends_by_the_drain(caplog):
    stopping, seen, log = _stopping(5.0, 60.0)
    with caplog.at_level(logging.INFO, "turnout"):
        stopping.begin()
        assert not seen.gateway.ready
        await asyncio.sleep(1.0)
        assert (b"connection", b"close") in seen.listener.server_state.default_headers
        assert log == []
        await asyncio.sleep(100.0)
    assert log == [("end", 5.0), ("abandon", 60.0), ("at once", 60.0)]
    assert [record.message for record in caplog.records] == [
        "stopping",
        "requests outlasted `stop.drain`",
    ]


async def test_where_nobody_needs_to_learn_of_it_nothing_new_is_taken_at_once():
    for stopping, _, log in (_stopping(None, 60.0), _stopping(5.0, 60.0)):
        began = _now()
        stopping.begin(noticed=True)
        await asyncio.sleep(1.0)
        assert log == [("end", began)]
        stopping.over()
        await asyncio.sleep(100.0)
        assert len(log) == 1  # what is over is abandoned by nobody


async def test_a_notice_longer_than_the_drain_is_cut_by_it():
    stopping, _, log = _stopping(60.0, 10.0)
    stopping.begin()
    await asyncio.sleep(100.0)
    assert log == [("end", 10.0), ("abandon", 10.0), ("at once", 10.0)]


async def test_a_second_signal_waits_for_nothing():
    stopping, _, log = _stopping(60.0, 600.0)
    stopping.begin()
    await asyncio.sleep(1.0)
    stopping.begin()
    assert log == [("at once", 1.0)]
    stopping.over()
