"""One gateway of a series and size, in a process of its own, which serves when it is told to.

    python -m bench.growing keys 10000 PORT

It says `{}` once it is warm. A number that it reads is of requests to serve, sixteen in flight; the
answer is CPU microseconds a request since the last answer, what happens in the background
included: of the serving loop, of other threads, and of its ledger. `count` is answered with a
request's interpreter instructions.
"""

import asyncio
import copy
import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import uvloop
import yaml

from bench.instructions import instructions
from bench.payloads import MODEL, chat
from bench.processes import cpu_seconds
from bench.steps import IN_FLIGHT, Requests, Step, burst
from bench.systems import ledger_pid, new_keys, turnout_config
from router.api.gateway import Gateway
from router.app import running
from router.customers.key_text import hash_key, new_key, new_key_id
from router.learning import load_classifier
from router.world.documents import read_documents

_WARM_UP: Final = 1_600  # requests, until caches, counters and specialised code have settled
Document = dict[str, Any]


def _change(path: Path, change: Callable[[Document], None]) -> None:
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def _rules(folder: Path, count: int) -> None:
    """Rules that look at what no other rule looks at, and never hold."""

    def change(document: Document) -> None:
        document["routes"]["auto"]["rules"] += [
            {"name": f"r{n}", "when": f'request.user == "nobody-{n}"', "except": ["premium"]}
            for n in range(count)
        ]

    _change(folder / "policy.yaml", change)


def _backends(folder: Path, count: int) -> None:
    """Turnout's three and more like the last one, none of which the route may use."""

    def change(document: Document) -> None:
        premium = document["backends"]["premium"]
        document["backends"] |= {f"other-{n}": copy.deepcopy(premium) for n in range(count - 3)}

    _change(folder / "turnout.yaml", change)


_DOCUMENTS: Final[Mapping[str, Callable[[Path, int], None]]] = {
    "rules": _rules,
    "backends": _backends,
}


def _add_keys(folder: Path, count: int) -> list[str]:
    """Put keys of a customer each into the table directly: one by one would take minutes."""
    made = datetime(2026, 1, 1).isoformat(" ")  # as the table holds it
    keys = [new_key() for _ in range(count)]
    rows = [
        (new_key_id(), hash_key(key), f"customer-{n}", None, "measured", made, None)
        for n, key in enumerate(keys)
    ]
    with closing(sqlite3.connect(folder / "data" / "turnout.db")) as connection, connection:
        columns = "key_id, key_hash, organization, team, tier, created_at, revoked_at"
        connection.executemany(
            f"insert into api_keys ({columns}) values (?,?,?,?,?,?,?)",  # noqa: S608 # constants
            rows,
        )
    return keys


def _prepare(folder: Path, series: str, size: int, port: int) -> list[str]:
    """Write the documents and the keys; returns the keys in use, one an active customer."""
    turnout_config(folder, port, 0)
    if series in _DOCUMENTS:
        _DOCUMENTS[series](folder, size)
    used = list(new_keys(folder, ["measured"]).values())
    if series in {"keys", "active tenants"}:
        more = _add_keys(folder, size - 1)
        used += more if series == "active tenants" else []
    return used


def _step(gateway: Gateway, keys: list[str], raw: bytes) -> Step:
    """Whole requests of these customers in turn."""
    first = Requests(gateway, keys[0], raw)
    turn = cycle([first, *map(first.of_customer, keys[1:])])

    async def step() -> None:
        await next(turn).walk()

    return step


def _spare_the_collector() -> None:
    """As `turnout serve` does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _spent(ledger: tuple[int, ...]) -> dict[str, float]:
    """CPU seconds so far: of the serving loop, of the other threads, and of the ledger."""
    loop = time.thread_time()
    return {"loop": loop, "threads": time.process_time() - loop, "ledger": cpu_seconds(ledger)}


async def _obey(step: Step, ledger: tuple[int, ...]) -> None:
    spent = _spent(ledger)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command == "count":
            print(json.dumps({"instructions": await instructions(step)}), flush=True)
            continue
        await burst(step, int(command))
        before, spent = spent, _spent(ledger)
        each = {part: (spent[part] - before[part]) / int(command) * 1e6 for part in spent}
        print(json.dumps(each), flush=True)


async def _main(series: str, size: int, port: int) -> None:
    raw = chat(size if series == "prompt bytes" else 1_000, model=MODEL)
    with tempfile.TemporaryDirectory(prefix="turnout-growth-") as name:
        folder = Path(name)
        keys = _prepare(folder, series, size, port)
        documents = read_documents(folder / "turnout.yaml", {})
        async with running(documents, load_classifier(documents), {}) as started:
            step = _step(started.gateway, keys, raw)
            warm_up = max(_WARM_UP // (1 + len(raw) // 10_000), len(keys))
            await burst(step, -(-warm_up // IN_FLIGHT) * IN_FLIGHT)
            _spare_the_collector()
            print("{}", flush=True)
            await _obey(step, ledger_pid(folder))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
