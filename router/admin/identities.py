"""The identity providers of those who administer, started."""

from contextlib import AsyncExitStack

from router.auth.sign_in import Client, Provider, open_provider
from router.auth.tokens.issuer import AdminBearer, ReadsTokens, open_admin_tokens
from router.world.config_admin import AdminSection


async def start_admin_tokens(
    stack: AsyncExitStack, section: AdminSection
) -> ReadsTokens[AdminBearer] | None:
    """Start what reads the tokens of machines that administer; None where none may."""
    if not section.tokens:
        return None
    tokens = open_admin_tokens([issuer.spec() for issuer in section.tokens])
    stack.push_async_callback(tokens.close)
    await tokens.start()
    return tokens


async def start_provider(stack: AsyncExitStack, section: AdminSection) -> Provider | None:
    """Start what speaks with the provider where people sign in; None where nobody does."""
    sign_in = section.sign_in
    if sign_in is None:
        return None
    secret = sign_in.client_secret
    client = Client(
        sign_in.issuer,
        sign_in.client_id,
        "" if secret is None else secret.get_secret_value(),
        sign_in.scopes,
        sign_in.groups,
        sign_in.algorithms,
        f"{section.origin}/admin/sign-in/callback",
    )
    provider = open_provider(client)
    stack.push_async_callback(provider.close)
    await provider.start()
    return provider
