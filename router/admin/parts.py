"""What the admin API works with: stores, and the gateway that it is a part of."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from router.admin.kept_answers import KeptAnswers
from router.api.gateway import Gateway
from router.audit.log import AuditLog
from router.auth.credentials import CredentialStore
from router.database import Database
from router.usage.store import UsageStore
from router.world.config import AdminSection
from router.world.reload import Reloader

Result = TypeVar("Result")
_THREADS: Final = 4
_LOOP_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept in SQL. `database` is what their transactions are opened by."""

    database: Database
    audit: AuditLog
    credentials: CredentialStore
    answers: KeptAnswers
    usage: UsageStore

    @classmethod
    def open(cls, url: str) -> "Stores":
        """Open them, and make what tables are missing. Raises DatabaseError."""
        stores = cls(
            Database(url), AuditLog(url), CredentialStore(url), KeptAnswers(url), UsageStore(url)
        )
        for store in (stores.audit, stores.credentials, stores.answers):
            store.prepare()
        return stores

    def close(self) -> None:
        """Give the connections back."""
        for store in (self.database, self.audit, self.credentials, self.answers, self.usage):
            store.close()


class Threads:
    """The admin API's own threads: few, so that no crowd of administrators takes the gateway's."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "admin")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do what blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Let what runs end; what waits is dropped."""
        self._pool.shutdown(cancel_futures=True)


@dataclass(slots=True)
class Parts:
    """Everything that handlers use, as the application's `state.parts`."""

    section: AdminSection
    gateway: Gateway
    reloader: Reloader
    stores: Stores
    threads: Threads = field(default_factory=Threads)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def on_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do from a thread what the gateway's event loop has to do, and wait for it. Raises
        TimeoutError where that takes over ten seconds."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_LOOP_SECONDS)

    def look(self, at: Callable[[], Result]) -> Result:
        """Look from a thread at what the event loop changes."""
        return self.on_loop(_called(at))

    def close(self) -> None:
        """Stop the threads, close the stores."""
        self.threads.close()
        self.stores.close()


async def _called(work: Callable[[], Result]) -> Result:
    return work()
