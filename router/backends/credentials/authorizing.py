"""Calls that bear what cannot be said once for all: a signature, or a token of this hour.

A client for such a backend is wrapped once, when the backend is described; clients of backends with
a key of their own are not, and know nothing of this.
"""

from typing import Protocol

from router.backends.transport.transport import HttpAnswer, HttpCall, Transport, TransportError
from router.protocols.headers import Pairs


class CredentialFailed(TransportError):
    """There is no valid credential now; `rest` is after how many seconds to ask again."""

    def __init__(self, reason: str, *, rest: float) -> None:
        super().__init__(reason)
        self.rest = rest


class Authorizer(Protocol):
    """Makes the headers that authorize calls."""

    async def headers(self, call: HttpCall) -> Pairs:
        """The headers for this call. Waits only where there is no valid credential yet.

        Raises CredentialFailed.
        """

    def prepare(self) -> None:
        """Begin to fetch what the first call will need. Call it inside the event loop."""

    def refused(self) -> bool:
        """A server refused (401) what `headers` made: whether something newer can be made."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is secret of the credential in use: servers may echo it."""

    async def close(self) -> None:
        """Give up what is being fetched."""


class Authorized:
    """A transport whose calls are authorized on their way."""

    def __init__(self, client: Transport, authorizer: Authorizer) -> None:
        self._client = client
        self._authorizer = authorizer

    async def send(self, call: HttpCall, place: str = "") -> HttpAnswer:
        """Send a request; see `Transport.send`. Raises CredentialFailed too.

        A token that was refused is fetched anew and tried once more: it may have been revoked.
        """
        answer = await self._send(call, place)
        if answer.status == 401 and self._authorizer.refused():
            answer.close()
            answer = await self._send(call, place)
        return answer

    async def _send(self, call: HttpCall, place: str) -> HttpAnswer:
        headers = await self._authorizer.headers(call)
        return await self._client.send(
            HttpCall(
                call.target, call.body, call.timeouts, call.request_id, call.headers + headers
            ),
            place,
        )
