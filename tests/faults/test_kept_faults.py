"""A gateway that is killed between storing a response and telling its id."""

import subprocess
import sys
import time

import pytest

from router.seal import Seal, key_of
from router.stored.opening import open_store
from router.stored.response import MissingResponse
from router.stored.store import ResponseStore

KEY = "A" * 43 + "="
ID = "resp_turnout_" + "1" * 32
ORGANIZATION = "acme"
KEEP_MS = 60_000
# A keeping caller whose client would be told next: the process ends there, as if it were killed.
KILLED = f"""
import asyncio, os, signal, sys
from types import SimpleNamespace
from router.pipeline.keeping import KeepingCaller
from router.protocols.responses.kept import Kept
from router.stored.opening import open_shelf


class Killed(SimpleNamespace):
    async def send(self, body, status=200):
        os.kill(os.getpid(), signal.SIGKILL)


caller = Killed(id="{"1" * 32}", authorization=None, headers=[], fields={{}}, route="")
shelf = open_shelf(sys.argv[1], ["{KEY}"], keep=60.0, room=10_000)
kept = Kept(None, "Hello", wanted=True)
keeping = KeepingCaller(caller, shelf, "{ORGANIZATION}", "{ID}", kept)
asyncio.run(keeping.send(b'{{"id": "resp_1", "output": []}}'))
"""


def test_it_leaves_a_row_that_nobody_was_told_of_until_it_expires_or_is_erased(database):
    command = [sys.executable, "-c", KILLED, database]
    assert subprocess.run(command, check=False).returncode == -9
    store = open_store(database, [KEY], keep=60.0, room=10_000)
    [(organization, count, size)] = store.totals()
    assert (organization, count, size > 0) == (ORGANIZATION, 1, True)
    stored = store.get(ORGANIZATION, ID)
    assert b"Hello" in stored.document
    store.close()
    seal = Seal([key_of(KEY)])
    later = ResponseStore(
        database, seal, keep_ms=KEEP_MS, most_bytes=10_000, now=lambda: now_ms() + KEEP_MS
    )
    with pytest.raises(MissingResponse):
        later.get(ORGANIZATION, ID)
    assert later.sweep() == 1
    assert later.totals() == []
    later.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
