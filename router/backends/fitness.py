"""Whether a backend can take a request at all."""

from router.ask import STORED_STATE, Ask
from router.backends.backend import CHECKED, Backend
from router.backends.dialects.table import DIALECTS
from router.ledger.estimate import beyond_parts
from router.protocols.hub.table import CLIENTS
from router.protocols.responses.state import state_elsewhere


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
    protocol = ask.protocol
    # Requests that the hub translates can go to every dialect; others need one that speaks their
    # protocol.
    if protocol not in CLIENTS and protocol not in DIALECTS[backend.dialect].speaks:
        return f"{ask.operation}s"
    features = ask.features
    if not features:
        return None
    if STORED_STATE in features and not _speaks(backend, protocol):
        return state_elsewhere(ask.body)
    if not features.isdisjoint(backend.denied):
        for feature in CHECKED:
            if feature in features and feature in backend.denied:
                return feature
    return None


def _speaks(backend: Backend, protocol: str) -> bool:
    return protocol in backend.speaks or protocol in DIALECTS[backend.dialect].speaks


def doubt(backend: Backend, ask: Ask) -> str | None:
    """Return the feature that the request needs and the backend was never said or known to have.

    None where there is none. Such a backend is asked after all others.
    """
    needed = ask.features & backend.unsaid
    return min(needed) if needed else None
