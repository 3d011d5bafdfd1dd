"""The admin API in this process: its application over fakes of a gateway, and a real database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from pydantic import SecretStr

from router.admin.application import admin_application
from router.admin.identities import start_admin_tokens, start_provider
from router.admin.parts import Parts, Stores
from router.auth.roles import Role
from router.customers.policy_rules import PolicyRules
from router.customers.vault import Vault
from router.ledger.credits import Balance
from router.ledger.server.errors import Disconnected
from router.world.config_admin import AdminSection
from router.world.reload import Reloaded

TOKEN = "an-admin-token-for-tests"
OWNER = {"authorization": f"Bearer {TOKEN}"}
V1 = "/admin/v1"


@dataclass
class Reloads:
    """Stands for the reloader: answers with what it is given."""

    result: Reloaded = field(default_factory=lambda: Reloaded(True, "v1"))

    def reload(self) -> Reloaded:
        return self.result


@dataclass
class Balances:
    """Stands for the ledger: adds each credit once. `away`: it does not answer."""

    added: dict[tuple[str, str], int] = field(default_factory=dict)
    away: bool = False

    async def credit(self, organization: str, nano_usd: int, credit_id: str) -> Balance:
        if self.away:
            raise Disconnected("away", sent=False)
        new = nano_usd != 0 and (organization, credit_id) not in self.added
        if new:
            self.added[organization, credit_id] = nano_usd
        of = [nano for (name, _), nano in self.added.items() if name == organization]
        return Balance(new, sum(of), 0, 0)


@dataclass
class Admin:
    """The application, its parts, and a client that asks as the owner."""

    parts: Parts
    reloads: Reloads
    ledger: Balances
    client: httpx.AsyncClient
    application: Any

    def credential(
        self, role: Role, organization: str | None = None, **more: Any
    ) -> dict[str, str]:
        """The headers of a fresh administrator."""
        secret, _ = self.parts.stores.credentials.create(
            f"{role} of {organization or 'all'}", role, organization, **more
        )
        return {"authorization": f"Bearer {secret}"}

    async def ask(self, what: str, body: Any = None, *, to: int = 200, **headers: str) -> Any:
        """What a request (`GET /status`) is answered: the document, if the status is the right
        one."""
        method, _, path = what.partition(" ")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(method, V1 + path, json=body, headers=sent)
        assert answer.status_code == to, answer.text
        return answer.json()


@asynccontextmanager
async def admin_of(
    database: str,
    corridor: FakeCorridor | None = None,
    *,
    keys: Sequence[bytes] = (),
    **section: Any,
) -> AsyncIterator[Admin]:
    """The admin API over this database; `section` is as turnout.yaml has it, `keys` encrypt
    credentials of customers' own."""
    gateway = FakeGateway(corridor or FakeCorridor.answering()).gateway
    reloads: Any = Reloads()
    settings = AdminSection(token=SecretStr(TOKEN), **section)
    stack = AsyncExitStack()
    tokens = await start_admin_tokens(stack, settings)
    provider = await start_provider(stack, settings)
    serving = gateway.serving
    rules = PolicyRules(
        lambda: serving.snapshot.policy.tiers, lambda: serving.snapshot.policy.routes
    )
    ledger = Balances()
    stores = Stores.open(database, rules, Vault(keys))
    parts = Parts(settings, gateway, reloads, stores, ledger, tokens, provider)
    application = admin_application(parts)
    transport = httpx.ASGITransport(application)
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://admin", headers=OWNER
        ) as client:
            yield Admin(parts, reloads, ledger, client, application)
    finally:
        parts.close()
        await stack.aclose()
