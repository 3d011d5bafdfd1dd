"""What a client may ask: the shapes of the rows of `router.operations.table`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from router.ask import Ask
from router.errors import TurnoutError
from router.protocols.ahead import Amend
from router.protocols.headers import Fields
from router.protocols.table import PROTOCOLS

Parse = Callable[[bytes, Fields], Ask]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client may ask of a model.

    `path` is where it is asked here, `protocol` the wire language of its bodies and answers,
    `known_as` its name in OpenTelemetry's conventions, where that is another.
    `parse` reads a body and the request's headers into the facts that the house works with; it
    raises BadRequest where they are wrong. `unit` is what its use is counted in besides tokens, if
    anything (`router.units`). One that is asked `by_name` is asked only of backends whose section
    says that they have it (`serves`); any other of all that speak its protocol. `names_request`:
    answers say their id as `request-id` too, where Anthropic's clients look for it. `resumes`: a
    request may name what the gateway keeps. `over_websocket`: it may be asked in messages too.
    `methods` are those with which it is asked.
    `lists`: what is kept of it is listed at its path by GET, beside inference.
    `amend` changes a large body before it is read: a model in the address comes into it.
    """

    name: str
    path: str
    protocol: str
    parse: Parse
    unit: str = ""
    by_name: bool = False
    names_request: bool = False
    known_as: str = ""
    resumes: bool = False
    methods: tuple[bytes, ...] = (b"POST",)
    lists: bool = False
    over_websocket: bool = False
    amend: Amend | None = None

    def error_body(self, error: TurnoutError) -> bytes:
        """The body of an error response, as the clients of its protocol expect it."""
        return PROTOCOLS[self.protocol].error_body(error)

    def error_event(self, error: TurnoutError, *, first: bool = False) -> bytes:
        """The same as the last event of a stream that has begun; `first`: nothing came before."""
        protocol = PROTOCOLS[self.protocol]
        if first and protocol.error_first is not None:
            return protocol.error_first(error)
        return protocol.error_event(error)

    @property
    def keepalive(self) -> bytes:
        """An event that its clients ignore."""
        return PROTOCOLS[self.protocol].keepalive

    @property
    def streams_as(self) -> str:
        """The content type of its streams."""
        return PROTOCOLS[self.protocol].streams_as


@dataclass(frozen=True, slots=True)
class Count:
    """A way in that tells how large a request would be: no model is asked, nothing is paid.

    `parse` reads it as the request whose size it asks for, in words of `protocol`; `write` tells a
    number of tokens. `resumes`: that request may name what the gateway keeps. `amend` changes a
    large body before it is read: one that holds the request becomes that.
    """

    path: str
    protocol: str
    parse: Parse
    write: Callable[[int], bytes]
    names_request: bool = False
    resumes: bool = False
    amend: Amend | None = None
    methods: ClassVar[tuple[bytes, ...]] = (b"POST",)
    lists: ClassVar[bool] = False

    def error_body(self, error: TurnoutError) -> bytes:
        """The body of an error response, as the clients of its protocol expect it."""
        return PROTOCOLS[self.protocol].error_body(error)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What the gateway answers by itself for requests that follow: nothing is asked or paid."""

    path: str
    answer: Callable[[bytes], bytes]
    error_body: Callable[[TurnoutError], bytes]
    names_request: bool = False
    methods: ClassVar[tuple[bytes, ...]] = (b"POST",)
    lists: ClassVar[bool] = False
    amend: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """An endpoint for opinions of answers: it asks no backend, it stores the opinion."""

    path: str
    error_body: Callable[[TurnoutError], bytes]
    names_request: bool = False
    methods: ClassVar[tuple[bytes, ...]] = (b"POST",)
    lists: ClassVar[bool] = False
    amend: ClassVar[None] = None


Row = Operation | Count | Preparation | Judgement
