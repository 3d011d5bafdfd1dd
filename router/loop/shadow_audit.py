"""Shadow audits: a share of cheaply served prompts is answered once more by a stronger backend.

Off the client's path, a few at a time, under a daily budget of their own. A judge reads both
answers twice, with their places swapped, and may call it a tie; what it says of the answer that was
delivered becomes an outcome, for recalibration and for the savings report. The policy decides whom
to copy to, within the request's hard constraints, so a private prompt is never copied.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.judging import (
    LONGEST,
    Preference,
    judging_request,
    material,
    read_preference,
)
from router.domain import Usage
from router.errors import TurnoutError
from router.loop.outcome_store import ScoredDecision
from router.prices.book import PriceBook
from router.protocols.edits import without
from router.protocols.table import PROTOCOLS

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 2
_DAY_SECONDS: Final = 86_400
_INSTRUCTION: Final = (
    "You compare two answers to the same request. Judge only whether they are correct, complete "
    "and helpful, not their length or style. Reply with one word: A if answer A is better, "
    "B if answer B is better, TIE if they are about as good."
)
# The scores of answer A and of answer B: a tie is good enough.
_WORTH_FIRST: Final = {"A": 1.0, "TIE": 1.0, "B": 0.0}
_WORTH_SECOND: Final = {"A": 0.0, "TIE": 1.0, "B": 1.0}
_VERDICT_TOKENS: Final = 512  # room for a judge that thinks aloud before its one word
_LOG_EVERY: Final = 60.0  # seconds between two lines about failed audits


@dataclass(frozen=True, slots=True)
class Case:
    """An answer that was delivered, to be compared with the rival's by the judge.

    `ask` is what was asked, `prices` those of the request's time.
    """

    ask: Ask
    answer: str
    evidence: ScoredDecision
    rival: Backend
    judge: Backend
    prices: PriceBook


class WholeAnswer(NamedTuple):
    """What a backend answered; `usage` is None where it cannot be known."""

    text: str
    usage: Usage | None


AskBackend = Callable[[Backend, Ask, str, str], Awaitable[WholeAnswer]]
"""Asks one backend for one whole answer, under a request id, for an organization. Raises
TurnoutError."""


class OutcomeSink(Protocol):
    """Where the outcome of an audit goes: see OutcomeRecorder."""

    def judge(self, decision: ScoredDecision, score: float, *, source: str, by: str) -> None:
        """Remember an opinion (0..1) of an answer, soon."""


def asked_through(dispatcher: Dispatcher) -> AskBackend:
    """Ask backends as requests do: by their breakers, slots and retries."""

    async def ask_backend(
        backend: Backend, ask: Ask, request_id: str, organization: str
    ) -> WholeAnswer:
        opening = dispatcher.open([backend], ask, request_id, customer=organization)
        async with opening as upstream:
            answers = PROTOCOLS[ask.protocol].read_body(upstream.body)
            return WholeAnswer(answers[0].text if answers else "", upstream.usage)

    return ask_backend


class Auditor:
    """Runs audits. `counts`: done, failed, skipped; `spent_pico` of the current day."""

    def __init__(
        self,
        ask_backend: AskBackend,
        outcomes: OutcomeSink,
        *,
        pico_per_day: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ask_backend = ask_backend
        self._outcomes = outcomes
        self._pico_per_day = pico_per_day
        self._clock = clock
        self._day = 0
        self._logged = float("-inf")  # when the log was last told of a failure
        self._tasks: set[asyncio.Task[None]] = set()
        self.spent_pico = 0
        self.counts = dict.fromkeys(("done", "failed", "skipped"), 0)

    def begin(self, case: Case) -> None:
        """Audit an answer later; nobody waits for it. It is skipped over budget or while busy."""
        today = int(self._clock() // _DAY_SECONDS)
        if today != self._day:
            self._day, self.spent_pico = today, 0
        busy = len(self._tasks) >= _AT_ONCE
        if busy or self.spent_pico >= self._pico_per_day or not case.answer:
            self.counts["skipped"] += 1
            return
        task = asyncio.create_task(self._run(case), name="audit")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait until every audit that runs has come to its end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Cancel the audits that run."""
        for task in self._tasks:
            task.cancel()
        await self.finish()

    async def _run(self, case: Case) -> None:
        try:
            score = await self.compare(case)
        except TurnoutError as error:
            self._failed(type(error).__name__)
            return
        if score is None:
            self._failed("the judge's reply is no clear A, B or TIE")
            return
        self._outcomes.judge(case.evidence, score, source="audit", by=case.judge.name)
        self.counts["done"] += 1

    def _failed(self, reason: str) -> None:
        """Count it, and say why at most once a minute; a reply's text stays out of the log."""
        self.counts["failed"] += 1
        now = self._clock()
        if now - self._logged >= _LOG_EVERY:
            self._logged = now
            _LOG.warning(
                "an audit failed", extra={"reason": reason, "failed": self.counts["failed"]}
            )

    async def compare(self, case: Case) -> float | None:
        """Return how good the delivered answer is beside the other, 0 to 1; None if undecided."""
        rival = await self._ask(case, case.rival, one_whole_answer(case.ask))
        first = await self._preference(case, case.answer, rival)
        if first is None:
            return None
        second = await self._preference(case, rival, case.answer)
        if second is None:
            return None
        return (_WORTH_FIRST[first] + _WORTH_SECOND[second]) / 2

    async def _preference(self, case: Case, a: str, b: str) -> Preference | None:
        return read_preference(await self._ask(case, case.judge, _comparison(case.ask, a, b)))

    async def _ask(self, case: Case, backend: Backend, ask: Ask) -> str:
        """Ask a backend and pay from the audits' budget. Raises TurnoutError."""
        evidence = case.evidence
        reply = await self._ask_backend(
            backend, ask, f"{evidence.decision}-audit", evidence.organization
        )
        if reply.usage is not None:
            self.spent_pico += case.prices.cost(backend.name, reply.usage)
        return reply.text


def one_whole_answer(ask: Ask) -> Ask:
    """Return the request without streaming, for one answer."""
    one = without(ask, ("stream", "stream_options", "n"))
    return one._replace(stream=False, choices=1)


def _comparison(ask: Ask, a: str, b: str) -> Ask:
    parts = {"Request": material(ask), "Answer A": a[:LONGEST], "Answer B": b[:LONGEST]}
    return judging_request(_INSTRUCTION, parts, "A, B or TIE", max_tokens=_VERDICT_TOKENS)
