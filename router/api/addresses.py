"""Whose address a client has: what is counted for each of them, and what a proxy may say of it.

An IPv6 customer holds a network of 64 bits and may take any address of it for each connection, so
it is counted as one. This machine's own addresses are nobody's: a proxy beside the gateway, a side
car and a probe all have them.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
_PREFIX: Final = 64  # bits of an IPv6 address that name a customer
_MOST_HOPS: Final = 32  # of a list that is read from its end


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as proxies write it: with a port, in brackets, or as IPv4 in IPv6."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_of(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(4096)
def customer_at(peer: str, trusted: tuple[Network, ...]) -> str | None:
    """Return what an address is counted as; None for this machine and for proxies, which bring
    many."""
    address = _read(peer)
    if address is None or address.is_loopback or _is_of(address, trusted):
        return None
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _PREFIX), strict=False))
    return str(address)


def customer_behind(peer: str, forwarded: str, trusted: tuple[Network, ...]) -> str | None:
    """Return what a client is counted as that `peer` may have spoken for.

    `forwarded` is X-Forwarded-For, all of it. It is read from its end, where our own proxies wrote:
    the first address that is none of theirs is the client's, and what stands before it is only what
    that client says. From any other peer it means nothing.
    """
    address = _read(peer)
    if address is None or not _is_of(address, trusted):
        return customer_at(peer, trusted)
    for hop in reversed(forwarded.rsplit(",", _MOST_HOPS)):
        known = _read(hop)
        if known is None:
            return None
        if not _is_of(known, trusted):
            return customer_at(str(known), trusted)
    return None
