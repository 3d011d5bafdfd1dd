"""What the ledger is compared with: sums of stored usage, whose limits counted, and its epoch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import func, null, select, union_all

from router.database import Database, DatabaseError, ForeignTable
from router.usage.ledger_rows import EPOCH, LIMITS
from router.usage.ledger_rows import METADATA as OF_THE_LEDGER
from router.usage.rollup_rows import METADATA as OF_ROLLUPS
from router.usage.rollup_rows import ROLLUPS, digits_of
from router.usage.rollups import pruned_until
from router.usage.rows import METADATA, USAGE
from router.usage.sums import of_gone

_METRICS: Final = ("requests", "tokens", "input_tokens", "output_tokens", "cost_pico")
_MICRO: Final = 10**6
_RECENT: Final = timedelta(days=2)
_LEVELS: Final = ("organization", "team", "key_id", "end_user", "asked", "tier")


_PROCESS: Final = digits_of(USAGE.c.hold_id, 13, 8)
_SHARD: Final = digits_of(USAGE.c.hold_id, 21, 2)


# Two sums of each metric, since one of pico-USD may not fit 64 bits.
_ROWS: Final = (
    {name: USAGE.c[name] for name in _LEVELS} | {"process": _PROCESS},
    [
        part
        for metric in _METRICS
        for part in (func.sum(USAGE.c[metric] // _MICRO), func.sum(USAGE.c[metric] % _MICRO))
    ],
)
_GONE: Final = (
    {name: ROLLUPS.c[name] for name in (*_LEVELS, "process")},
    [
        part
        for metric in _METRICS[:-1]
        for part in (func.sum(ROLLUPS.c[metric] // _MICRO), func.sum(ROLLUPS.c[metric] % _MICRO))
    ]
    + [func.sum(ROLLUPS.c[name]) for name in ("cost_pico_high", "cost_pico_low")],
)


class BookedSum(NamedTuple):
    """What one name of a level used by one tier and one gateway process: a vector of METRICS."""

    name: str | None
    tier: str | None
    process: str
    used: tuple[int, ...]


class LimitsSaid(NamedTuple):
    """The calendar limits that a gateway process counted by since an instant, tier by tier."""

    process: str
    since: int
    limits: Mapping[str, frozenset[str]]


class LedgerBooks:
    """The stored usage as the ledger is checked by it. Tables are made when they are first used.

    Every method is one short transaction, blocks (call it off the loop), may raise DatabaseError.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._made = False

    def prepare(self) -> None:
        """Make the tables, or see that those which are there are ours."""
        if self._made:
            return
        try:
            self._make()
        except ForeignTable:
            raise
        except DatabaseError:  # another worker made them at the same moment
            self._make()
        self._made = True

    def _make(self) -> None:
        self._database.make(METADATA)
        self._database.make(OF_ROLLUPS)
        self._database.make(OF_THE_LEDGER)

    def sums(
        self,
        organization: str,
        column: str | None,
        span: tuple[int, int],
        until: int,
        made: tuple[int, int] | None = None,
    ) -> list[BookedSum]:
        """The use of an organization by name, tier and process: rows admitted in [span) and closed
        by an instant. `column` keeps the names of the level (None: the organization as a whole),
        `made` is when their holds were made, [from, to) by the clocks of the gateways.

        Of rows that are gone their rollups are taken, each as a whole, by its first row.
        """
        rows = (
            _summed(_ROWS, column)
            .where(USAGE.c.organization == organization)
            .where(USAGE.c.admitted_at >= span[0], USAGE.c.admitted_at < span[1])
            .where(USAGE.c.admitted_at >= pruned_until(), USAGE.c.closed_at <= until)
        )
        gone = (
            _summed(_GONE, column)
            .where(ROLLUPS.c.organization == organization, of_gone())
            .where(ROLLUPS.c.first_at >= span[0], ROLLUPS.c.first_at < span[1])
        )
        if made is not None:
            first, end = (f"{max(0, ms):012x}" for ms in made)
            rows = rows.where(USAGE.c.hold_id >= first, USAGE.c.hold_id < end)
            gone = gone.where(ROLLUPS.c.first_hold >= first, ROLLUPS.c.first_hold < end)
        whole: dict[tuple[Any, ...], tuple[int, ...]] = {}
        for row in self._rows(union_all(rows, gone)):
            key, used = tuple(row[:3]), _whole(row[3:])
            there = whole.get(key, (0,) * len(used))
            whole[key] = tuple(map(sum, zip(there, used, strict=True)))
        return [BookedSum(key[0], key[1], key[2], used) for key, used in whole.items()]

    def known(self, hold_ids: Sequence[str]) -> set[tuple[str, int]]:
        """Which rows of these holds are stored."""
        found = select(USAGE.c.hold_id, USAGE.c.seq).where(USAGE.c.hold_id.in_(hold_ids))
        return {(row[0], row[1]) for row in self._rows(found)}

    def customers(self, since_ms: int) -> list[dict[str, Any]]:
        """Who was served since an instant: the distinct levels of the ledger's scopes."""
        columns = [USAGE.c[name] for name in _LEVELS]
        rows = self._rows(select(*columns).where(USAGE.c.admitted_at >= since_ms).distinct())
        return [dict(zip(_LEVELS, row, strict=True)) for row in rows]

    def count(self) -> int:
        """How many rows there are."""
        ((rows,),) = self._rows(select(func.count()).select_from(USAGE))
        return int(rows)

    def newest(self) -> dict[int, int]:
        """When the newest rows were closed, by virtual shard: of those of the last days, since the
        days of customers begin at different instants."""
        ((last,),) = self._rows(select(func.max(USAGE.c.day)))
        if last is None:
            return {}
        since = (date.fromisoformat(last) - _RECENT).isoformat()
        closed = select(_SHARD, func.max(USAGE.c.closed_at)).where(USAGE.c.day >= since)
        rows = self._rows(closed.group_by(_SHARD))
        return {int(digits, 16): int(at) for digits, at in rows}

    def limits(self) -> list[LimitsSaid]:
        """The limits that gateway processes said they count by, each process in order of time."""
        said = select(LIMITS.c.process, LIMITS.c.since, LIMITS.c.limits)
        rows = self._rows(said.order_by(LIMITS.c.process, LIMITS.c.since))
        return [LimitsSaid(process, since, _read_limits(limits)) for process, since, limits in rows]

    def say_limits(self, process: str, since: int, limits: Mapping[str, Iterable[str]]) -> None:
        """Say by which limits a process counts from an instant of its clock on; twice is once."""
        text = orjson.dumps({tier: sorted(names) for tier, names in limits.items()}).decode()
        self.prepare()
        with self._database.writing() as connection:
            insert = self._database.insert(LIMITS).values(process=process, since=since, limits=text)
            connection.execute(insert.on_conflict_do_nothing())

    def epoch(self) -> str:
        """The epoch of the ledger that these books belong to; empty where none was seen yet."""
        rows = self._rows(select(EPOCH.c.epoch))
        return str(rows[0][0]) if rows else ""

    def keep_epoch(self, epoch: str) -> None:
        """Let these books belong to a ledger, if they belong to none."""
        self.prepare()
        with self._database.writing() as connection:
            insert = self._database.insert(EPOCH).values(number=0, epoch=epoch)
            connection.execute(insert.on_conflict_do_nothing())

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _rows(self, statement: Any) -> list[Any]:
        self.prepare()
        with self._database.reading() as connection:
            return list(connection.execute(statement))


def _summed(source: tuple[Mapping[str, Any], Sequence[Any]], column: str | None) -> Any:
    """The sums by a level's name, tier and process."""
    keys, sums = source
    name = null() if column is None else keys[column]
    by = [keys["tier"], keys["process"]]
    return select(name, *by, *sums).group_by(*by, *([] if column is None else [name]))


def _whole(parts: Sequence[Any]) -> tuple[int, ...]:
    """Sums of millions and of what is below, put together."""
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return tuple(int(high or 0) * _MICRO + int(low or 0) for high, low in pairs)


def _read_limits(text: str) -> dict[str, frozenset[str]]:
    return {tier: frozenset(names) for tier, names in orjson.loads(text).items()}
