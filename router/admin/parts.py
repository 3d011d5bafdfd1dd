"""What the admin API works with: stores, and the gateway that it is a part of."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any, Final, Protocol, TypeVar

from router.admin.kept_answers import KeptAnswers
from router.api.gateway import Gateway
from router.audit.log import AuditLog
from router.auth.credentials import CredentialStore
from router.auth.sessions import SessionStore
from router.auth.sign_in import Provider
from router.auth.tokens.issuer import AdminBearer, ReadsTokens
from router.customers.credits import CreditStore
from router.customers.keys import KeyStore
from router.customers.organizations import OrganizationStore
from router.customers.provider_credentials import ProviderCredentialStore
from router.customers.rules import Rules
from router.customers.teams import TeamStore
from router.customers.vault import Vault
from router.database import Database
from router.ledger.credits import Balance
from router.usage.store import UsageStore
from router.world.config_admin import AdminSection
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
    sessions: SessionStore
    answers: KeptAnswers
    usage: UsageStore
    organizations: OrganizationStore
    teams: TeamStore
    keys: KeyStore
    credits: CreditStore
    provider_credentials: ProviderCredentialStore

    @classmethod
    def open(cls, url: str, rules: Rules, vault: Vault) -> "Stores":
        """Open them, and make what tables are missing; `rules` are those of the policy in force,
        `vault` is where credentials of customers' own are closed. Raises DatabaseError."""
        stores = cls(
            Database(url),
            AuditLog(url),
            CredentialStore(url),
            SessionStore(url),
            KeptAnswers(url),
            UsageStore(url),
            OrganizationStore(url, rules),
            TeamStore(url, rules),
            KeyStore(url, rules),
            CreditStore(url, rules),
            ProviderCredentialStore(url, rules, vault=vault),
        )
        for store in (stores.audit, stores.credentials, stores.sessions, stores.answers):
            store.prepare()
        return stores

    def close(self) -> None:
        """Give the connections back."""
        for field_ in fields(self):
            getattr(self, field_.name).close()


class Credits(Protocol):
    """Where prepaid balances are kept: the ledger."""

    async def credit(self, organization: str, nano_usd: int, credit_id: str) -> Balance:
        """Add to a balance, once for each id; 0 reads it. Raises Disconnected."""


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
    ledger: Credits
    tokens: ReadsTokens[AdminBearer] | None = None
    provider: Provider | None = None  # where people sign in
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
