"""What a request costs as things grow: rules, backends, keys, tenants, prompt length, streams.

In process, as `bench.steps`: CPU and interpreter instructions of the whole corridor for one
request (for streams: CPU through a real gateway, per event). Each series is measured forth and
back, and the smaller of the two is kept.
"""

import copy
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import uvloop
import yaml

from bench.instructions import instructions
from bench.native import Load, run_load, upstream
from bench.payloads import MODEL, chat
from bench.processes import cpu_seconds
from bench.steps import Corridor, cost, whole
from bench.systems import CONFIGS, TURNOUT, new_keys, running, turnout_config
from router.app import load_classifier
from router.app import running as gateway_running
from router.auth.keys import hash_key, new_key, new_key_id
from router.pipeline.documents import read_documents

SERIES: Final[dict[str, Sequence[int]]] = {
    "rules": (1, 10, 100, 300, 1_000),
    "backends": (1, 3, 10, 25, 50),
    "keys": (1, 1_000, 10_000, 100_000),
    "active tenants": (1, 10, 100, 1_000, 10_000),
    "prompt bytes": (1_000, 4_000, 20_000, 100_000, 300_000, 1_000_000),
    "streams": (1, 50, 500, 1_000, 2_000),
}


def _policy(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "policy.yaml"
    document = yaml.safe_load((CONFIGS / "policy.yaml").read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def _with_rules(count: int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        rules = document["routes"]["auto"]["rules"]
        rules += [
            {"name": f"r{n}", "when": f'request.user == "nobody-{n}"', "except": ["premium"]}
            for n in range(count)
        ]

    return change


def _backends(count: int) -> dict[str, Any]:
    """Turnout's three and more like the last one, none of which the route may use."""

    def change(document: dict[str, Any]) -> None:
        document["backends"] |= {
            f"other-{n}": copy.deepcopy(document["backends"]["premium"]) for n in range(count - 3)
        }

    return {"change": change}


def _add_keys(database: Path, count: int) -> None:
    """Put keys into the table directly: creating them one by one would take minutes."""
    made = datetime(2026, 1, 1).isoformat(" ")  # as the table holds it
    rows = [
        (new_key_id(), hash_key(new_key()), f"customer-{n}", None, "measured", made, None)
        for n in range(count)
    ]
    with closing(sqlite3.connect(database)) as connection, connection:
        columns = "key_id, key_hash, organization, team, tier, created_at, revoked_at"
        connection.executemany(
            f"insert into api_keys ({columns}) values (?,?,?,?,?,?,?)",  # noqa: S608 # constants
            rows,
        )


async def _corridor(
    port: int, raw: bytes, *, rules: int = 0, backends: int = 3, keys: int = 1, tenants: int = 1
) -> tuple[float, int]:
    with tempfile.TemporaryDirectory(prefix="turnout-growth-") as name:
        folder = Path(name)
        config = turnout_config(folder, port, 0)
        if rules:
            _policy(folder, _with_rules(rules))
        if backends != 3:
            document = yaml.safe_load(config.read_text())
            _backends(backends)["change"](document)
            config.write_text(yaml.safe_dump(document, sort_keys=False))
        own = [new_keys(folder, ["measured"])["measured"]]
        if keys > 1:
            _add_keys(folder / "data" / "turnout.db", keys - 1)
        documents = read_documents(config, {})
        async with gateway_running(documents, load_classifier(documents), {}) as started:
            corridors = await _tenants(started.gateway, own[0], raw, tenants)
            calls = max(320, tenants + 2_000 if tenants > 1_000 else 0)
            step = whole(corridors)
            spent = await cost(step, rounds=2 if tenants > 1_000 else 3, calls=calls)
            return spent, await instructions(step)


async def _tenants(gateway: Any, key: str, raw: bytes, count: int) -> list[Corridor]:
    """Corridors of different customers, without a key each: their principals are put in place."""
    first = Corridor(gateway, key, raw)
    await first.prepare()
    return [first, *(first.of_customer(f"tenant-{n}") for n in range(count - 1))]


def _streams(port: int, count: int) -> float:
    """CPU microseconds an event, with so many paced streams at once."""
    with running(TURNOUT[0], port) as target:
        pace = max(20, count // 10)  # milliseconds: at most ten thousand events a second
        body = chat(model=MODEL, stream=True, tokens=40, pace_ms=pace)
        run_load(target.port, Load(1, 1.0, body, requests=1), target.head)
        before = cpu_seconds(target.pids())
        seen = run_load(target.port, Load(count, 60.0, body, requests=count), target.head)
        return (cpu_seconds(target.pids()) - before) / max(1, seen.events) * 1e6


def _one(port: int, series: str, size: int) -> tuple[float, int]:
    if series == "streams":
        return _streams(port, size), 0
    if series == "prompt bytes":
        return uvloop.run(_corridor(port, chat(size, model=MODEL)))
    name = {"active tenants": "tenants"}.get(series, series)
    return uvloop.run(_corridor(port, chat(model=MODEL), **{name: size}))


Series = dict[str, dict[int, float]]


def grow(names: Sequence[str] | None = None) -> tuple[Series, Series]:
    """By series and size: microseconds of CPU, and interpreter instructions where it has any."""
    found: Series = {}
    counts: Series = {}
    with upstream() as port:
        for series in names or list(SERIES):
            sizes = SERIES[series]
            found[series], counts[series] = {}, {}
            for size in (*sizes, *reversed(sizes)):
                spent, count = _one(port, series, size)
                found[series][size] = min(spent, found[series].get(size, spent))
                counts[series][size] = min(count, counts[series].get(size, count))
            row = "  ".join(f"{size:,}: {spent:.0f}" for size, spent in found[series].items())
            print(f"{series:<16} {row}", flush=True)
    return found, {name: series for name, series in counts.items() if any(series.values())}
