"""Signing in goes wrong in all the ways there are, and others try to make use of it."""

from collections.abc import Iterator
from urllib.parse import quote

import patience
import pytest
from modelservers import in_thread
from pagegateway import OWNER, gateway
from playwright.sync_api import Page, expect
from ports import free_port
from providerkit import provider
from signingkit import SELF, SIGN_IN, Site, ask, section

V1 = "/admin/v1"
CALLBACK = f"{SIGN_IN}/callback"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("attacked"), free_port()
    url = f"http://127.0.0.1:{port}"
    with provider([url]) as knows, gateway(folder, port, section(knows, url)):
        yield Site(url, knows, folder)


async def evil_page(scope, receive, send) -> None:
    """A page of somebody else, without anything on it."""
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<p>Evil."})


@pytest.fixture(scope="module")
def evil():
    with in_thread(evil_page) as url:
        yield url.removesuffix("/v1")


FORM = """([action, name, value]) => {
    const form = Object.assign(document.createElement('form'),
                               {method: 'post', action, enctype: 'text/plain'});
    form.append(Object.assign(document.createElement('input'), {name, value}));
    document.body.append(form);
    form.submit();
}"""
FETCH = """async ([url, type, body]) => {
    const sent = {method: 'POST', credentials: 'include', mode: type ? 'cors' : 'no-cors', body};
    if (type) sent.headers = {'content-type': type};
    return fetch(url, sent).then((answer) => answer.status, () => 'refused');
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["another port", "another site"])
def test_a_page_of_another_origin_changes_nothing(site, visits, evil, host):
    elsewhere = evil.replace("127.0.0.1", host)
    visits.strangers.append(elsewhere)
    page = site.open(visits, "ada")
    visits.strangers.append(site.url)
    target = f"{site.url}{V1}/organizations"
    body = '{"organization": "made-by-evil", "tier": "free"}'
    page.goto(elsewhere)
    for kind in ("", "application/json", "text/plain"):
        assert page.evaluate(FETCH, [target, kind, body]) in (0, "refused")
    page.evaluate(FORM, [target, body[:-1] + ', "x": "', '"}'])
    page.wait_for_url(target)
    made = patience.get(f"{target}/made-by-evil", headers=OWNER)
    assert made.status_code == 404
    page.goto(elsewhere)
    page.evaluate(FORM, [f"{site.url}/admin/sign-out", "a", "b"])
    page.wait_for_url(f"{site.url}/**")
    page.goto(site.url + SELF)
    assert ask(page, f"GET {SELF}")[0] == 200


def callbacks(page: Page) -> list[str]:
    """The addresses by which a provider sends people back, as the browser asks for them."""
    seen: list[str] = []
    page.on("request", lambda asked: CALLBACK in asked.url and seen.append(asked.url))
    return seen


def test_a_callback_works_once_and_in_the_browser_that_asked_for_it_alone(site, visits):
    visits.strangers += site.provider.addresses
    visits.expect(400)
    visits.expect(401)
    visits.expect(403)
    page = visits.open()
    seen = callbacks(page)
    site.sign_in(page, "ada")
    (address,) = seen
    for browser in (visits.open(), page):
        answer = browser.goto(address)
        assert 400 <= answer.status < 500
        expect(browser.locator("h1")).to_be_visible()
    other = visits.open()
    other.goto(address)
    assert other.request.get(site.url + SELF).status == 401


def test_two_tabs_that_sign_in_at_once_both_do(site, visits):
    visits.strangers += site.provider.addresses
    one = visits.open()
    other = one.context.new_page()
    for tab in (one, other):
        tab.goto(site.url + SIGN_IN)
    for tab in (one, other):
        site.go_on(tab, "ada")
        tab.goto(site.url + SELF)
        assert ask(tab, f"GET {SELF}")[0] == 200


def test_who_denies_consent_reads_that_nobody_signed_in(site, visits):
    visits.strangers += site.provider.addresses
    visits.expect(403)
    visits.expect(400)
    page = visits.open()
    page.goto(site.url + SIGN_IN)
    site.give_name(page, "ada")
    page.get_by_text("Cancel").click()
    page.wait_for_url(f"{site.url}/**")
    expect(page.get_by_role("link")).to_be_visible()  # the way to try again
    visits.screenshot(page, "denied")
    assert page.context.cookies(site.url) == []


def test_a_provider_that_breaks_off_is_told_on_a_page(site, visits):
    visits.strangers += site.provider.addresses
    for status in (502, 503, 504):
        visits.expect(status)
    page = visits.open()
    with site.provider.mute():
        site.sign_in(page, "ada")
    expect(page.locator("h1")).to_be_visible()
    visits.screenshot(page, "broken-off")
    site.sign_in(visits.open(), "ada")


@pytest.mark.parametrize(
    "way",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example",
        "/%09/evil.example",
        "/\t/evil.example", "javascript:alert(1)", "/admin/../..//evil.example", "/@evil.example",
        "/admin/x\r\nset-cookie: a=b", ".evil.example", " //evil.example",
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere_after_signing_in(site, visits, way):
    visits.strangers += site.provider.addresses
    for status in (400, 404, 422):
        visits.expect(status)
    page = visits.open()
    answer = page.goto(f"{site.url}{SIGN_IN}?next={quote(way)}")
    if page.url.startswith(site.url):
        assert answer.status in (400, 422)
        return
    site.give_name(page, "ada")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{site.url}/**")
    assert "evil" not in page.url or page.url.startswith(f"{site.url}/")
    assert {one["name"] for one in page.context.cookies(site.url)} & {"a"} == set()
