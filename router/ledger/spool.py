"""Settlements on disk: those that the ledger has not taken yet, so that they survive a crash.

A file per process, appended and fsynced line by line, locked while its process lives. A line is the
reserve call (before serving, in an outage) or the settlement of one hold; the last line of a hold
counts. The next process to start adopts the files of dead ones. Replaying is idempotent.
"""

import asyncio
import base64
import contextlib
import fcntl
import logging
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

import orjson

from router.ledger.keys import shard
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import Options, Quota
from router.ledger.reserve_call import ReserveCall
from router.ledger.server.connection import CommandPart
from router.ledger.settlement import Settlement

log = logging.getLogger(__name__)
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
        self._adopted: list[IO[bytes]] = []  # dead processes' files, locked by us

    def append(self, settlement: Settlement) -> None:
        """Write one settlement to disk."""
        if self._file is None:
            self._file = _locked(self.path)
        self._file.write(_line(settlement))
        os.fsync(self._file.fileno())

    def adopt(self) -> list[Settlement]:
        """What dead processes left."""
        for path in sorted(self._folder.glob(_PATTERN)):
            with contextlib.suppress(OSError):
                self._adopted.append(_locked(path))
        return _read(Path(file.name) for file in self._adopted)

    def clear(self) -> None:
        """Delete what was written and adopted: the ledger knows it all."""
        for file in (self._file, *self._adopted):
            if file is not None:
                Path(file.name).unlink(missing_ok=True)
                file.close()
        self._file, self._adopted = None, []

    def close(self) -> None:
        """Leave what was written and adopted to the next process."""
        for file in (self._file, *self._adopted):
            if file is not None:
                file.close()
        self._file, self._adopted = None, []


class SpoolThread:
    """A spool with a thread of its own, so that the serving loop never waits for a disk.

    `used`: whether something was written since it was last cleared. Without a spool (None) nothing
    can be kept.
    """

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, "ledger-spool")
        self.used = False
        self.failures = 0

    async def keep(self, settlement: Settlement) -> None:
        """Return once a settlement is on disk. Raises OSError where it cannot be."""
        if self._spool is None:
            raise OSError("no spool")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._spool.append, settlement)
        self.used = True

    def write(self, settlement: Settlement) -> None:
        """Write a settlement soon; a failure of the disk is counted and logged."""
        if self._spool is not None:
            self.used = True
            self._thread.submit(self._try_to_append, self._spool, settlement)

    def adopt(self) -> list[Settlement]:
        """What dead processes left on disk; files without a settlement are deleted."""
        adopted = self._spool.adopt() if self._spool is not None else []
        if adopted:
            self.used = True
        elif self._spool is not None:
            self._spool.clear()
        return adopted

    def clear(self) -> None:
        """Delete everything soon: the ledger knows it."""
        self.used = False
        if self._spool is not None:
            self._thread.submit(self._spool.clear)

    async def close(self) -> None:
        """Finish writing, and leave what is on disk to the next process."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        if self._spool is not None:
            self._spool.close()

    def _try_to_append(self, spool: Spool, settlement: Settlement) -> None:
        try:
            spool.append(settlement)
        except OSError as error:
            self.failures += 1
            log.warning("The ledger's spool takes nothing (%s): kept in memory only", error)


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
            # Nobody was promised a line that was still being written when the machine stopped.
            with contextlib.suppress(orjson.JSONDecodeError, KeyError):
                settlement = _settlement(orjson.loads(line))
                last[settlement.hold_id] = settlement
    return list(last.values())


def _line(settlement: Settlement) -> bytes:
    call = settlement.reserve
    reserve = None
    if call is not None:
        reserve = {
            "keys": [_text(part) for part in call.keys],
            "args": [_text(part) for part in call.args],
            "quotas": [asdict(quota) for quota in call.quotas.quotas],
            "levels": call.quotas.levels,
        }
    return orjson.dumps(
        {
            "shard": settlement.shard.number,
            "hold_id": settlement.hold_id,
            "status": settlement.status,
            "used": base64.b64encode(settlement.used).decode(),
            "payload": settlement.payload.decode(),
            "reserve": reserve,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _settlement(line: dict[str, Any]) -> Settlement:
    reserve, call = line["reserve"], None
    if reserve is not None:
        quotas = tuple(
            Quota(q["level"], q["dimension"], q["limit"], Options(**q["options"]))
            for q in reserve["quotas"]
        )
        compiled = CompiledQuotas(quotas, reserve["levels"])
        call = ReserveCall(_parts(reserve["keys"]), _parts(reserve["args"]), compiled)
    return Settlement(
        shard(line["shard"]),
        line["hold_id"],
        line["status"],
        base64.b64decode(line["used"]),
        line["payload"].encode(),
        call,
    )


def _text(part: CommandPart) -> str | int | list[str]:
    if isinstance(part, bytes):
        return [base64.b64encode(part).decode()]
    return part


def _parts(raw: list[Any]) -> tuple[Any, ...]:
    return tuple(base64.b64decode(part[0]) if isinstance(part, list) else part for part in raw)
