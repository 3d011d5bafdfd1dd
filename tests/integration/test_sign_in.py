"""People who sign in with a browser: in, about, and out again."""

import pytest
from adminkit import OWNER, V1
from openid_provider import CLIENT, SECRET
from signinkit import (
    BACK,
    BEGIN,
    ORIGIN,
    PENDING,
    ROWS,
    SAME,
    SESSION,
    admin_with,
    begun_in,
    browser_of,
    led_away,
    provider_listening,
    sign_in,
)
from sqlalchemy import text

from router.auth.sessions import SessionStore
from router.auth.tokens.key_sets import AGAIN_SECONDS


@pytest.fixture(scope="module")
def listening():
    with provider_listening() as made:
        yield made


@pytest.fixture
def provider(listening):
    listening.status, listening.userinfo, listening.more, listening.spoilt = 200, None, {}, {}
    return listening


@pytest.fixture
async def admin(database, provider):
    async with admin_with(database, provider) as running:
        yield running


async def test_who_signs_in_administers_in_the_role_of_their_group(admin, provider):
    async with browser_of(admin) as browser:
        back = await sign_in(browser, provider, "staff", "finance", name="Alice Ames")
        assert (back.status_code, back.headers["location"]) == (303, "/admin/signed-in")
        page = await browser.get("/admin/signed-in")
        assert "Alice Ames (alice)" in page.text
        assert "billing" in page.text
        told = (await browser.get(f"{V1}/self")).json()
        assert (told["role"], told["organization"]) == ("billing", None)
        assert told["session"].startswith("ses_")
        assert (await browser.get(f"{V1}/credentials")).status_code == 403


async def test_cookies_are_the_browsers_alone_and_the_database_knows_none(
    admin, provider, database
):
    async with browser_of(admin) as browser:
        begun = await browser.get(BEGIN)
        pending = begun.headers["set-cookie"]
        back = await browser.get(provider.approve(begun.headers["location"], groups=["platform"]))
        session, over = sorted(back.headers.get_list("set-cookie"))
        for cookie, name in ((pending, PENDING), (session, SESSION), (over, PENDING)):
            assert cookie.startswith(name)
            for part in ("Path=/;", "HttpOnly", "SameSite=Lax", "Secure"):
                assert part in cookie
        assert "Max-Age=28800" in session
        assert "Max-Age=0" in over
        value = browser.cookies[SESSION]
        with admin.parts.stores.database.reading() as connection:
            row = connection.execute(text("select * from admin_sessions")).one()
        assert value not in str(row)
        assert "opaque" not in str(row)
        first = await browser.get(f"{V1}/self")
        again = await sign_in(browser, provider, "platform")
        assert again.status_code == 303
        assert browser.cookies[SESSION] != value  # no value outlives a sign-in
        browser.cookies.set(SESSION, value, domain="admin.example.com")
        assert (await browser.get(f"{V1}/self")).status_code == 401
        assert first.status_code == 200


async def test_tabs_of_one_browser_sign_in_at_once_and_what_was_left_goes(admin, provider):
    async with browser_of(admin) as browser:
        ways = [await led_away(browser) for _ in range(9)]
        assert len(begun_in(browser)) == 5
        backs = [provider.approve(way, groups=["platform"]) for way in ways[-2:]]
        for back in backs:
            assert (await browser.get(back)).status_code == 303
            assert (await browser.get(f"{V1}/self")).status_code == 200
        assert len(begun_in(browser)) == 3


async def test_the_provider_is_asked_with_pkce_and_with_the_clients_secret_encoded(admin, provider):
    async with browser_of(admin) as browser:
        url = await led_away(browser)
        assert f"client_id={CLIENT}" in url
        assert "scope=openid+profile" in url or "scope=openid%20profile" in url
        await browser.get(provider.approve(url, groups=["platform"]))
    form = provider.exchanges[-1]
    assert form["redirect_uri"] == ORIGIN + BACK
    assert len(form["code_verifier"]) >= 43
    assert provider.authorized[-1].startswith("Basic ")
    assert SECRET not in str(form)


