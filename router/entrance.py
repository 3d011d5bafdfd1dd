"""Who asks: the keys of customers, and tokens of identity providers beside them, started; and what
customers have of their own at providers."""

from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from router.auth.authenticate import Authenticator
from router.auth.bearers import Bearers
from router.auth.tokens.issuer import open_tokens
from router.customers.keys import KeyStore
from router.customers.provider_credentials import ProviderCredentialStore
from router.customers.vault import Vault
from router.errors import Unavailable
from router.pipeline.serving import Authenticates
from router.world.documents import Documents
from router.world.own import OwnWorlds

_MOST_NAMED: Final = 5
_WHAT_TO_DO: Final = (
    "Add the key to `secrets.keys` in turnout.yaml, or remove the credentials: turnout credentials"
    " remove"
)


class Entrance(NamedTuple):
    """Who knows every credential, who knows the keys, and what customers see of the world."""

    authenticator: Authenticates
    keys: Authenticator
    own: OwnWorlds


async def start_authenticators(stack: AsyncExitStack, documents: Documents) -> Entrance:
    """Start them; `stack` stops them. Raises Unavailable where a customer's own credential is
    stored that no key opens."""
    store = KeyStore(documents.database)
    stack.callback(store.close)
    vault = Vault.of(documents.config.secrets.texts())
    credentials = ProviderCredentialStore(documents.database, vault=vault)
    stack.callback(credentials.close)
    own = OwnWorlds(vault, credentials)
    authenticator = Authenticator(store, [own])
    await authenticator.start()
    stack.push_async_callback(authenticator.close)
    stack.push_async_callback(own.write)
    _check(own)
    if not documents.config.identity:
        return Entrance(authenticator, authenticator, own)
    tokens = open_tokens([issuer.spec() for issuer in documents.config.identity])
    stack.push_async_callback(tokens.close)
    await tokens.start()
    return Entrance(Bearers(authenticator, tokens), authenticator, own)


def _check(own: OwnWorlds) -> None:
    """Raise Unavailable where something that is stored cannot be read."""
    if not own.unreadable:
        return
    named = [f"{of} for {backend}" for of, backend in own.unreadable]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    why = next(iter(own.unreadable.values()))
    raise Unavailable(
        f"Credentials of customers' own cannot be read ({', '.join(named[:_MOST_NAMED])}{more}): "
        f"{why}. {_WHAT_TO_DO}."
    )
