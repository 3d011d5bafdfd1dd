"""Which proxy the environment wants for an address: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY.

The variables are read as curl and Go read them, lower case before upper case. NO_PROXY is a list,
separated by commas, of `*`, hosts (with their subdomains; only the subdomains where a dot leads),
IP addresses and networks (`10.0.0.0/8`), hosts with or without a port. As in Go, `localhost` and
loopback addresses are never asked through a proxy: it could not reach this machine.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class EnvironmentProxies:
    """What the environment says; `by_scheme` holds URLs of proxies, `exempt` the list NO_PROXY."""

    by_scheme: Mapping[str, str]
    exempt: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables of an environment, see `router.settings.environment`."""
        for_all = _variable(environ, "all_proxy")
        named = {scheme: _variable(environ, f"{scheme}_proxy") or for_all for scheme in _PORTS}
        proxies = {
            scheme: url if "://" in url else f"http://{url}" for scheme, url in named.items() if url
        }
        entries = _variable(environ, "no_proxy").lower().split(",")
        return cls(proxies, tuple(entry.strip() for entry in entries if entry.strip()))

    def proxy_for(self, url: str) -> str | None:
        """The URL of the proxy for this address; None where it is to be asked directly."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return None  # the client will say that there is no such address
        proxy = self.by_scheme.get(parts.scheme)
        if proxy is None or _is_loopback(host):
            return None
        if any(_exempts(entry, host, port) for entry in self.exempt):
            return None
        return proxy


NO_PROXIES: Final = EnvironmentProxies({})


def _variable(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _is_loopback(host: str) -> bool:
    return host == "localhost" or _in_network(host, "127.0.0.0/8") or host == "::1"


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except (ValueError, TypeError):
        return False


def _exempts(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is about this host and port."""
    if entry == "*" or _in_network(host, entry.strip("[]")):
        return True
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit():
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*")
    if entry.startswith("."):
        return host.endswith(entry)
    return host == entry or host.endswith(f".{entry}")
