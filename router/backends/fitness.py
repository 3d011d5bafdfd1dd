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
    protocol, operation, serves = ask.protocol, ask.operation, backend.serves
    # Requests that the hub translates are chats to every dialect; others need one that speaks their
    # protocol, and some of these a word that the server has them.
    is_chat = protocol in CLIENTS
    if serves is not None and (CHAT if is_chat else operation) not in serves:
        return _many(operation)
    if not is_chat and (
        protocol not in DIALECTS[backend.dialect].speaks
        or (serves is None and operation in DECLARED)
    ):
        return _many(operation)
    if ask.features and not ask.features <= backend.supports:
        for feature in CHECKED:
            if feature in ask.features and feature not in backend.supports:
                return feature
    return None


def _many(operation: str) -> str:
    return f"{operation}es" if operation.endswith("ch") else f"{operation}s"
