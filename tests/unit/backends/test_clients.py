"""Which client takes a backend's calls: a rule with four lines, and what the environment adds."""

import pytest

from router.backends.backend import Backend
from router.backends.transport.clients import Clients, Preferred
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.httpx_transport import HttpxTransport, NetworkRoute
from router.backends.transport.proxies import NO_PROXIES, EnvironmentProxies

ADDRESS = "https://api.example.com/v1"
PROXY = "http://gate:hunter2@proxy.example:3128"
EVERYWHERE = EnvironmentProxies.read({"HTTPS_PROXY": PROXY})


def backend(**fields: object) -> Backend:
    return Backend("b", ADDRESS, "m", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("preferred", "proxies", "fields", "kind"),
    [
        ("httptools", NO_PROXIES, {}, HttptoolsTransport),
        ("httpx", NO_PROXIES, {}, HttpxTransport),
        ("httptools", NO_PROXIES, {"proxy": PROXY}, HttpxTransport),
        ("httptools", NO_PROXIES, {"http2": True}, HttpxTransport),
        ("httptools", EVERYWHERE, {}, HttpxTransport),
        ("httptools", EVERYWHERE, {"proxy": "direct"}, HttptoolsTransport),
        ("httpx", EVERYWHERE, {"proxy": "direct"}, HttpxTransport),
    ],
    ids=["plain", "chosen", "own proxy", "http2", "environment", "direct", "chosen and direct"],
)
async def test_the_rule(
    preferred: Preferred, proxies: EnvironmentProxies, fields: dict[str, object], kind: type
) -> None:
    clients = Clients(preferred, proxies)
    assert type(clients.client_for(backend(**fields), ADDRESS)) is kind
    await clients.close()


async def test_backends_on_one_route_share_its_client() -> None:
    clients = Clients()
    proxied = [clients.client_for(backend(proxy=PROXY), f"{ADDRESS}/{n}") for n in range(2)]
    assert proxied[0] is proxied[1]
    other = clients.client_for(backend(proxy=PROXY, http2=True), ADDRESS)
    assert other is not proxied[0]
    assert clients.client_for(backend(), ADDRESS) is clients.client_for(backend(), "http://x/v1")
    await clients.close()


def test_a_proxys_credentials_are_in_no_text() -> None:
    assert "hunter2" not in repr(backend(proxy=PROXY)) + repr(NetworkRoute(PROXY)) + str(
        NetworkRoute(PROXY)
    )


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://a.example/v1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.example/v1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://a.example/v1", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://a.example/v1", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://a.example/v1", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "https_proxy": "http://q:2"}, "https://a/v1", "http://q:2"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2"}, "https://a/v1", "http://q:2"),
        ({"HTTPS_PROXY": "p:1"}, "https://a.example/v1", "http://p:1"),
        ({"HTTPS_PROXY": " "}, "https://a.example/v1", None),
        ({"ALL_PROXY": "http://p:1"}, "http://localhost:8080/v1", None),
        ({"ALL_PROXY": "http://p:1"}, "http://127.3.2.1:8080/v1", None),
        ({"ALL_PROXY": "http://p:1"}, "http://[::1]:8080/v1", None),
        ({"ALL_PROXY": "http://p:1"}, "http://[::1/v1", None),
    ],
)
def test_the_environment_names_a_proxy(
    environ: dict[str, str], url: str, proxy: str | None
) -> None:
    assert EnvironmentProxies.read(environ).proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "exempt"),
    [
        ("*", "https://a.example/v1", True),
        ("a.example", "https://a.example/v1", True),
        ("a.example", "https://A.EXAMPLE/v1", True),
        ("A.Example", "https://a.example/v1", True),
        ("example", "https://a.example/v1", True),
        (".example", "https://a.example/v1", True),
        ("*.example", "https://a.example/v1", True),
        (".a.example", "https://a.example/v1", False),
        ("a.example", "https://ba.example/v1", False),
        ("b.example, a.example", "https://a.example/v1", True),
        ("a.example:443", "https://a.example/v1", True),
        ("a.example:8443", "https://a.example/v1", False),
        ("10.0.0.0/8", "https://10.1.2.3/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3/v1", False),
        ("10.1.2.3", "https://10.1.2.3:8000/v1", True),
        ("10.1.2.3:9", "https://10.1.2.3:8000/v1", False),
        ("fd00::/8", "https://[fd00::1]/v1", True),
        ("[fd00::1]", "https://[fd00::1]/v1", True),
        ("10.0.0.0/8", "https://[fd00::1]/v1", False),
        ("", "https://a.example/v1", False),
        (" , ,", "https://a.example/v1", False),
    ],
)
def test_no_proxy_names_exceptions(no_proxy: str, url: str, exempt: bool) -> None:
    proxies = EnvironmentProxies.read({"ALL_PROXY": "http://p:1", "NO_PROXY": no_proxy})
    assert (proxies.proxy_for(url) is None) is exempt
