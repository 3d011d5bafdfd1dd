"""What goes wrong between a gateway and its ledger. The only file that knows the exceptions of
hiredis and of redis-py.

    ConnectionError
      Disconnected      the outcome is unknown
        TimedOut        no answer within the command's budget
        NotSent         the command never left
        Refused         a node answered, but would not do it: out of memory, read-only, loading
          Moved         another node of the Cluster keeps it
    StartupError        the server must be set up otherwise before it can keep a ledger
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import hiredis
import redis.exceptions

ProtocolError: Final = hiredis.ProtocolError  # not a Redis server, or one that lost its place
_ELSEWHERE: Final = ("MOVED", "ASK", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN")
_AWAY: Final = (redis.exceptions.RedisError, redis.exceptions.RedisClusterException)


class Disconnected(ConnectionError):
    """The node is not connected, or went away before it answered: the outcome is unknown.

    `sent`: when the command left, in the loop's time (for ever: it did not, or nobody knows).
    `until`: how long it may be sent again, where that is safe and the connection was lost.
    """

    def __init__(self, message: str, *, sent: float = float("inf"), until: float = 0.0) -> None:
        super().__init__(message)
        self.sent = sent
        self.until = until


class TimedOut(Disconnected):
    """The node did not answer within the command's budget: the outcome is unknown."""


class NotSent(Disconnected):
    """The node is not connected: the command never left."""


class Refused(Disconnected):
    """A node answered, but would not do it; the message is the first words of its reason."""


class Moved(Refused):
    """Another node of the Cluster keeps the key."""


class StartupError(RuntimeError):
    """The server must be set up otherwise before it can keep a ledger; the message says how."""


class ErrorReply(Exception):
    """A reply that is an error. On the path of requests it is returned, not raised: the
    sender knows what it means.
    """

    @property
    def lacks_script(self) -> bool:
        """Whether the node has forgotten the script, or never had it."""
        return str(self).startswith("NOSCRIPT")

    @property
    def is_elsewhere(self) -> bool:
        """Whether asking again, elsewhere or later, may help."""
        return str(self).startswith(_ELSEWHERE)

    @property
    def is_another_nodes(self) -> bool:
        """Whether another node of the Cluster keeps the key."""
        return str(self).startswith(("MOVED", "ASK "))

    def refusal(self) -> Refused:
        """The error to raise where nothing else helps."""
        return Refused(_short(self))


@contextmanager
def translated() -> Iterator[None]:
    """Around calls of redis-py: its errors become Disconnected or Refused."""
    try:
        yield
    except Disconnected:
        raise
    except redis.exceptions.MovedError as error:
        raise Moved(str(error)) from None
    except redis.exceptions.ResponseError as error:
        raise Refused(_short(error)) from None
    except (*_AWAY, OSError) as error:
        raise Disconnected(str(error)) from None


def reply_reader() -> Any:
    """A parser of replies that makes error replies ErrorReply."""
    return hiredis.Reader(replyError=ErrorReply)


def _short(error: Exception) -> str:
    """The words of a server's error, without what we had sent."""
    return str(error).split(":", 1)[0]
