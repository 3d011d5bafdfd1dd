"""Which failure an answer is: by the first row of `cause_rows` that fits, else by its status.

A row fits where the error names one of its `codes` (a code, type, state or reason, in any case) or
says one of its `words`. Codes come from the server alone. Words may be an echo of the request: rows
whose failure would rest a credential for everybody are not believed where the request itself says
the words.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from router.backends.dialects.base import Failure
from router.backends.dispatch.cause_rows import CAUSES
from router.backends.dispatch.failures import Kind

_BY_STATUS: Final = MappingProxyType(
    {
        401: Kind.CREDENTIAL,
        402: Kind.QUOTA,
        403: Kind.PERMISSION,
        404: Kind.MISCONFIGURED,
        405: Kind.MISCONFIGURED,
        407: Kind.MISCONFIGURED,
        408: Kind.TIMEOUT,
        409: Kind.BUSY,
        413: Kind.TOO_LARGE,
        425: Kind.BUSY,
        429: Kind.RATE_LIMITED,
        498: Kind.BUSY,
        503: Kind.BUSY,
        504: Kind.TIMEOUT,
        529: Kind.BUSY,
    }
)


def cause_of(
    status: int, failure: Failure, echoed: Callable[[str], bool] = lambda _piece: False
) -> tuple[Kind, str]:
    """Why an answer with this status failed, and the piece of the table that said so.

    The piece is empty where the status alone decides. `echoed` is whether the request says a piece
    itself; it is asked only where that matters.
    """
    names = {failure.type.lower(), (failure.code or "").lower(), *failure.reasons}
    message = failure.message.lower()
    for row in CAUSES:
        named = row.codes & names
        if named:
            return row.kind, min(named)
        if row.statuses is None or status in row.statuses:
            for piece in row.words:
                if _says(message, piece) and not (row.echo_proof and echoed(piece)):
                    return row.kind, piece
    known = _BY_STATUS.get(status)
    if known is not None:
        return known, ""
    if status >= 500:
        return Kind.SERVER, ""
    return (Kind.REJECTED if status >= 400 else Kind.MISCONFIGURED), ""


def _says(message: str, piece: str) -> bool:
    at = 0
    for part in piece.split(" ... "):
        at = message.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
