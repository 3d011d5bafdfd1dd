"""What the rest of the house may ask of a wire protocol: one row of `router.protocols.table`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.verifier import Wanted
from router.errors import TurnoutError
from router.protocols.endings import Told
from router.protocols.passage import Ending, Passage
from router.protocols.reading import Alternatives
from router.protocols.sse import EVENT_STREAM


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """One wire language.

    `passage` reads the answers of servers that speak it. `error_body` and `error_event` say an
    error to its clients, before and within a stream. `keepalive` is an event that its clients
    ignore, empty where a stream is none of events. `read_body` and `read_stream` say what a
    client-ready answer holds, whole or as far as it has come; they raise ValueError for what is
    none. `wanted` says what an answer to a body must fit. `ending` says what an answer is called
    and why it ended, of a whole body or of the parts of a stream that tell it. `streams_as` is the
    content type of a stream; `error_first` says an error within one that has brought nothing else,
    where that is said otherwise than later.
    """

    name: str
    passage: Passage
    error_body: Callable[[TurnoutError], bytes]
    error_event: Callable[[TurnoutError], bytes]
    keepalive: bytes
    read_body: Callable[[bytes], Alternatives]
    read_stream: Callable[[bytes], Alternatives]
    wanted: Callable[[Mapping[str, Any]], Wanted]
    ending: Callable[[Told], Ending]
    streams_as: str = EVENT_STREAM
    error_first: Callable[[TurnoutError], bytes] | None = None
