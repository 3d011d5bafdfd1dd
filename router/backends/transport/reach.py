"""Where a backend's name may lead: resolved once for each connection, and looked at.

Who answers for a name decides where we connect to. A name of the internet that all at once leads
into the operator's own network (DNS rebinding) would have us ask what only we can reach, and hand
the answer to a customer. So the addresses are looked at between the resolution and the connection,
which goes to one of just these. Nobody may have those of the link, where clouds keep credentials.
Private ones may be had, by the backend's `reach`:

    any      by every name
    public   by no name
    auto     by names of private networks, and by those that have led to no public address yet

An address that the operator wrote is no name, and taken at its word.
"""

import asyncio
import ipaddress
import logging
import socket
from typing import Final

from router.backends.backend import Reach
from router.backends.transport.transport import ConnectFailed

_LOG = logging.getLogger("turnout")
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_NEVER: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10", "fec0::/10"),  # of the link
        *("fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32"),  # clouds' own servers
        *("0.0.0.0/8", "224.0.0.0/3", "ff00::/8", "::/128"),  # nobody's
    )
)
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are IPv4
_PRIVATE_NAMES: Final = frozenset(
    (
        *("arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain"),
        *("localhost", "private", "svc", "test"),
    )
)
_MOST_KNOWN: Final = 10_000


class Resolver:
    """Finds the addresses of backends. It remembers which names have led to public ones."""

    def __init__(self, reach: Reach = "auto") -> None:
        self._reach = reach
        self._public: set[str] = set()

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return where to connect to, in the resolver's order.

        Raises ConnectFailed where the name leads nowhere, or where it must not.
        """
        if is_address(host):
            return [host]
        try:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror:
            raise ConnectFailed("has an unknown host name") from None
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        allowed = self.allowed(host, addresses)
        if not allowed:
            _LOG.error(
                "a backend's name leads where it must not: see `reach`",
                extra={"host": host, "addresses": addresses},
            )
            raise ConnectFailed("has a name that leads where it must not")
        return allowed

    def allowed(self, host: str, addresses: list[str]) -> list[str]:
        """Return those of a name's addresses that a backend may have."""
        possible = [(address, _ip(address)) for address in addresses]
        possible = [(address, ip) for address, ip in possible if not _is_nobodys(ip)]
        everywhere = [address for address, _ in possible]
        if self._reach == "any" or (self._reach == "auto" and is_private_name(host)):
            return everywhere
        public = [address for address, ip in possible if ip.is_global]
        if public and len(self._public) < _MOST_KNOWN:
            self._public.add(host)
        if public or self._reach == "public" or host in self._public:
            return public
        return everywhere


def is_address(host: str) -> bool:
    """Whether a host is an address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_private_name(host: str) -> bool:
    """Whether a name is one of a private network: no registry gives such names away."""
    labels = host.lower().rstrip(".").split(".")
    return len(labels) == 1 or labels[-1] in _PRIVATE_NAMES


def _ip(address: str) -> Ip:
    """The address that is reached: an IPv4 one may be written within an IPv6 one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _TRANSLATED:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _is_nobodys(ip: Ip) -> bool:
    return any(ip in network for network in _NEVER)
