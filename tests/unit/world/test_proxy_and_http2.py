"""`proxy` and `http2` of a backend: what may stand there, and that a password stays a secret."""

import pytest

from policies.findings import DocumentError
from router.world.config_load import load_config

SECRET = "hunter2"


def text(**keys: str) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return (
        "version: 1\nbackends:\n  b:\n    base_url: https://api.example.com/v1\n    model: m\n"
        f"    price: {{input: 1, output: 2}}\n{lines}"
    )


@pytest.mark.parametrize(
    "proxy",
    [
        "http://proxy:3128",
        "https://proxy.example",
        "http://10.0.0.1:3128/",
        "http://[fd00::1]:3128",
        f"http://gate:{SECRET}@proxy:3128",
        "direct",
    ],
)
def test_a_proxy_is_an_address_or_direct(proxy):
    loaded = load_config(text(proxy=proxy), "turnout.yaml", {})
    assert loaded.backends["b"].proxy == proxy
    assert not loaded.backends["b"].http2


def test_a_proxy_comes_from_the_environment_without_showing_its_password():
    url = f"http://gate:{SECRET}@proxy:3128"
    loaded = load_config(text(proxy="${PROXY}", http2="true"), "turnout.yaml", {"PROXY": url})
    backend = loaded.backends["b"]
    assert (backend.proxy, backend.http2) == (url, True)
    assert SECRET not in repr(backend) + repr(loaded.config)


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy:3128",
        f"socks5://gate:{SECRET}@proxy:1080",
        f"http://gate:{SECRET}@proxy:3128/path",
        f"http://gate:{SECRET}@",
        "''",
    ],
)
def test_what_is_no_proxy_is_refused_without_showing_it(proxy):
    with pytest.raises(DocumentError) as caught:
        load_config(text(proxy=proxy), "turnout.yaml", {})
    shown = "".join(str(finding) for finding in caught.value.findings)
    assert "is not a proxy" in shown
    assert SECRET not in shown


def test_http2_without_tls_is_refused():
    with pytest.raises(DocumentError) as caught:
        load_config(text(http2="true").replace("https://", "http://"), "turnout.yaml", {})
    assert "has no TLS" in str(caught.value.findings[0])
