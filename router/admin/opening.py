"""The admin API, opened: its stores, its application, and what its listener's connections ask.

`router.app` imports it by name where turnout.yaml has `admin:`. All that belongs to it (models of
each document, FastAPI's routes, what seals kept answers) is imported with it, and else not at all.
"""

import asyncio
from contextlib import AsyncExitStack

from router.admin.application import admin_application
from router.admin.identities import start_admin_tokens, start_provider
from router.admin.listener import Administered
from router.admin.parts import Parts, Stores
from router.api.administration import Administration
from router.api.gateway import Gateway
from router.customers.policy_rules import PolicyRules
from router.customers.vault import Vault
from router.ledger.ledger import Ledger
from router.world.documents import Documents
from router.world.reload import Reloader


async def open_admin(
    stack: AsyncExitStack,
    documents: Documents,
    gateway: Gateway,
    reloader: Reloader,
    ledger: Ledger,
) -> Administration:
    """Open it; `stack` closes it. Raises DatabaseError, ValueError where there is no `admin:`."""
    section = documents.config.admin
    if section is None:
        raise ValueError("turnout.yaml has no `admin:`")
    serving = gateway.serving
    rules = PolicyRules(
        lambda: serving.snapshot.policy.tiers, lambda: serving.snapshot.policy.routes
    )
    vault = Vault.of(documents.config.secrets.texts())
    stores = await asyncio.to_thread(Stores.open, documents.database, rules, vault)
    tokens = await start_admin_tokens(stack, section)
    provider = await start_provider(stack, section)
    parts = Parts(section, gateway, reloader, stores, ledger, tokens, provider)
    stack.callback(parts.close)
    return Administration(admin_application(parts), Administered(gateway))
