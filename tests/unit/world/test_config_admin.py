"""The section `admin` of turnout.yaml: who administers, and what of it cannot be."""

import json
from typing import Any

import pytest

from policies.findings import DocumentError
from router.auth.grants import Grant
from router.auth.roles import Role
from router.world.config_admin import AdminSection
from router.world.config_load import load_config

ISSUER = "https://id.example.com"
ROWS = [{"group": "platform", "role": "owner"}]
SIGN_IN = {"issuer": ISSUER, "client_id": "turnout", "roles": ROWS}
TOKENS = {"issuer": ISSUER, "audience": "turnout-admin", "roles": ROWS}


def admin_of(section: dict[str, Any], **more: Any) -> AdminSection:
    backend = {
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "price": {"input": 1, "output": 1},
    }
    document = {
        "version": 1,
        "backends": {"moe": backend},
        "admin": {"token": "an-admin-token-for-tests", **section},
        **more,
    }
    admin = load_config(json.dumps(document), "turnout.yaml", {}).config.admin
    assert admin is not None
    return admin


def findings_of(section: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(DocumentError) as refused:
        admin_of(section, **more)
    return [finding.message for finding in refused.value.findings]


def test_both_ways_to_administer_have_plain_defaults() -> None:
    admin = admin_of({"sign_in": SIGN_IN, "tokens": [TOKENS]})
    assert admin.sign_in is not None
    assert admin.origin == "http://127.0.0.1:8079"
    assert (admin.sign_in.scopes, admin.sign_in.session) == (("openid", "profile"), 28_800)
    assert (
        admin.sign_in.grants() == admin.tokens[0].spec().grants == (Grant("platform", Role.OWNER),)
    )


def test_a_public_url_is_an_origin_as_browsers_write_it() -> None:
    told = admin_of({"public_url": "https://Admin.example.com/"})
    assert told.origin == "https://admin.example.com"
    assert admin_of({"listen": "[::1]:9000"}).origin == "http://[::1]:9000"
    assert admin_of({"listen": "0.0.0.0:9000"}).origin == ""


@pytest.mark.parametrize(
    "section",
    [
        {"public_url": "http://admin.example.com"},
        {"public_url": "https://admin.example.com/turnout"},
        {"public_url": "https://me@admin.example.com"},
        {"sign_in": SIGN_IN, "listen": "0.0.0.0:8079"},
        {"sign_in": SIGN_IN | {"issuer": "http://id.example.com"}},
        {"sign_in": SIGN_IN | {"roles": []}},
        {"sign_in": SIGN_IN | {"roles": [{"group": "a", "role": "king"}]}},
        {"sign_in": SIGN_IN | {"roles": [{"group": "", "role": "owner"}]}},
        {"sign_in": SIGN_IN | {"scopes": ["profile"]}},
        {"sign_in": SIGN_IN | {"scopes": ["openid", "a b"]}},
        {"sign_in": SIGN_IN | {"session": "1s"}},
        {"sign_in": SIGN_IN | {"algorithms": ["HS256"]}},
        {"sign_in": SIGN_IN, "tokens": [TOKENS | {"audience": "turnout"}]},
        {"tokens": [TOKENS, TOKENS]},
        {"tokens": [TOKENS | {"roles": []}]},
        {"tokens": [TOKENS | {"algorithms": ["none"]}]},
    ],
)
def test_what_cannot_be_is_found_by_check(section) -> None:
    assert len(findings_of(section)) == 1


def test_a_token_for_inference_is_never_one_that_administers() -> None:
    inference = [{"issuer": ISSUER, "audience": "turnout-admin", "organization": "org"}]
    (found,) = findings_of({"tokens": [TOKENS]}, identity=inference)
    assert "tokens for inference would administer" in found
