"""Strangers, other sites and forged answers at the sign-in of people who administer."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from adminkit import V1
from identity_provider import rsa_key
from openid_provider import CLIENT
from signinkit import (
    BACK,
    BEGIN,
    SAME,
    SESSION,
    admin_with,
    begun_in,
    browser_of,
    led_away,
    provider_listening,
    sign_in,
)

from router.admin.browsers import PENDING_SECONDS, is_local, opened, sealed
from router.auth.sign_in import Pending

FOREIGN = [
    {},
    {"origin": "https://evil.example.com"},
    {"origin": "null"},
    {"origin": "http://admin.example.com"},
    {"origin": "https://admin.example.com.evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://admin.example.com", "sec-fetch-site": "cross-site"},
]


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


def assert_page(answer: httpx.Response, status: int) -> None:
    """It is a page for a person, which nobody frames and nothing runs in; and nobody is in."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "Try again" in answer.text
    assert "<script" not in answer.text.lower()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not any(
        cookie.startswith(f"{SESSION}=") for cookie in answer.headers.get_list("set-cookie")
    )


async def test_whoever_comes_back_to_a_sign_in_that_is_not_theirs_is_not_let_in(admin, provider):
    async with browser_of(admin) as browser, browser_of(admin) as victim:
        url = await led_away(browser)
        back = provider.approve(url, groups=["platform"])
        assert_page(await victim.get(back), 400)  # another browser, which began nothing
        await led_away(victim)
        assert_page(await victim.get(back), 400)  # or another sign-in
        exchanged = len(provider.exchanges)
        for spoilt in (
            back.replace("state=", "state=x"),
            back.replace("state=", "sta="),
            f"{back}&state=x",
            f"{back}&code=x",
            back.replace("code=", "c="),
        ):
            ((name, begun),) = begun_in(browser).items()
            assert_page(await browser.get(spoilt), 400)
            browser.cookies.set(name, begun, domain="admin.example.com")
        assert len(provider.exchanges) == exchanged


async def test_a_sign_in_is_finished_once(admin, provider):
    async with browser_of(admin) as browser:
        url = await led_away(browser)
        ((name, begun),) = begun_in(browser).items()
        back = provider.approve(url, groups=["platform"])
        assert (await browser.get(back)).status_code == 303
        exchanged = len(provider.exchanges)
        assert_page(await browser.get(back), 400)
        assert begun_in(browser) == {}
        browser.cookies.set(name, begun, domain="admin.example.com")
        assert_page(await browser.get(back), 400)
        assert len(provider.exchanges) == exchanged


async def test_a_code_that_was_used_or_is_of_another_sign_in_lets_nobody_in(admin, provider):
    async with browser_of(admin) as one, browser_of(admin) as two:
        first = provider.approve(await led_away(one), groups=["platform"])
        code = parse_qs(urlsplit(first).query)["code"][0]
        url = await led_away(two)
        own = parse_qs(urlsplit(url).query)["state"][0]
        injected = await two.get(BACK, params={"code": code, "state": own, "iss": provider.url})
        assert_page(injected, 403)
        assert_page(await one.get(first), 403)  # the code is spent
        assert "did not take the code" in injected.text


def test_what_a_browser_holds_of_a_sign_in_is_nobodys_to_write_and_ends():
    pending = Pending("state", "nonce", "verifier", "/admin", 1_000)
    cookie = sealed(pending, b"key")
    assert opened(cookie, b"key", 1_000) == pending
    assert opened(cookie, b"key", 1_000 + PENDING_SECONDS) is None
    assert opened(cookie, b"another", 1_000) is None
    body, _, tag = cookie.partition(".")
    other = base64.urlsafe_b64encode(b'["s","n","v","//evil",1000]').decode()
    for spoilt in ("", ".", body, f"{body}.", f".{tag}", f"{other}.{tag}", cookie + "0", "\xff.1"):
        assert opened(spoilt, b"key", 1_000) is None


WRONG = {
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "audience": {"aud": "another"},
    "audiences without azp": {"aud": [CLIENT, "another"]},
    "azp": {"aud": [CLIENT, "another"], "azp": "another"},
    "issuer": {"iss": "https://elsewhere.example.com"},
    "expired": {"exp": int(time.time()) - 600},
    "no exp": {"exp": None},
    "no sub": {"sub": None},
    "sub": {"sub": "a\x1b[31m"},
    "no iat": {"iat": None},
    "not yet": {"nbf": int(time.time()) + 600},
    "access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "key": {"key": rsa_key("another")},
}


async def test_an_id_token_that_is_not_for_this_very_sign_in_lets_nobody_in(admin, provider):
    async with browser_of(admin) as browser:
        for what, claims in WRONG.items():
            answer = await sign_in(browser, provider, "platform", **claims)
            assert answer.status_code == 403, what
            assert_page(answer, 403)
        assert (await browser.get(f"{V1}/self")).status_code == 401
        rows = (await admin.ask("GET /audit?action=sign-in.refused"))["items"]
        assert len(rows) >= 5  # those that the provider signed, with whom they name
        assert (await admin.ask("GET /sessions"))["items"] == []


