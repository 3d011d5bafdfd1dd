"""What follows a failed try: who may be asked next, whose fault it was, what the breaker learns.

Tables, no I/O. Which failure an answer is, `router.backends.dispatch.causes` says.
"""

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from router.backends.backend import Backend
from router.backends.dialects.base import Failure


class Kind(Enum):
    """Why a try failed, in words that are fit for a client."""

    CONNECT = "no connection"
    TIMEOUT = "too slow"
    BROKEN = "broke off"
    MALFORMED = "malformed answer"
    SERVER = "server error"
    BUSY = "busy"
    RATE_LIMITED = "rate limited"
    QUOTA = "out of credit"
    CREDENTIAL = "credential refused"
    PERMISSION = "permission refused"
    REGION = "region not served"
    MODEL = "model unknown there"
    MISCONFIGURED = "wrong address or model"
    OVER_LIMIT = "over the account's limit for one request"
    MALFORMED_CALL = "malformed tool call"
    TOO_LONG = "context window exceeded"
    TOO_LARGE = "request too large"
    UNSUPPORTED = "cannot be asked this"
    THOUGHT = "another model's thoughts refused"
    UNSAFE = "content refused"
    REJECTED = "request refused"
    RESTING = "resting after failures"
    FULL = "full"


class Fault(Enum):
    """Whose a failure is: it decides who is told what."""

    SERVER = "server"
    OPERATOR = "operator"  # key, credit, region, address, model: only the operator can mend it
    MODEL = "model"  # what it wrote cannot be delivered; the next try may go well
    CLIENT = "client"


class Evidence(Enum):
    """What a failure says of the server."""

    NONE = "none"
    DOUBTFUL = "doubtful"  # the request may be why: judged over customers and kinds of request
    SURE = "sure"  # no request can be why


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """`falls_back`: another backend may be asked. `again`: so may this one, after a moment.
    `rest`: seconds this deployment rests, unless the answer says how long; `obeys`: it rests as
    long as the answer says. `status` and `code` are what the client is told where all fail so;
    zero: what the backend said."""

    fault: Fault
    evidence: Evidence = Evidence.NONE
    falls_back: bool = True
    again: bool = False
    rest: float = 0.0
    obeys: bool = False
    status: int = 0
    code: str | None = None


_LONGEST_WORDS: Final = 300  # characters of a server's words among those of others
_SERVER, _OPERATOR, _CLIENT = Fault.SERVER, Fault.OPERATOR, Fault.CLIENT
_DOUBTFUL: Final = Evidence.DOUBTFUL

FAILURE_POLICIES: Final = MappingProxyType(
    {
        Kind.CONNECT: FailurePolicy(_SERVER, Evidence.SURE, again=True),
        Kind.TIMEOUT: FailurePolicy(_SERVER, _DOUBTFUL),
        Kind.BROKEN: FailurePolicy(_SERVER, _DOUBTFUL, again=True),
        Kind.MALFORMED: FailurePolicy(_SERVER, _DOUBTFUL),
        Kind.SERVER: FailurePolicy(_SERVER, _DOUBTFUL, again=True),
        Kind.BUSY: FailurePolicy(_SERVER, _DOUBTFUL, again=True, obeys=True),
        Kind.RATE_LIMITED: FailurePolicy(_SERVER, again=True, rest=1.0, obeys=True),
        Kind.QUOTA: FailurePolicy(_OPERATOR, rest=60.0, obeys=True),
        Kind.CREDENTIAL: FailurePolicy(_OPERATOR, rest=30.0, obeys=True),
        Kind.REGION: FailurePolicy(_OPERATOR, rest=30.0),
        Kind.PERMISSION: FailurePolicy(_OPERATOR, _DOUBTFUL),
        Kind.MODEL: FailurePolicy(_OPERATOR, _DOUBTFUL),
        Kind.MISCONFIGURED: FailurePolicy(_OPERATOR, _DOUBTFUL),
        Kind.OVER_LIMIT: FailurePolicy(_OPERATOR, status=413, code="request_too_large"),
        Kind.MALFORMED_CALL: FailurePolicy(Fault.MODEL, again=True),
        Kind.TOO_LONG: FailurePolicy(_CLIENT, status=400, code="context_length_exceeded"),
        Kind.TOO_LARGE: FailurePolicy(_CLIENT, status=413, code="request_too_large"),
        Kind.UNSUPPORTED: FailurePolicy(_CLIENT, status=400),
        Kind.THOUGHT: FailurePolicy(_CLIENT, status=400),
        Kind.UNSAFE: FailurePolicy(
            _CLIENT, falls_back=False, status=400, code="content_policy_violation"
        ),
        Kind.REJECTED: FailurePolicy(_CLIENT, falls_back=False),
        Kind.RESTING: FailurePolicy(_SERVER, again=True),
        Kind.FULL: FailurePolicy(_SERVER),
    }
)


# Failures that an account is why of: where it is a customer's own, that customer can mend them.
OF_THE_ACCOUNT: Final = frozenset(
    (Kind.CREDENTIAL, Kind.PERMISSION, Kind.QUOTA, Kind.REGION, Kind.MODEL)
)
# And those in which another account may fare better.
ELSEWHERE: Final = OF_THE_ACCOUNT | {Kind.RATE_LIMITED}


class AttemptFailed(Exception):
    """One try failed before its first byte. `reason` is fit for a client: no address, no key.

    `status` is the answer's, zero where there was none; `failure` what it said, fit for the client;
    `rest` how many seconds it asked to be left alone, `of_all` whether that is known to concern
    everybody and not this request; `clue` the piece of our own table by which
    the failure was known, empty where its status alone said it. `answered` is the status that
    really came, which differs where an error stood inside an answer that was well otherwise;
    `seconds` how long it took, where that was noted.
    """

    seconds: float | None = None
    own = False  # it was asked with the customer's own credential

    def __init__(
        self,
        kind: Kind,
        reason: str,
        *,
        status: int = 0,
        failure: Failure | None = None,
        rest: float | None = None,
        of_all: bool = False,
        clue: str = "",
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.status = status
        self.answered = 0
        self.failure = failure
        self.rest = rest
        self.of_all = of_all
        self.clue = clue

    @property
    def words(self) -> str:
        """The server's own words, for the client; empty where they are the operator's affair."""
        if self.failure is None:
            return ""
        if FAILURE_POLICIES[self.kind].fault is Fault.OPERATOR and not self.own:
            return ""
        return self.failure.message[:_LONGEST_WORDS].rstrip(". ")


def resting(backend: Backend) -> AttemptFailed:
    """Why a backend that rests is not asked: with a customer's own credential, as that was
    refused."""
    if backend.own is None or backend.own.refused is None:
        return AttemptFailed(Kind.RESTING, "rests")
    told: AttemptFailed = backend.own.refused
    return AttemptFailed(told.kind, told.reason, status=told.status, failure=told.failure)
