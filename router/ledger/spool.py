"""Settlements on disk: what the ledger could not be told yet, kept over a crash of the gateway.

A file per process, appended and fsynced line by line, locked while its process lives. A line is the
reservation (before serving, in an outage) or the settlement of one hold; the last line of a hold
counts. Whoever starts next adopts the files of dead processes. Replaying is idempotent.
"""

import base64
import contextlib
import fcntl
import os
import struct
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

import orjson

from router.domain import Estimate
from router.ledger.keys import hold_time, shard
from router.ledger.quotas.compiled_quotas import Plan
from router.ledger.quotas.dimensions import Options, Quota
from router.ledger.server.connection import Part
from router.ledger.settlement import Frame, Reservation, Settlement

_SECOND_ARGS: Final = 9
_PATTERN: Final = "spool-*.jsonl"


class Spool:
    """The spool of one gateway process, in a folder that it shares with others.

    `append` blocks until the line is on disk, and raises OSError where it cannot be (a full disk).
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.path = folder / f"spool-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        self._file: IO[bytes] | None = None

    def append(self, settlement: Settlement) -> None:
        """Write one settlement to disk."""
        if self._file is None:
            self._file = _locked(self.path)
        self._file.write(_line(settlement))
        os.fsync(self._file.fileno())

    def clear(self) -> None:
        """Forget what was written: the ledger knows it all."""
        if self._file is not None:
            self.path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Leave what was written to the next process."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def adopt(self) -> tuple[list[Settlement], list[IO[bytes]]]:
        """What dead processes left, and their files, held so that nobody else adopts them."""
        held: list[IO[bytes]] = []
        for path in sorted(self._folder.glob(_PATTERN)):
            with contextlib.suppress(OSError):
                held.append(_locked(path))
        return _read(Path(file.name) for file in held), held

    @staticmethod
    def drop(files: Iterable[IO[bytes]]) -> None:
        """Delete adopted files: the ledger knows what they held."""
        for file in files:
            Path(file.name).unlink(missing_ok=True)
            file.close()

    @staticmethod
    def release(files: Iterable[IO[bytes]]) -> None:
        """Leave adopted files to the next start."""
        for file in files:
            file.close()


def _locked(path: Path) -> IO[bytes]:
    file = path.open("ab", buffering=0)  # a failed write must not be tried again at close
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _read(paths: Iterable[Path]) -> list[Settlement]:
    last: dict[str, Settlement] = {}
    for path in paths:
        for line in path.read_bytes().splitlines():
            # A line that was being written when the machine stopped is not a promise to anybody.
            with contextlib.suppress(orjson.JSONDecodeError, KeyError):
                settlement = _settlement(orjson.loads(line))
                last[settlement.rid] = settlement
    return list(last.values())


def _line(settlement: Settlement) -> bytes:
    call = settlement.reservation
    made = None
    if call is not None:
        made = {
            "keys": [_text(part) for part in call.keys],
            "args": [_text(part) for part in call.args],
            "quotas": [asdict(quota) for quota in call.plan.quotas],
            "levels": call.plan.levels,
        }
    return orjson.dumps(
        {
            "shard": settlement.shard.number,
            "rid": settlement.rid,
            "status": settlement.status,
            "used": base64.b64encode(settlement.used).decode(),
            "payload": settlement.payload.decode(),
            "reservation": made,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _settlement(line: dict[str, Any]) -> Settlement:
    made, call = line["reservation"], None
    if made is not None:
        quotas = tuple(
            Quota(q["level"], q["dimension"], q["limit"], Options(**q["options"]))
            for q in made["quotas"]
        )
        plan = Plan(quotas, made["levels"])
        call = _reservation(line["rid"], _parts(made["keys"]), _parts(made["args"]), plan)
    return Settlement(
        shard(line["shard"]),
        line["rid"],
        line["status"],
        base64.b64decode(line["used"]),
        line["payload"].encode(),
        call,
    )


def _reservation(
    rid: str, keys: tuple[Part, ...], args: tuple[Any, ...], plan: Plan
) -> Reservation:
    """The reserve call of a line. Format 2 had nine arguments: id, lease, vectors want, need and
    crash, items, meta, flags, three numbers on users; its scopes began with the seventh key.
    """
    if len(args) != _SECOND_ARGS:
        return Reservation(keys, args, plan)
    record, count, overflow, *scopes = (str(key) for key in (keys[0], *keys[4:]))
    home = shard(int(record[5:7]))  # lg:{v07}:...
    _, _, prompt, output, cost, _, least, *_ = struct.unpack(">15q", args[2])
    prompt_cost = struct.unpack(">15q", args[2])[-1]
    estimate = Estimate(prompt, output, cost, prompt_cost, firm=least == prompt + output)
    frame = Frame.of(home, plan, tuple(scopes), int(args[1]), (int(args[7]), int(args[8])))
    users = (count, overflow) if plan.user_scope else ()
    return frame.call(rid, estimate, args[4], hold_time(rid), users)


def _text(part: Part) -> str | int | list[str]:
    if isinstance(part, bytes):
        return [base64.b64encode(part).decode()]
    return part


def _parts(raw: list[Any]) -> tuple[Part, ...]:
    return tuple(base64.b64decode(part[0]) if isinstance(part, list) else part for part in raw)
