"""A thousand clients that read nothing cost what buffers hold, and no more as time goes by."""

import contextlib
import os
import resource
import time
from pathlib import Path

from trust.endless import asking
from trust.figures import Figures
from trust.test_stalled_readers import serving

CLIENTS = 1_000
MOST_EACH = 400_000  # bytes: buffers of 64 KB on both sides, the last block read, objects
WATCHED_SECONDS = 20.0


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_thousand_stalled_readers_hold_a_bounded_memory_that_does_not_grow(
    tmp_path: Path, figures: Figures
):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    sections = {"stream": {"unread": "30m"}, "stop": {"notice": None, "drain": "1s"}}
    try:
        with serving(tmp_path, **sections) as (gateway, process, endless):
            key = gateway.new_key("enterprise", "thousand")
            before = _resident(process.pid)
            with contextlib.ExitStack() as clients:
                for _ in range(CLIENTS):
                    clients.enter_context(asking(gateway.address, key))
                gateway.until(lambda: endless.open == CLIENTS)
                sent = -1
                while sent != endless.sent:  # every buffer is full
                    sent = endless.sent
                    time.sleep(2.0)
                held = _resident(process.pid)
                time.sleep(WATCHED_SECONDS)
                later = _resident(process.pid)
                process.terminate()
                assert process.wait(60.0) == 0  # and nobody waits for them
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    figures.add("stalled readers at once", CLIENTS)
    figures.add("bytes held for each stalled reader", (held - before) // CLIENTS)
    figures.add("bytes that they grew by meanwhile", max(0, later - held))
    assert held - before < CLIENTS * MOST_EACH
    assert later - held < 8_000_000
