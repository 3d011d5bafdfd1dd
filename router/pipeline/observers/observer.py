"""What an observer is, and the one record of a finished request that each is given."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from policies import plugins
from policies.decision import Decision, Denial
from policies.plugins import Extended
from policies.signals import Signals
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import BilledAnswer
from router.domain import Charge
from router.pipeline.request_context import RequestContext

_LOG = logging.getLogger(__name__)


class Finished(NamedTuple):
    """One request after its end, however it ended; nobody changes it.

    `charge` is None where it was not admitted. `backend` is the one whose answer was being given,
    empty where none was; `billed` is what a cascade paid for beside that answer, `verified` whether
    its checks passed. `delivered`: the answer came to its end, and no quota ended it; `answer` is
    its text for an audit, in the words of the client's protocol, kept only where the decision wants
    one. Times are in seconds, since it was decided. `error` is what ended it early: what its client
    was told, or that the client left. `trace` is there where requests are traced. `dropped` names
    what the backend that answered was not told. `unseen` are the tokens of its thoughts that were
    counted and shown to nobody. `failures` are the tries before the answer, or all that there were:
    whose, and why each failed.
    """

    context: RequestContext
    signals: Signals
    decision: Decision | Denial
    charge: Charge | None
    backend: str
    billed: tuple[BilledAnswer, ...]
    verified: bool
    delivered: bool
    answer: bytes
    first_byte_seconds: float | None
    seconds: float
    error: BaseException | None = None
    trace: Trace | None = None
    dropped: str = ""
    unseen: int = 0
    failures: Sequence[tuple[str, Exception]] = ()


Observer = Callable[[Finished], None]
"""Takes note of a finished request. It runs on the event loop and may not wait; what takes time is
begun there and done elsewhere."""

# Functions that make an observer, called once when a gateway starts.
PLUGINS: Final = Extended(plugins.OBSERVERS, dict[str, Callable[[], Observer]](), Callable)


def tell(observers: Iterable[Observer], finished: Finished) -> None:
    """Tell each observer, in order; one that fails is logged and does not stop the others."""
    for observe in observers:
        try:
            observe(finished)
        except Exception:  # noqa: BLE001 - the request is over: its client must not see this
            _LOG.exception(
                "an observer failed",
                extra={"observer": _name(observe), "request_id": finished.context.id},
            )


def _name(observe: Observer) -> str:
    return getattr(observe, "__qualname__", type(observe).__name__)
