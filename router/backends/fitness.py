"""Whether a backend can take a request at all."""

from functools import lru_cache
from typing import Final

from router.ask import KEPT_ELSEWHERE, STORED_STATE, Ask
from router.backends.backend import CHAT, CHECKED, Backend
from router.backends.dialects.table import DIALECTS
from router.ledger.estimate import beyond_parts
from router.operations.table import BY_NAME
from router.protocols.hub.table import CLIENTS
from router.protocols.responses.parts import RESPONSES
from router.protocols.responses.state import state_elsewhere, state_of_all
from router.protocols.responses.tools import WEB_SEARCHES

_SEARCHES: Final = frozenset(f"hosted:{one}" for one in WEB_SEARCHES)
_REMEMBERED: Final = 256  # pairs of a request's features and a backend's: there are few


def unfit(backend: Backend, ask: Ask, tokens: int) -> str | None:
    """Return why it cannot take the request, in a word or a few; None where it can.

    `tokens` is what the request needs of the context window: its prompt and its output. The size
    of what is not text is a bound from above in it, and does not call a window too small.
    """
    if (
        backend.context_window is not None
        and tokens > backend.context_window
        and tokens - beyond_parts(ask.media) > backend.context_window
    ):
        return "context_window"
    # Requests that the hub translates are chats to every dialect.
    if ask.protocol not in CLIENTS:
        if not _serves(backend, ask):
            return _many(ask.operation) if ask.declared is None else ask.operation
    elif backend.serves is not None and CHAT not in backend.serves:
        return _many(ask.operation)
    features = ask.features
    if not features:
        return None
    if features.isdisjoint(KEPT_ELSEWHERE):
        return _denied(features, backend.denied)
    return _cannot_recall(backend, ask) or _denied(features, backend.denied)


def _cannot_recall(backend: Backend, ask: Ask) -> str | None:
    """Why it has not got what the request names, or not for this customer alone."""
    pinned = ask.pinned
    if pinned is not None and backend.name not in pinned:
        return "files kept by another backend"
    if not _speaks(backend, ask.protocol):
        return state_elsewhere(ask.body)
    if backend.shares_state or (pinned is not None and STORED_STATE not in ask.features):
        return None
    return state_of_all(ask.body)


@lru_cache(_REMEMBERED)
def _denied(features: frozenset[str], denied: frozenset[str]) -> str | None:
    """The first of the features that a backend cannot have."""
    return next((one for one in CHECKED if one in features and one in denied), None)


def _serves(backend: Backend, ask: Ask) -> bool:
    """Whether it speaks what no other protocol says, and its server has it: some only where their
    section says so."""
    if ask.declared is None and not _speaks(backend, ask.protocol):
        return False
    if backend.serves is None:
        return ask.declared is None and ask.operation not in BY_NAME
    return ask.operation in backend.serves


def _many(operation: str) -> str:
    return f"{operation}es" if operation.endswith("ch") else f"{operation}s"


def _speaks(backend: Backend, protocol: str) -> bool:
    return protocol in backend.speaks or protocol in DIALECTS[backend.dialect].speaks


def doubt(backend: Backend, ask: Ask) -> str | None:
    """Return the feature that the request needs and the backend was never said or known to have,
    or the search that it would have to leave out.

    None where there is none. Such a backend is asked after all others.
    """
    return _first(ask.features, backend.unsaid) or _left_out(backend, ask)


def _left_out(backend: Backend, ask: Ask) -> str | None:
    """The search of the web that this backend would not be told of, unless its operator said that
    it need not be."""
    searches = ask.features & _SEARCHES
    if not searches or ask.protocol != RESPONSES or _speaks(backend, RESPONSES):
        return None
    left_out = [one.removeprefix("hosted:") for one in sorted(searches)]
    return next((one for one in left_out if f"tools.{one}" not in backend.quirks.drop), None)


@lru_cache(_REMEMBERED)
def _first(features: frozenset[str], unsaid: frozenset[str]) -> str | None:
    return min(features & unsaid, default=None)
