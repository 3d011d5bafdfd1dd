"""What a dialect is: how one family of model servers is asked, and how it says no. Sans-I/O.

A dialect speaks some protocols natively: such a request's bytes go to it as they came, but for what
must change, and `router.protocols` reads its answers. In any other protocol it is asked through
`router.backends.dialects.translated`. A dialect never sees a socket.
"""

from typing import Protocol, runtime_checkable

from policies.value import value
from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.transport.transport import HttpCall


@value
class Failure:
    """An error of the server in OpenAI's words; its message is bounded, empty where there is none.

    `reasons` are all the short words by which it names its cause (codes, types, states), in lower
    case; `wait` is how many seconds its body says to stay away, or None.
    """

    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    reasons: tuple[str, ...] = ()
    wait: float | None = None


@runtime_checkable
class _Server(Protocol):
    """What is known of every family of model servers."""

    @property
    def stream_type(self) -> str:
        """The content type in which an answer comes that is to be streamed."""

    def failure(self, status: int, raw: bytes) -> Failure:
        """What an error answer says; any bytes at all are understood somehow."""


@runtime_checkable
class Asking(_Server, Protocol):
    """Who asks a backend what a client asks: a dialect of its protocol, or a translation."""

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """The HTTP request that asks this backend.

        Raises Unsupported where the dialect cannot express the request.
        """


@runtime_checkable
class Dialect(_Server, Protocol):
    """One family of model servers: where and with which headers it is asked.

    `protocol` names the row of `router.protocols.hub.table` by which it is asked where a client
    speaks a protocol that it does not. In one that it `speaks` it is `Asking`, and a request's own
    bytes go to it.
    """

    @property
    def speaks(self) -> frozenset[str]:
        """The names of those protocols."""

    @property
    def protocol(self) -> str:
        """The protocol's name."""

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,
    ) -> HttpCall:
        """The HTTP request with this body, which is of `protocol`."""
