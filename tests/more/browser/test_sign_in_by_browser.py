"""People sign in at a real provider, in a real browser, and may do what their groups may."""

import re
from collections.abc import Iterator

import patience
import pytest
from pagegateway import OWNER, gateway
from patience import until
from playwright.sync_api import expect
from ports import free_port
from providerkit import provider
from signingkit import SELF, SIGN_IN, Site, ask, section

V1 = "/admin/v1"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("sign-in"), free_port()
    url = f"http://127.0.0.1:{port}"
    with provider([url]) as knows, gateway(folder, port, section(knows, url)):
        for name in ("acme", "globex"):
            made = {"organization": name, "tier": "free"}
            patience.post(f"{url}{V1}/organizations", json=made, headers=OWNER).raise_for_status()
        yield Site(url, knows, folder)


def test_an_owner_signs_in_and_nothing_of_it_can_be_read_by_a_page(site, visits):
    page = site.open(visits, "ada")
    status, me = ask(page, f"GET {SELF}")
    assert (status, me["role"]) == (200, "owner")
    assert me["name"].startswith("Ada Lovelace (ada) at ")
    (cookie,) = page.context.cookies(site.url)
    assert cookie["name"] == "turnout-admin"
    assert cookie["httpOnly"]
    assert cookie["sameSite"] in ("Lax", "Strict")
    readable = "document.cookie + JSON.stringify([localStorage, sessionStorage])"
    assert page.evaluate(readable) == "[{},{}]"
    shown = page.content() + page.url
    assert cookie["value"] not in shown
    assert not re.search(r"eyJ[\w-]+\.|code=|state=", shown)


def test_what_an_owner_changes_stands_in_the_audit_log_under_their_name(site, visits):
    page = site.open(visits, "ada")
    made = {"organization": "made-by-ada", "tier": "free"}
    assert ask(page, f"POST {V1}/organizations", made)[0] == 201
    _, audit = ask(page, f"GET {V1}/audit?limit=1")
    assert "ada" in str(audit["items"][0]).lower()


@pytest.mark.parametrize(
    ("name", "may", "may_not"),
    [
        ("bo", f"GET {V1}/usage", f"POST {V1}/organizations"),
        ("cy", f"GET {V1}/organizations/acme", f"GET {V1}/organizations/globex"),
    ],
)
def test_a_group_gives_its_role_and_no_more(site, visits, name, may, may_not):
    page = site.open(visits, name)
    assert ask(page, may)[0] == 200
    visits.expect(403)
    visits.expect(404)
    body = {"organization": f"made-by-{name}", "tier": "free"} if "POST" in may_not else None
    assert ask(page, may_not, body)[0] in (403, 404)


def test_who_administers_one_organization_sees_no_other(site, visits):
    _, listed = ask(site.open(visits, "cy"), f"GET {V1}/organizations")
    assert [one["organization"] for one in listed["items"]] == ["acme"]


def test_whose_groups_say_nothing_here_reads_so_and_has_no_session(site, visits):
    visits.expect(403)
    visits.strangers += site.provider.addresses
    page = site.sign_in(visits.open(), "dee")
    expect(page.locator("body")).to_contain_text("group")
    visits.screenshot(page, "no-group")
    assert page.request.get(site.url + SELF).status == 401


def test_signing_out_ends_the_session_here_and_at_the_provider(site, visits):
    page = site.open(visits, "ada")
    session = page.context.cookies(site.url)
    page.goto(f"{site.url}/admin/signed-in")
    visits.screenshot(page, "signed-in")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{site.url}/admin/signed-out")
    assert page.request.get(site.url + SELF).status == 401
    page.context.add_cookies(session)  # who kept the cookie has nothing of it
    assert page.request.get(site.url + SELF).status == 401
    page.context.clear_cookies(domain="127.0.0.1")
    page.goto(site.url + SIGN_IN)
    expect(page.locator("[name=login]")).to_be_visible()  # the provider knows nobody any more


def test_a_session_that_another_browser_ends_is_over(site, visits):
    here, there = site.open(visits, "ada"), site.open(visits, "ada")
    _, listed = ask(here, f"GET {V1}/sessions")
    _, me = ask(here, f"GET {SELF}")
    for other in {one["session"] for one in listed["items"]} - {me["session"]}:
        assert ask(here, f"DELETE {V1}/sessions/{other}")[0] == 200
    visits.expect(401)
    until(lambda: ask(there, f"GET {SELF}")[0] == 401)
    assert ask(here, f"GET {SELF}")[0] == 200


def test_a_token_of_a_machine_administers_and_one_for_others_does_not(site):
    def asked(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return int(patience.get(f"{site.url}{V1}/organizations", headers=headers).status_code)

    assert asked(site.provider.token("robot")) == 200
    assert asked(site.provider.token("robot", "another-audience")) == 401
    assert asked(site.provider.token("stranger")) in (401, 403)


def test_keys_that_the_provider_changes_are_learnt_without_a_restart(site, visits):
    site.provider.change_keys()
    site.open(visits, "bo")
    headers = {"authorization": f"Bearer {site.provider.token('robot')}"}
    until(lambda: patience.get(f"{site.url}{V1}/organizations", headers=headers).is_success)
