"""Browsers that sign in at an admin API in this process, by an identity provider that listens."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from adminkit import Admin, admin_of
from modelservers import in_thread
from openid_provider import CLIENT, SECRET, OpenIdProvider

ORIGIN = "https://admin.example.com"
SAME = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
SESSION, PENDING = "__Host-turnout-admin", "__Host-turnout-sign-in-"
ROWS = [
    {"group": "platform", "role": "owner"},
    {"group": "finance", "role": "billing"},
    {"group": "acme-admins", "role": "owner", "organization": "acme"},
]
BEGIN, BACK = "/admin/sign-in", "/admin/sign-in/callback"


@contextmanager
def provider_listening() -> Iterator[OpenIdProvider]:
    """A provider at a port of its own."""
    made = OpenIdProvider()
    with in_thread(made) as url:
        place = urlsplit(url)
        made.url = f"{place.scheme}://{place.netloc}"
        yield made


@asynccontextmanager
async def admin_with(database: str, provider: OpenIdProvider, **more: Any) -> AsyncIterator[Admin]:
    """The admin API where people sign in at this provider; `more` is of `sign_in`."""
    section = {"issuer": provider.url, "client_id": CLIENT, "client_secret": SECRET, "roles": ROWS}
    async with admin_of(database, public_url=ORIGIN, sign_in=section | more) as running:
        yield running


def browser_of(admin: Admin) -> httpx.AsyncClient:
    """A browser: it keeps cookies, and follows nothing by itself."""
    transport = httpx.ASGITransport(admin.application, client=("203.0.113.7", 1))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


def begun_in(browser: httpx.AsyncClient) -> dict[str, str]:
    """The cookies of sign-ins that a browser has begun."""
    return {name: value for name, value in browser.cookies.items() if name.startswith(PENDING)}


async def led_away(browser: httpx.AsyncClient, then: str = "") -> str:
    """Where a browser that begins to sign in is led."""
    answer = await browser.get(BEGIN, params={"next": then} if then else {})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def sign_in(
    browser: httpx.AsyncClient, provider: OpenIdProvider, *groups: str, **claims: Any
) -> httpx.Response:
    """Sign in somebody of these groups; return the answer to who comes back."""
    url = await led_away(browser)
    return await browser.get(provider.approve(url, **{"groups": list(groups)} | claims))
