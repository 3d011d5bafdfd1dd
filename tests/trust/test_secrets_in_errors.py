"""A secret in the wrong place of turnout.yaml is never quoted; one that is empty is no secret."""

from pathlib import Path

import pytest
from trust.misplaced import BACKEND, KEYS, SECRETS, quoted, told, written

from policies.findings import DocumentError
from router.ledger.server.address import AddressError, parse_address
from router.world.config_load import load_config
from router.world.documents import read_documents


def test_every_key_is_tried():
    assert len(KEYS) > 150
    assert {("admin", "token"), ("backends", "b", "dialect"), ("prices",)} <= set(KEYS)


@pytest.mark.parametrize("secret", SECRETS[:2])
def test_a_secret_in_any_key_is_never_quoted(secret: str):
    said = {path: told(written(path, "${SECRET}"), secret) for path in KEYS}
    assert [path for path, text in said.items() if quoted(text, secret)] == []
    assert len([text for text in said.values() if text]) > len(KEYS) / 2


@pytest.mark.parametrize("key", ["policy", "prices"])
def test_a_secret_as_the_name_of_a_file_is_never_quoted(tmp_path: Path, key: str):
    config = tmp_path / "turnout.yaml"
    config.write_text(written((key,), "${SECRET}"))
    with pytest.raises(DocumentError) as refused:
        read_documents(config, {"SECRET": SECRETS[0]})
    assert not quoted(str(refused.value), SECRETS[0])
    assert "${SECRET}" in str(refused.value)


def test_what_stands_in_the_file_is_told_instead():
    config = BACKEND | {"provider": "${SECRET}"}
    text = told(written(("backends", "b"), config), "sk-live-0123456789")
    assert "unknown provider `${SECRET}`" in text


EMPTY = ["", " ", "\n", "\t"]
SECRET_KEYS = [
    ("admin", "token"),
    ("database",),
    ("backends", "b", "api_key"),
    ("backends", "b", "credentials", "aws", "secret_access_key"),
    ("backends", "b", "credentials", "entra", "client_secret"),
]


@pytest.mark.parametrize("path", SECRET_KEYS)
@pytest.mark.parametrize("secret", EMPTY)
def test_an_empty_secret_is_refused_at_the_start(path, secret: str):
    assert f"`{path[-1]}` is empty" in told(written(path, "${SECRET}"), secret)


@pytest.mark.parametrize("token", ["a", "changeme", "fifteen-letters"])
def test_an_admin_token_that_can_be_guessed_is_refused(token: str):
    text = told(written(("admin", "token"), "${SECRET}"), token)
    assert "`token` has fewer than 16 characters" in text
    assert told(written(("admin", "token"), "${SECRET}"), token + "1234567890123456") == ""


@pytest.mark.parametrize("key", ["key\n", " key", "k\r\nx-admin: 1", "kéy", "k\x00y"])
def test_a_secret_that_no_header_takes_is_refused(key: str):
    text = told(written(("backends", "b", "api_key"), "${SECRET}"), key)
    assert "has white space around it, or a character that no secret has" in text


@pytest.mark.parametrize(
    "url",
    [
        "pa55word-here:1",
        "redis://u:pa55word-here@h/pa55word-here",
        "redis://u:p@pa55word-here:x1/0",
        "redis+sentinel://u:pa55word-here@h:1",
        "redis://[pa55word-here",
        "unix:///s?db=pa55word-here",
    ],
)
def test_an_address_of_the_ledger_is_never_quoted(url: str):
    with pytest.raises(AddressError) as refused:
        parse_address(url)
    assert "pa55word" not in str(refused.value)


def loaded(value: str, environ: dict[str, str]) -> str:
    config = load_config(written(("backends", "b", "api_key"), value), "turnout.yaml", environ)
    return config.backends["b"].api_key


@pytest.mark.parametrize(
    ("value", "environ", "key"),
    [
        ("${K:-sk-default}", {}, "sk-default"),
        ("${K:-sk-default}", {"K": ""}, "sk-default"),
        ("${K:-sk-default}", {"K": "sk-set"}, "sk-set"),
        ("a-${K:-b}-${L}", {"L": "${K}"}, "a-b-${K}"),  # what a variable holds is not read again
        ("${K}", {"K": "$HOME"}, "$HOME"),
    ],
)
def test_a_variable_may_have_a_default(value: str, environ: dict[str, str], key: str):
    assert loaded(value, environ) == key


@pytest.mark.parametrize(
    "value",
    ["$KEY", "os.environ/KEY", "${KEY:?no}", "${KEY-x}", "${KEY", "${1}", "${A:-${B}}", "${}"],
)
def test_what_looks_like_a_variable_is_never_taken_for_the_value(value: str):
    with pytest.raises(DocumentError, match="looks like a variable") as refused:
        loaded(value, {"KEY": "k", "B": "b"})
    assert [finding.rule for finding in refused.value.findings] == ["no-variable"]
    assert value not in str(refused.value)


@pytest.mark.parametrize("secret", SECRETS[:2])
def test_a_default_is_no_more_quoted_than_the_variable(secret: str):
    value = f"${{NOT_SET:-{secret}}}"
    said = {path: told(written(path, value), "") for path in KEYS}
    assert [path for path, text in said.items() if quoted(text, secret)] == []
    provider = BACKEND | {"provider": value}
    assert "unknown provider `${NOT_SET:-...}`" in told(written(("backends", "b"), provider), "")
