"""Whatever a page does wrong fails its test."""

from typing import Any

import pytest
from browserkit import is_too_wide
from modelservers import in_thread

POLICY = b"default-src 'none'; script-src 'self'; connect-src 'self' elsewhere.example"
WRONG = {  # a script, and what is told of it
    "/console": ("console.error('something is off')", "something is off"),
    "/exception": ("undefined_function()", "failed: undefined_function"),
    "/dialog": ("alert('look here')", "look here"),
    "/status": ("fetch('/missing')", "answered: 404"),
    "/refused": ("new Image().src = '/picture.png'", "Content Security Policy"),
    "/elsewhere": ("fetch('http://elsewhere.example')", "no answer: net::ERR_NAME_NOT_RESOLVED"),
}


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """A page of each kind; `/missing` is none."""
    path = scope["path"]
    script = path.endswith(".js")
    kind = b"text/javascript" if script else b"text/html"
    status = 404 if path == "/missing" else 200
    text = (
        WRONG[path.removesuffix(".js")][0] if script else f"<p>Hi<script src='{path}.js'></script>"
    )
    headers = [(b"content-type", kind), (b"content-security-policy", POLICY)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


@pytest.fixture(scope="module")
def site():
    with in_thread(pages) as url:
        yield url.removesuffix("/v1")


def test_what_a_page_does_wrong_fails_its_test(visits, site):
    page = visits.open()
    for path, (_, told) in WRONG.items():
        page.goto(site + path)
        while not any(told in trouble for trouble in visits.troubles):
            page.wait_for_timeout(10)  # milliseconds, in which it is heard
        with pytest.raises(AssertionError, match="must not"):
            visits.check()
        visits.troubles.clear()


def test_what_is_expected_is_no_trouble_and_neither_is_a_stranger(visits, site):
    visits.expect(404, "/missing")
    page = visits.open()
    page.goto(f"{site}/status", wait_until="networkidle")
    visits.strangers.append(site)
    page.goto(f"{site}/console")


def test_a_wide_page_is_told_from_one_that_fits(visits):
    page = visits.open(width=390)
    page.set_content("<p style='width: 300px'>fits")
    assert not is_too_wide(page)
    page.set_content("<p style='width: 400px'>does not")
    assert is_too_wide(page)
