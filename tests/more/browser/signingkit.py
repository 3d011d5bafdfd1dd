"""People who sign in to a gateway's administration at a real provider, in a real browser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from browserkit import Visits
from playwright.sync_api import Page
from providerkit import CLIENT, SECRET, Provider

SIGN_IN: Final = "/admin/sign-in"
SELF: Final = "/admin/v1/self"
ROLES: Final = [
    {"group": "platform", "role": "owner"},
    {"group": "finance", "role": "billing"},
    {"group": "acme-admins", "role": "operator", "organization": "acme"},
]
_ASK: Final = """async ([method, path, body]) => {
    const headers = body === null ? {} : {"content-type": "application/json"};
    if (method === "DELETE") headers["if-match"] = "*";
    const sent = body === null ? null : JSON.stringify(body);
    const answer = await fetch(path, {method, headers, body: sent});
    const text = await answer.text();
    return [answer.status, text.startsWith("{") ? JSON.parse(text) : text];
}"""


def section(provider: Provider, page_url: str) -> dict[str, Any]:
    """The section `admin` of turnout.yaml, but for where it listens."""
    sign_in = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "scopes": ["openid", "profile", "groups"],
        "session": "8h",
        "groups": "groups",
        "roles": ROLES,
    }
    machines = {
        "issuer": provider.issuer,
        "audience": "turnout-admin",
        "groups": "roles",
        "roles": [{"group": "turnout-ops", "role": "operator"}],
    }
    return {"public_url": page_url, "sign_in": sign_in, "tokens": [machines]}


@dataclass(frozen=True)
class Site:
    """A gateway's administration, the provider that knows its people, and its folder."""

    url: str
    provider: Provider
    folder: Path

    def sign_in(self, page: Page, name: str, path: str = SIGN_IN) -> Page:
        """Let somebody sign in, from the first look at the provider's form to the page behind."""
        page.goto(self.url + path)
        return self.go_on(page, name)

    def go_on(self, page: Page, name: str) -> Page:
        """Answer what the provider asks, name or consent, until it leads back."""
        form, consent = page.locator("[name=login]"), page.get_by_role("button", name="Continue")
        while page.url.startswith(self.provider.issuer):
            form.or_(consent).first.wait_for()
            if form.is_visible():
                self.give_name(page, name)
            else:
                consent.click()
            page.wait_for_load_state()
        return page

    @staticmethod
    def give_name(page: Page, name: str) -> None:
        """Fill in the provider's form; it asks for consent then."""
        page.locator("[name=login]").fill(name)
        page.locator("[name=password]").fill("any")
        page.get_by_role("button", name="Sign-in").click()

    def open(self, visits: Visits, name: str) -> Page:
        """A browser in which somebody has signed in, at a document of this origin."""
        visits.strangers += self.provider.addresses
        page = self.sign_in(visits.open(), name)
        page.goto(self.url + SELF)
        return page


def ask(page: Page, what: str, body: Any = None) -> Any:
    """What a page of the gateway's origin is answered when it fetches: status and document."""
    method, _, path = what.partition(" ")
    return tuple(page.evaluate(_ASK, [method, path, body]))