async def test_an_id_token_without_the_providers_signature_lets_nobody_in(admin, provider):
    claims = {"iss": provider.url, "aud": CLIENT, "sub": "x", "groups": ["platform"], "iat": 1}
    async with browser_of(admin) as browser:
        for algorithm, key in (("none", None), ("HS256", "a secret/with+signs" * 3)):
            url = await led_away(browser)
            nonce = parse_qs(urlsplit(url).query)["nonce"][0]
            headers = {"kid": provider.key_id}
            said = claims | {"nonce": nonce, "exp": int(time.time()) + 600}
            forged = jwt.encode(said, key, algorithm, headers=headers)
            assert_page(await browser.get(provider.approve(url, id_token=forged)), 403)
        for spoilt in ({"id_token": None}, {"id_token": "x"}, {"access_token": 7}):
            provider.spoilt = spoilt
            assert_page(await sign_in(browser, provider, "platform"), 403)


async def test_an_answer_of_another_provider_is_not_exchanged(admin, provider):
    provider.more = {"authorization_response_iss_parameter_supported": True}
    async with browser_of(admin) as browser:
        exchanged = len(provider.exchanges)
        for wrong in ("https%3A%2F%2Fevil.example.com", None):
            back = provider.approve(await led_away(browser), groups=["platform"])
            back, _, _ = back.partition("&iss=")
            assert_page(await browser.get(back + (f"&iss={wrong}" if wrong else "")), 403)
        assert len(provider.exchanges) == exchanged


ELSEWHERE = [
    *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example"),
    *("https:evil", "HTTPS://evil.example"),
    *("javascript:alert(1)", "evil.example", "/\t/evil.example", "/a\r\nset-cookie: a=b"),
    *("/\x00", "/é", " /", "/a b", "/" + "a" * 1_001),
]


async def test_next_leads_nowhere_else(admin):
    async with browser_of(admin) as browser:
        for then in ELSEWHERE:
            assert not is_local(then)
            assert_page(await browser.get(BEGIN, params={"next": then}), 400)


async def test_another_sites_page_changes_nothing_with_somebodys_session(admin, provider):
    body = {"name": "mallory", "role": "owner"}
    async with browser_of(admin) as browser:
        await sign_in(browser, provider, "platform")
        for headers in FOREIGN:
            answer = await browser.post(f"{V1}/credentials", json=body, headers=headers)
            assert answer.status_code == 403, headers
            assert answer.headers["content-type"] == "application/problem+json"
            gone = await browser.post("/admin/reload", headers=headers)
            assert gone.status_code == 403
            assert_page(await browser.post("/admin/sign-out", headers=headers), 403)
        assert (await admin.ask("GET /credentials"))["items"] == []
        assert (await browser.get(f"{V1}/self")).status_code == 200
        made = await browser.post(f"{V1}/credentials", json=body, headers=SAME)
        assert made.status_code == 201
        assert "access-control-allow-origin" not in made.headers


async def test_a_bearer_token_counts_and_never_the_session_beside_it(admin, provider):
    viewer = await admin.ask("POST /credentials", {"name": "v", "role": "viewer"}, to=201)
    async with browser_of(admin) as browser:
        await sign_in(browser, provider, "platform")
        both = {"authorization": f"Bearer {viewer['secret']}"}
        told = (await browser.get(f"{V1}/self", headers=both)).json()
        assert (told["role"], told["session"]) == ("viewer", None)
        for wrong in ("Bearer wrong", "Basic eA==", "x"):
            refused = await browser.get(f"{V1}/self", headers={"authorization": wrong})
            assert refused.status_code == 401


async def test_whoever_has_no_role_or_is_denied_reads_why_in_plain_letters(admin, provider):
    markup = "<script>alert(1)</script>\x1b"
    async with browser_of(admin) as browser:
        refused = await sign_in(browser, provider, "staff", name="<b>Eve</b>")
        assert_page(refused, 403)
        assert "none of your groups has a role here" in refused.text
        assert "&lt;b&gt;Eve" in refused.text
        url = await led_away(browser)
        state = parse_qs(urlsplit(url).query)["state"][0]
        denied = await browser.get(BACK, params={"error": markup, "state": state})
        assert_page(denied, 403)
        assert "&lt;script&gt;" in denied.text


async def test_while_the_provider_is_away_people_read_so_and_those_inside_go_on(
    admin, provider, database, caplog
):
    async with browser_of(admin) as browser, browser_of(admin) as other:
        await sign_in(browser, provider, "platform")
        back = provider.approve(await led_away(other), groups=["platform"])
        provider.status = 503
        asked = provider.asked
        assert_page(await other.get(back), 503)
        assert (await browser.get(f"{V1}/self")).status_code == 200
        assert "people cannot sign in" in caplog.text
        assert provider.asked == asked + 1
    async with admin_with(database, provider) as begun, browser_of(begun) as browser:
        answer = await browser.get(BEGIN)
        assert_page(answer, 503)
        assert answer.headers["retry-after"]
        asked = provider.asked
        assert_page(await browser.get(BEGIN), 503)
        assert provider.asked == asked  # strangers flood nobody


async def test_sign_ins_that_fail_count_as_wrong_credentials_of_their_address(admin):
    most = admin.parts.gateway.door.limits.wrong_keys
    async with browser_of(admin) as browser:
        answers = [await browser.get(BACK) for _ in range(most + 1)]
    assert {answer.status_code for answer in answers[:most]} == {400}
    assert_page(answers[most], 429)
