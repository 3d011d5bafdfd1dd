"""Whether a backend can take a request at all."""

from router.ask import Ask
from router.backends.backend import CHAT, CHECKED, Backend
from router.backends.dialects.table import DIALECTS
from router.ledger.estimate import beyond_parts
from router.operations.table import DECLARED
from router.protocols.hub.table import CLIENTS


def unfit(backend: Backend, ask: Ask, tokens: int) -> str | None:
    """Return why it cannot take the request, in one word; None where it can.

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
            return _many(ask.operation)
    elif backend.serves is not None and CHAT not in backend.serves:
        return _many(ask.operation)
    if ask.features and not ask.features <= backend.supports:
        for feature in CHECKED:
            if feature in ask.features and feature not in backend.supports:
                return feature
    return None


def _serves(backend: Backend, ask: Ask) -> bool:
    """Whether its dialect speaks what no other protocol says, and its server has it: some only
    where their section says so."""
    if ask.protocol not in DIALECTS[backend.dialect].speaks:
        return False
    if backend.serves is None:
        return ask.operation not in DECLARED
    return ask.operation in backend.serves


def _many(operation: str) -> str:
    return f"{operation}es" if operation.endswith("ch") else f"{operation}s"
