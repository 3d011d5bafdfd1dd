"""Telling the operator what backends refuse: one line of the log a minute for each cause.

The line names the backend, the kind of failure, whose it is, the status, the code and type that the
server gave and the piece of our table by which it was known. A server's own words are in it only
where the failure is the operator's to mend, without anything that the request says.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from policies.money import usd
from router.ask import Ask
from router.backends.backend import Deployment
from router.backends.dispatch.failures import FAILURE_POLICIES, AttemptFailed, Fault
from router.backends.dispatch.words import for_operator, name_for_operator, text_of_request
from router.domain import Usage

_LOG = logging.getLogger(__name__)
EVERY: Final = 60.0  # seconds between two lines of one cause
_MOST: Final = 1_000  # causes remembered
_DISBELIEVED: Final = "disbelieved"


class Reports:
    """Writes the lines. `clock` is in seconds of any monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._written: dict[tuple[str, str], tuple[float, int]] = {}  # when, and how often since

    def tell(
        self, deployment: Deployment, failed: AttemptFailed, ask: Ask, request_id: str
    ) -> None:
        """Tell of one failure, unless its like was told of within the minute."""
        fault = FAILURE_POLICIES[failed.kind].fault
        if fault is Fault.CLIENT:
            return  # it is told to the client
        more = self._due(deployment.id, failed.kind.name)
        if more is None:
            return
        facts = {
            "backend": deployment.backend,
            "deployment": deployment.id,
            "cause": failed.kind.value,
            "fault": _whose(deployment, fault),
            "request_id": request_id,
        }
        if more:
            facts["times_since"] = str(more)
        _LOG.warning("a backend failed", extra=facts | _details(deployment, failed, ask))

    def disbelieved(
        self, deployment: Deployment, told: Usage, taken: Usage, request_id: str
    ) -> None:
        """Tell of an answer that told more use than can be true, once a minute a deployment."""
        more = self._due(deployment.id, _DISBELIEVED)
        if more is None:
            return
        facts = {
            "backend": deployment.backend,
            "deployment": deployment.id,
            "request_id": request_id,
            "told_input": told.input_tokens,
            "told_output": told.output_tokens,
            "charged_input": taken.input_tokens,
            "charged_output": taken.output_tokens,
        }
        if told.reported_pico != taken.reported_pico:
            facts["told_usd"] = usd(told.reported_pico or 0)
        if more:
            facts["times_since"] = str(more)
        _LOG.warning("a backend told more use than can be true; charged is the bound", extra=facts)

    def _due(self, deployment: str, what: str) -> int | None:
        """How often a cause was passed over since its last line; None where it is again."""
        cause, now = (deployment, what), self._clock()
        at, more = self._written.get(cause, (-EVERY, 0))
        if now - at < EVERY:
            self._written[cause] = at, more + 1
            return None
        if len(self._written) >= _MOST:
            self._written.clear()
        self._written[cause] = now, 0
        return more


def _whose(deployment: Deployment, fault: Fault) -> str:
    """Whose a failure is: what an account is why of, its customer's where it has one of its own."""
    return "customer" if deployment.own and fault is Fault.OPERATOR else fault.value


def _details(deployment: Deployment, failed: AttemptFailed, ask: Ask) -> dict[str, Any]:
    """What the server said of it, as far as a log may hold that."""
    facts: dict[str, Any] = {"status": failed.status} if failed.status else {}
    failure = failed.failure
    if failure is None:
        return facts
    request_text = text_of_request(ask)
    words = ""
    if FAILURE_POLICIES[failed.kind].fault is Fault.OPERATOR and not deployment.own:
        words = for_operator(failure.message, request_text)
    named = {
        "code": name_for_operator(failure.code, request_text),
        "type": name_for_operator(failure.type, request_text),
        "known_by": failed.clue,
        "words": words,
    }
    return facts | {name: value for name, value in named.items() if value}
