"""An account at a provider: its server is asked for what it keeps, beside the operations of models.

There is one account, one address and one key: no other backend can be asked instead, and what fails
here says nothing of models, so no breaker learns of it.
"""

import time
from collections.abc import Mapping
from typing import Final, NoReturn

from policies.value import value
from router.backends.backend import Backend
from router.backends.credentials.authorizing import CredentialFailed
from router.backends.dialects.heading import target_of
from router.backends.dialects.table import DIALECTS
from router.backends.dispatch.attempt import ERROR_CAP, read_all
from router.backends.dispatch.causes import cause_of
from router.backends.dispatch.failures import FAILURE_POLICIES, Fault, Kind
from router.backends.dispatch.inflated import uncompressed
from router.backends.dispatch.reports import Reports
from router.backends.dispatch.waits import rest_asked_for
from router.backends.dispatch.words import for_client
from router.backends.health.health import DeploymentState
from router.backends.transport.transport import (
    BodyPieces,
    ConnectFailed,
    HttpAnswer,
    HttpCall,
    TransportError,
    TransportTimeout,
)
from router.domain import Usage
from router.errors import (
    Overloaded,
    TurnoutError,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
    retry_after,
)
from router.protocols.headers import Pairs, without_those_of
from router.protocols.passage import MalformedReply

_WHOLE: Final = 4 * 1024 * 1024  # bytes of an answer that is read as a whole
# By dialect: the header of the key, and those that a call has where its client sent no such.
_HEADINGS: Final[Mapping[str, tuple[str, Pairs]]] = {
    "anthropic": ("x-api-key", (("anthropic-version", "2023-06-01"),))
}
_PLAIN: Final[tuple[str, Pairs]] = ("Authorization", ())
_BUSY: Final = frozenset({Kind.BUSY, Kind.RATE_LIMITED})


@value
class AccountCall:
    """What is asked: `path` is below the backend's address; `headers` are those of the protocol."""

    path: str
    method: str = "GET"
    body: bytes | BodyPieces = b""
    content_type: str = ""
    headers: Pairs = ()


class Account:
    """The account of a backend. What its methods raise:

    UpstreamRejected where the server found the request wrong, 404 where it knows no such thing;
    Overloaded where it was not reached, or is busy: nothing happened. After UpstreamFailed and
    UpstreamTimeout nobody knows whether something did.
    """

    def __init__(self, backend: Backend, state: DeploymentState, reports: Reports) -> None:
        self.backend = backend
        self._state = state
        self._reports = reports

    def disbelieve(self, told: Usage, taken: Usage, batch: str) -> None:
        """The results of a batch told more use than can be true: count that, and tell of it."""
        self._state.disbelieved += 1
        self._reports.disbelieved(self._state.deployment, told, taken, batch)

    async def ask(self, call: AccountCall) -> bytes:
        """Return a whole answer."""
        answer = await self.open(call)
        try:
            return await read_all(answer, _WHOLE)
        except (TransportError, MalformedReply) as error:
            raise UpstreamFailed(f"{self.backend.name} {error}.") from None
        finally:
            answer.close()

    async def open(self, call: AccountCall) -> HttpAnswer:
        """Return an answer whose body is yet to be read; who gets it closes it."""
        try:
            answer = await self._state.client.send(self._http(call))
        except TransportError as error:
            raise self._unanswered(error) from None
        try:
            plain = uncompressed(answer, answer.header("content-encoding"))
        except TransportError as error:
            answer.close()
            raise self._unanswered(error) from None
        if not 200 <= plain.status < 300:
            await self._fail(plain)
        return plain

    async def _fail(self, answer: HttpAnswer) -> NoReturn:
        """Raise what a refusal means."""
        try:
            raw = await read_all(answer, ERROR_CAP, cut=True)
            raise self._refused(answer.status, raw, answer.headers)
        except TransportError as error:
            raise self._unanswered(error) from None
        finally:
            answer.close()

    def _http(self, call: AccountCall) -> HttpCall:
        backend = self.backend
        key_in, usual = _HEADINGS.get(backend.dialect, _PLAIN)
        sent = {name for name, _ in call.headers}
        also = tuple([pair for pair in usual if pair[0] not in sent]) + call.headers
        if call.content_type:
            also = (("content-type", call.content_type), *also)
        target = target_of(self._state.deployment, backend, call.path, key_in=key_in, json=False)
        return HttpCall(
            target._replace(method=call.method),
            call.body,
            backend.timeouts,
            headers=without_those_of(backend.headers, also),
        )

    def _unanswered(self, error: TransportError) -> TurnoutError:
        words = f"{self.backend.name} {error.reason}."
        if isinstance(error, ConnectFailed | CredentialFailed):
            return Overloaded(f"{words} Please try again.", headers=retry_after(1000))
        return (UpstreamTimeout if isinstance(error, TransportTimeout) else UpstreamFailed)(words)

    def _refused(self, status: int, raw: bytes, headers: Mapping[str, str]) -> TurnoutError:
        failure = DIALECTS[self.backend.dialect].failure(status, raw)
        kind, _ = cause_of(status, failure)
        state, name = self._state, self.backend.name
        words = for_client(failure.message, state.deployment.base_url, state.secrets)
        if status in (404, 410) or FAILURE_POLICIES[kind].fault is Fault.CLIENT:
            return UpstreamRejected(
                words or f"{name} answered with status {status}.",
                status=status,
                type_=failure.type,
                code=failure.code,
                param=failure.param,
            )
        if kind in _BUSY:
            rest = rest_asked_for(headers, failure, now=time.time()) or 1.0
            message = f"{name} is {kind.value}. Try again in {rest:.0f} s."
            return Overloaded(message, headers=retry_after(round(rest * 1000)))
        if FAILURE_POLICIES[kind].fault is Fault.OPERATOR:
            words = ""
        return UpstreamFailed(f"{name} answered {status} ({kind.value}): {words}".rstrip(": "))
