"""What follows a failed try: who may be asked next, what the breaker learns. Tables, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from router.backends.dialects.base import Failure


class Kind(Enum):
    """Why a try failed."""

    CONNECT = "no connection"
    TIMEOUT = "too slow"
    BROKEN = "broke off"
    MALFORMED = "malformed answer"
    SERVER = "server error"
    BUSY = "busy"
    RATE_LIMITED = "rate limited"
    QUOTA = "out of quota"
    CREDENTIAL = "credential refused"
    MISCONFIGURED = "wrong address or model"
    TOO_LONG = "context window exceeded"
    REJECTED = "request refused"
    RESTING = "resting after failures"
    FULL = "full"
    UNSUPPORTED = "cannot be asked this"


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """`falls_back`: another backend may be asked. `again`: so may this one, after a moment.
    `blames`: the breaker counts it. `rest`: seconds this deployment rests, unless the answer says
    how long."""

    falls_back: bool = True
    again: bool = False
    blames: bool = False
    rest: float = 0.0


FAILURE_POLICIES: Final = MappingProxyType(
    {
        Kind.CONNECT: FailurePolicy(again=True, blames=True),
        Kind.TIMEOUT: FailurePolicy(blames=True),
        Kind.BROKEN: FailurePolicy(again=True, blames=True),
        Kind.MALFORMED: FailurePolicy(blames=True),
        Kind.SERVER: FailurePolicy(again=True, blames=True),
        Kind.BUSY: FailurePolicy(again=True, blames=True),
        Kind.RATE_LIMITED: FailurePolicy(again=True, rest=1.0),
        Kind.QUOTA: FailurePolicy(rest=60.0),
        Kind.CREDENTIAL: FailurePolicy(rest=30.0),
        Kind.MISCONFIGURED: FailurePolicy(blames=True),
        Kind.TOO_LONG: FailurePolicy(),
        Kind.REJECTED: FailurePolicy(falls_back=False),
        Kind.RESTING: FailurePolicy(again=True),
        Kind.FULL: FailurePolicy(),
        Kind.UNSUPPORTED: FailurePolicy(),
    }
)

_BY_STATUS: Final = MappingProxyType(
    {
        401: Kind.CREDENTIAL,
        402: Kind.QUOTA,
        403: Kind.CREDENTIAL,
        404: Kind.MISCONFIGURED,
        405: Kind.MISCONFIGURED,
        407: Kind.MISCONFIGURED,
        408: Kind.TIMEOUT,
        409: Kind.BUSY,
        425: Kind.BUSY,
        429: Kind.RATE_LIMITED,
        498: Kind.BUSY,
        503: Kind.BUSY,
        504: Kind.TIMEOUT,
        529: Kind.BUSY,
    }
)
_BY_CODE: Final = MappingProxyType(
    {
        "insufficient_quota": Kind.QUOTA,
        "billing_hard_limit_reached": Kind.QUOTA,
        "context_length_exceeded": Kind.TOO_LONG,
        "exceed_context_size_error": Kind.TOO_LONG,
    }
)


def kind_of_status(status: int, failure: Failure) -> Kind:
    """Why an answer with this status failed."""
    named = _BY_CODE.get(failure.code or "") or _BY_CODE.get(failure.type)
    if named is not None:
        return named
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status >= 500:
        return Kind.SERVER
    return Kind.REJECTED if status >= 400 else Kind.MISCONFIGURED


def rest_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds to stay away, at most an hour, as `retry-after-ms` or `Retry-After` say.

    A date is read against the answer's own `Date`: clocks need not agree. None for nonsense.
    """
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000.0
        elif headers.get("retry-after", "").endswith("GMT"):
            until = parsedate_to_datetime(headers["retry-after"])
            seconds = (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
        else:
            seconds = float(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    return min(seconds, 3600.0) if seconds >= 0 else None


class AttemptFailed(Exception):
    """One try failed before its first byte. `reason` is fit for a client: no address, no key."""

    def __init__(
        self,
        kind: Kind,
        reason: str,
        *,
        status: int = 0,
        failure: Failure | None = None,
        rest: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.status = status
        self.failure = failure
        self.rest = rest
