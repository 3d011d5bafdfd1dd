"""The kinds of values in turnout.yaml: with their units, or refused with an example."""

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from policies.language.fields import Duration
from router.world.config import Config
from router.world.config_values import (
    Address,
    BaseUrl,
    CollectorUrl,
    Features,
    Headers,
    LedgerAddress,
    Origins,
    Size,
    Words,
    host_and_port,
)

GOOD = [
    (Duration, "500ms", 0.5),
    (Duration, "2s", 2.0),
    (Duration, "1.5m", 90.0),
    (Duration, "1h", 3600.0),
    (Size, "1B", 1),
    (Size, "500kB", 500_000),
    (Duration, "30d", 2_592_000.0),
    (Size, "10MB", 10_000_000),
    (Size, "2GB", 2_000_000_000),
    (Address, "127.0.0.1:8080", "127.0.0.1:8080"),
    (Address, "[::1]:80", "[::1]:80"),
    (Address, ":65535", ":65535"),
    (BaseUrl, "https://api.example.com/v1/", "https://api.example.com/v1"),
    (BaseUrl, "http://127.0.0.1:1", "http://127.0.0.1:1"),
    (LedgerAddress, "embedded", "embedded"),
    (LedgerAddress, "redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
    (LedgerAddress, "unix:///run/x.sock", "unix:///run/x.sock"),
    (Features, ["tools", "vision"], ("tools", "vision")),
    (Words, ["a"], ("a",)),
    (
        Origins,
        ["https://a.example", "http://[::1]:3000"],
        ("https://a.example", "http://[::1]:3000"),
    ),
    (Origins, ["*"], ("*",)),
    (Origins, ["app://electron"], ("app://electron",)),
    (CollectorUrl, "http://collector:4318", "http://collector:4318"),
    (CollectorUrl, "https://c.example/otlp/v1/traces", "https://c.example/otlp/v1/traces"),
    (Headers, {"x-api-key": "k"}, {"x-api-key": SecretStr("k")}),
    (Headers, {}, {}),
]
BAD = [
    *[(Duration, text) for text in ("2", 2, "0s", "-1s", "1 day", "", None)],
    *[(Size, text) for text in ("2", 2, "0B", "1.5MB", "1TB", None)],
    *[(Address, text) for text in ("8080", "h:99999", "h:", "http://h:1", 8080)],
    *[
        (BaseUrl, text)
        for text in ("ftp://h", "http://user:pass@h/v1", "http://h/v1?key=1", "http://h/#x", "h")
    ],
    *[(LedgerAddress, text) for text in ("", "memory", "http://h", 1)],
    *[
        (Origins, [text])
        for text in ("a.example", "https://a.example/", "https://A.example", "null", 1, "")
    ],
    *[(CollectorUrl, text) for text in ("collector:4318", "grpc://c:4317", "http://u:p@c", 1)],
    *[
        (Headers, given)
        for given in ("x", {"x y": "1"}, {"": "1"}, {"x": 1}, {"x": "a\nb"}, {"x": "é"}, {1: "x"})
    ],
    *[(Features, given) for given in (["telepathy"], "tools")],
]


@pytest.mark.parametrize(("kind", "written", "meant"), GOOD)
def test_a_value_is_read_with_its_unit(kind, written, meant) -> None:
    assert TypeAdapter(kind).validate_python(written) == meant


@pytest.mark.parametrize(("kind", "written"), BAD)
def test_anything_else_is_refused_with_a_hint(kind, written) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(written)
    (error, *_) = caught.value.errors()
    assert error["ctx"]["hint"]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        (":80", ("0.0.0.0", 80)),  # noqa: S104 # it is what is promised
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_a_listening_address_has_two_parts(address, parts) -> None:
    assert host_and_port(address) == parts


BACKEND = {"base_url": "http://h/v1", "model": "m"}
CORS = [
    ({"origins": ["*"], "credentials": True}, ("cors", "credentials")),
    ({"origins": ["*", "https://a.example"]}, ("cors", "origins")),
    ({"origin": ["https://a.example"]}, ("cors", "origin")),
]


@pytest.mark.parametrize(("section", "place"), CORS)
def test_pages_are_named_exactly_or_not_at_all(section, place) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"version": 1, "backends": {"b": BACKEND}, "cors": section})
    assert caught.value.errors()[0]["loc"] == place


def test_a_configuration_shows_no_secret() -> None:
    backend = {"base_url": "http://h/v1", "model": "m", "api_key": "sk-secret"}
    config = Config.model_validate(
        {
            "version": 1,
            "backends": {"b": backend},
            "ledger": "redis://:sk-secret@h:1",
            "database": "postgresql://u:sk-secret@h/n",
            "admin": {"token": "sk-secret-of-admins"},
        }
    )
    assert "sk-secret" not in repr(config)