async def test_a_public_client_and_one_whose_provider_takes_forms_alone_are_served(
    database, provider
):
    provider.more = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    async with admin_with(database, provider) as admin, browser_of(admin) as browser:
        assert (await sign_in(browser, provider, "platform")).status_code == 303
        assert provider.exchanges[-1]["client_secret"] == SECRET
    async with (
        admin_with(database, provider, client_secret=None) as admin,
        browser_of(admin) as browser,
    ):
        assert (await sign_in(browser, provider, "platform")).status_code == 303
        assert provider.exchanges[-1]["client_id"] == CLIENT
        assert "client_secret" not in provider.exchanges[-1]


async def test_groups_that_the_id_token_lacks_are_asked_of_userinfo(admin, provider):
    async with browser_of(admin) as browser:
        provider.userinfo = {"sub": "alice", "groups": ["platform"]}
        assert (await sign_in(browser, provider, groups=None)).status_code == 303
        provider.userinfo = {"sub": "mallory", "groups": ["platform"]}
        refused = await sign_in(browser, provider, groups=None)
        assert refused.status_code == 403
        assert "somebody else" in refused.text


async def test_a_new_key_of_the_provider_is_fetched_for_who_comes_back(admin, provider):
    async with browser_of(admin) as browser:
        provider.rotate("two")
        keys = admin.parts.provider._keys
        keys._asked -= AGAIN_SECONDS
        assert (await sign_in(browser, provider, "platform")).status_code == 303
        provider.rotate("one")
        refused = await sign_in(browser, provider, "platform")  # fetched a moment ago
        assert refused.status_code == 403
        keys._asked -= AGAIN_SECONDS
        assert (await sign_in(browser, provider, "platform")).status_code == 303


async def test_next_leads_on_by_a_local_path(admin, provider):
    async with browser_of(admin) as browser:
        url = await led_away(browser, f"{V1}/usage.csv?month=2027-01")
        back = await browser.get(provider.approve(url, groups=["platform"]))
        assert back.headers["location"] == f"{V1}/usage.csv?month=2027-01"


async def test_a_page_that_is_opened_without_a_session_leads_to_the_sign_in(admin):
    page = f"{V1}/alerts/page?limit=5"
    async with browser_of(admin) as browser:
        led = await browser.get(page, headers={"accept": "text/html,*/*"})
        assert led.status_code == 303
        assert led.headers["location"] == f"{BEGIN}?next=%2Fadmin%2Fv1%2Falerts%2Fpage%3Flimit%3D5"
        for headers in ({}, {"accept": "text/html", "authorization": "Bearer wrong"}):
            assert (await browser.get(page, headers=headers)).status_code == 401


async def test_a_person_for_one_organization_sees_no_other(admin, provider):
    async with browser_of(admin) as acme, browser_of(admin) as owner:
        await sign_in(acme, provider, "acme-admins")
        await sign_in(owner, provider, "platform", sub="bob")
        listed = (await acme.get(f"{V1}/sessions")).json()["items"]
        assert [row["organization"] for row in listed] == ["acme"]
        everybody = (await owner.get(f"{V1}/sessions")).json()["items"]
        assert [row["subject"] for row in everybody] == ["alice", "bob"]
        other = f"{V1}/sessions/{everybody[1]['session']}"
        refused = await acme.delete(other, headers=SAME | {"if-match": "*"})
        assert refused.status_code == 404


async def test_a_session_holds_at_every_gateway_and_after_a_restart(database, provider):
    async with (
        admin_with(database, provider) as one,
        admin_with(database, provider) as two,
        browser_of(one) as browser,
    ):
        url = await led_away(browser)
        async with browser_of(two) as elsewhere:  # the way back may end at another gateway
            elsewhere.cookies = browser.cookies
            await elsewhere.get(provider.approve(url, groups=["platform"]))
            assert (await elsewhere.get(f"{V1}/self")).status_code == 200
            browser.cookies = elsewhere.cookies
        assert (await browser.get(f"{V1}/self")).status_code == 200
        out = await browser.post("/admin/sign-out", headers=SAME)
        assert out.status_code == 303
    async with admin_with(database, provider) as three, browser_of(three) as browser:
        assert (await browser.get(f"{V1}/self")).status_code == 401


