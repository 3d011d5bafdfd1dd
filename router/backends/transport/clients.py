"""All HTTP clients towards backends, and the rule that picks the one for an address.

The rule, asked once for each address of a backend and not for each call:

    httpx       where turnout.yaml says `transport: httpx`
    httpx       where a proxy is in the way: the backend's `proxy`, else the environment's
    httpx       where the backend has `http2: true`
    httptools   everywhere else

A backend with `proxy: direct` is asked directly, whatever the environment says.
"""

from typing import Final, Literal

from router.backends.backend import DIRECTLY, Backend, Reach
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.httpx_transport import HttpxTransport, NetworkRoute
from router.backends.transport.proxies import NO_PROXIES, EnvironmentProxies
from router.backends.transport.transport import ConnectFailed, HttpAnswer, HttpCall, Transport

Preferred = Literal["httptools", "httpx"]
_SCHEMES: Final = ("http://", "https://")


class Clients:
    """One client for each route that is taken. Nothing is opened before the first call."""

    def __init__(
        self, preferred: Preferred = "httptools", proxies: EnvironmentProxies = NO_PROXIES
    ) -> None:
        """`preferred` takes calls that need nothing special; `proxies` are the environment's."""
        self._proxies = proxies
        self._preferred = preferred
        self._plain: dict[Reach, HttptoolsTransport | HttpxTransport] = {}
        self._routed: dict[NetworkRoute, HttpxTransport] = {}

    def client_for(self, backend: Backend, address: str) -> Transport:
        """Return the client for calls to this address; see `Transports.client_for`."""
        proxy = self._proxy_for(backend, address)
        return self._by(NetworkRoute(proxy, backend.http2, backend.reach))

    def client_at(self, address: str) -> Transport:
        """Return the client for calls to an address that is no backend's."""
        return self._by(NetworkRoute(self._proxies.proxy_for(address), False, "auto"))

    def _by(self, route: NetworkRoute) -> Transport:
        if route.proxy is None and not route.http2:
            return self._directly(route)
        if route.proxy is not None and not route.proxy.startswith(_SCHEMES):
            return _UNUSABLE_PROXY
        client = self._routed.get(route)
        if client is None:
            client = self._routed[route] = HttpxTransport(route=route)
        return client

    async def close(self) -> None:
        """Close every connection."""
        for client in (*self._plain.values(), *self._routed.values()):
            await client.close()

    def _directly(self, route: NetworkRoute) -> Transport:
        client = self._plain.get(route.reach)
        if client is None:
            own = self._preferred == "httptools"
            client = self._plain[route.reach] = (
                HttptoolsTransport(reach=route.reach) if own else HttpxTransport(route=route)
            )
        return client

    def _proxy_for(self, backend: Backend, address: str) -> str | None:
        if backend.proxy == DIRECTLY:
            return None
        return backend.proxy or self._proxies.proxy_for(address)


class _Unusable:
    """Refuses every call: bypassing a proxy that we cannot use would be worse."""

    async def send(self, call: HttpCall, place: str = "") -> HttpAnswer:
        """Raise ConnectFailed."""
        raise ConnectFailed("is behind a proxy that is neither http:// nor https://")


_UNUSABLE_PROXY: Final = _Unusable()
