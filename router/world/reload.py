"""Reloading the documents: on change, on a signal, on an admin's call; atomic, or not at all.

What is in flight keeps the snapshot it began with. A document that does not pass is refused with
the same report that `turnout check` gives, and the old world stays in force.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from policies.findings import DocumentError, render
from policies.policy import Policy
from router.world.documents import (
    Documents,
    policy_path_of,
    price_file_of,
    read_config,
    read_policy,
)
from router.world.missing_rates import warn_of_missing
from router.world.snapshot import Snapshot, compile_snapshot

_LOG = logging.getLogger("turnout")
_LOOK_SECONDS: Final = 1.0
# Sections that are read once, at the start: a change of these needs a restart.
FIXED: Final = (
    "listen",
    "admin",
    "ledger",
    "ledger_server",
    "data",
    "database",
    "classifier",
    "limits",
    "connections",
    "stream",
    "websocket",
    "cors",
    "transport",
    "responses",
    "decisions",
    "outcomes",
    "audits",
    "telemetry",
    "files",
    "batches",
    "secrets",
    "identity",
    "alerts",
    "retention",
    "detectors",
    "stop",
    "core_dumps",
)

Stamp = tuple[int, int] | None  # nanoseconds and bytes; None where there is no file


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The result of a reload: the policy version in force, or why the old one stayed; and whom a
    new one strands."""

    done: bool
    policy: str
    report: str = ""


class ServesSnapshot(Protocol):
    """What serves by a snapshot."""

    snapshot: Snapshot

    def adopt(self, snapshot: Snapshot) -> None:
        """Serve by this one from now on."""


class Reloader:
    """Keeps what is served in step with the documents. `counts`: reloads, by how they ended;
    `sleep` passes the time between two looks at the files; `adopted` is told each new snapshot;
    `in_use` tells how many organizations and keys have each tier.
    """

    def __init__(
        self,
        served: ServesSnapshot,
        documents: Documents,
        environ: Mapping[str, str],
        counts: MutableMapping[tuple[str, ...], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        adopted: Callable[[Snapshot], None] | None = None,
        in_use: Callable[[], Mapping[str, tuple[int, int]]] = dict,
    ) -> None:
        self._in_use = in_use
        self._adopted = adopted
        self._served = served
        self._counts = counts
        self._sleep = sleep
        self._documents = documents
        self._environ = environ
        path = documents.config_path
        paths = (path, documents.policy_path, price_file_of(path))
        self._seen = {each: _stamp(each) for each in paths if each is not None}
        self._watcher: asyncio.Task[None] | None = None

    def reload(self) -> Reloaded:
        """Read both documents again and put them in force if they pass."""
        try:
            documents = self._read()
            snapshot = compile_snapshot(documents.loaded, documents.policy)
        except DocumentError as error:
            self._counts["refused",] += 1
            report = render(error.findings)
            _LOG.error("reload refused; the old documents stay in force", extra={"report": report})
            return Reloaded(False, self._served.snapshot.policy.version, report)
        self._warn_of_fixed(documents)
        warn_of_missing(documents.loaded.missing)
        self._documents = documents
        self._served.adopt(snapshot)
        if self._adopted is not None:
            self._adopted(snapshot)
        self._counts["done",] += 1
        _LOG.info("reloaded", extra={"policy": snapshot.policy.version})
        report = "\n".join(stranded(documents.policy, self._in_use()))
        if report:
            _LOG.warning("customers of tiers that are gone are refused", extra={"report": report})
        return Reloaded(True, snapshot.policy.version, report)

    def _warn_of_fixed(self, new: Documents) -> None:
        old = self._documents.config
        changed = [name for name in FIXED if getattr(old, name) != getattr(new.config, name)]
        if changed:
            _LOG.warning("these changes need a restart", extra={"keys": ", ".join(changed)})

    def _read(self) -> Documents:
        """Read both documents. Each is looked at before it is read, so that no change is missed; a
        policy or a list of prices that cannot be read is watched too: it may be mended.
        """
        path = self._documents.config_path
        self._seen = {path: _stamp(path)}
        prices = price_file_of(path)
        if prices is not None:
            self._seen[prices] = _stamp(prices)
        loaded = read_config(path, self._environ)
        policy = policy_path_of(loaded, path)
        if policy is not None:
            self._seen[policy] = _stamp(policy)
        return read_policy(loaded, path)

    def _changed(self) -> bool:
        return any(_stamp(path) != stamp for path, stamp in self._seen.items())

    async def watch(self) -> None:
        """Reload whenever a document changed on disk, until cancelled."""
        while True:
            await self._sleep(_LOOK_SECONDS)
            if self._changed():
                self.reload()

    async def start(self) -> None:
        """Begin to watch the documents."""
        self._watcher = asyncio.create_task(self.watch(), name="reload")

    async def close(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher


def stranded(policy: Policy, in_use: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return a line for each tier that customers have and the policy has not: they are refused."""
    if not policy.tiers:
        return []
    return [
        f"The policy has no tier `{tier}`: {organizations} organizations and {keys} keys that have"
        " it are refused. Give them another tier, or the tier its name back."
        for tier, (organizations, keys) in sorted(in_use.items())
        if tier and tier not in policy.tiers and (organizations or keys)
    ]


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