async def test_an_owner_ends_a_session_at_once_and_it_is_told(admin, provider):
    async with browser_of(admin) as browser:
        await sign_in(browser, provider, "finance")
        session = (await browser.get(f"{V1}/self")).json()["session"]
        assert (await browser.get(f"{V1}/sessions")).status_code == 403
        ended = await admin.ask(f"DELETE /sessions/{session}", if_match="*")
        assert ended["group"] == "finance"
        over = await browser.get(f"{V1}/self")
        assert over.status_code == 401
        assert "/admin/sign-in" in over.json()["detail"]
        await admin.ask(f"DELETE /sessions/{session}", to=404, if_match="*")


async def test_signing_out_ends_the_session_here_and_leads_to_the_provider(admin, provider):
    async with browser_of(admin) as browser:
        await sign_in(browser, provider, "platform")
        value = browser.cookies[SESSION]
        page = await browser.get("/admin/signed-in")
        policy = page.headers["content-security-policy"]
        assert f"form-action 'self' {provider.url};" in policy
        out = await browser.post("/admin/sign-out", headers=SAME)
        where = out.headers["location"]
        assert where.startswith(f"{provider.url}/end?client_id={CLIENT}&post_logout_redirect_uri=")
        assert "opaque" not in where
        assert SESSION not in browser.cookies
        browser.cookies.set(SESSION, value, domain="admin.example.com")
        assert (await browser.get(f"{V1}/self")).status_code == 401
        assert (await browser.get("/admin/signed-out")).status_code == 200


async def test_sign_ins_are_rows_of_the_audit_log_without_a_token(admin, provider):
    async with browser_of(admin) as browser:
        await sign_in(browser, provider, "staff", name="Alice")
        await sign_in(browser, provider, "platform", name="Alice")
        value = browser.cookies[SESSION]
        await browser.post("/admin/sign-out", headers=SAME)
    audit = await admin.client.get(f"{V1}/audit", headers=OWNER)
    rows = audit.json()["items"]
    assert [row["action"] for row in rows] == ["sign-out", "sign-in", "sign-in.refused"]
    assert {row["actor"] for row in rows} == {f"Alice (alice) at {provider.url}"}
    assert {row["address"] for row in rows} == {"203.0.113.7"}
    assert rows[1]["after"] == {"role": "owner", "group": "platform"}
    assert value not in audit.text
    assert "opaque" not in audit.text


async def test_a_session_ends_when_its_time_is_over_or_its_row_is_gone(database, provider):
    async with admin_with(database, provider, session="60s") as admin, browser_of(admin) as browser:
        await sign_in(browser, provider, "finance")
        cookies = browser.cookies
        value = cookies[SESSION].encode()
        now = [admin.parts.stores.sessions.identify(value).expires_at - 1]
        store = SessionStore(database, lambda: now[0])
        assert store.identify(value) is not None
        now[0] += 1
        assert store.identify(value) is None
        assert store.page(None, None, 9) == []
        store.close()
    fewer = [row for row in ROWS if row["group"] != "finance"]
    more = [*fewer, {"group": "finance", "role": "viewer"}]
    for roles in (fewer, more):  # whoever was let in by a row that is gone signs in again
        async with (
            admin_with(database, provider, roles=roles) as admin,
            browser_of(admin) as browser,
        ):
            browser.cookies = cookies
            assert (await browser.get(f"{V1}/self")).status_code == 401
    async with admin_with(database, provider) as admin, browser_of(admin) as browser:
        browser.cookies = cookies
        assert (await browser.get(f"{V1}/self")).status_code == 200
