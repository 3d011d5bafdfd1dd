"""Shadow audits: a share of cheaply served prompts is answered once more by a stronger backend.

Off the client's path, a few at a time, under a daily budget of their own. A judge reads both
answers twice, with their places swapped, and may call it a tie; what it says of the answer that was
delivered becomes an outcome, for recalibration and for the savings report. The policy decides whom
to copy to, within the request's hard constraints, so a private prompt is never copied.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from policies.decision import Shadow
from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.judging import LONGEST, Better, judging_request, material, read_better
from router.errors import TurnoutError
from router.loop.recorder import OutcomeRecorder
from router.loop.store import ScoredDecision
from router.protocols.edits import without
from router.protocols.table import PROTOCOLS
from router.world.snapshot import Snapshot

_LOG = logging.getLogger(__name__)
_AT_ONCE: Final = 2
_DAY_SECONDS: Final = 86_400
_INSTRUCTION: Final = (
    "You compare two answers to the same request. Judge only whether they are correct, complete "
    "and helpful, not their length or style. Reply with one word: A if answer A is better, "
    "B if answer B is better, TIE if they are about as good."
)
_WORTH: Final = {"A": 1.0, "TIE": 1.0, "B": 0.0}  # of answer A: as good is good enough
_VERDICT_TOKENS: Final = 512  # room for a judge that thinks aloud before its one word
_LOG_EVERY: Final = 60.0  # seconds between two lines about failed audits


@dataclass(frozen=True, slots=True)
class Case:
    """An answer that was delivered, to be compared with another backend's."""

    world: Snapshot
    request: Ask
    shadow: Shadow
    evidence: ScoredDecision
    answer: str


class Auditor:
    """Runs audits. `counts`: done, failed, skipped; `spent_pico` of the current day."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        recorder: OutcomeRecorder,
        *,
        pico_per_day: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dispatcher = dispatcher
        self._recorder = recorder
        self._pico_per_day = pico_per_day
        self._clock = clock
        self._day = 0
        self._said = float("-inf")  # when the log was last told of a failure
        self._tasks: set[asyncio.Task[None]] = set()
        self.spent_pico = 0
        self.counts = dict.fromkeys(("done", "failed", "skipped"), 0)

    def begin(self, case: Case) -> None:
        """Audit an answer, later; nobody waits for it. Skipped over budget or while busy."""
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

    async def close(self) -> None:
        """Give up what runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, case: Case) -> None:
        try:
            score = await self.compare(case)
        except TurnoutError as error:
            self._failed(type(error).__name__)
            return
        if score is None:
            self._failed("the judge's reply is no clear A, B or TIE")
            return
        self._recorder.judge(case.evidence, score, source="audit", by=case.shadow.judge)
        self.counts["done"] += 1

    def _failed(self, reason: str) -> None:
        """Count it, and say why at most once a minute; a reply's text stays out of the log."""
        self.counts["failed"] += 1
        now = self._clock()
        if now - self._said >= _LOG_EVERY:
            self._said = now
            _LOG.warning(
                "an audit failed", extra={"reason": reason, "failed": self.counts["failed"]}
            )

    async def compare(self, case: Case) -> float | None:
        """Return how good the delivered answer is beside the other, 0 to 1; None if undecided."""
        backends = case.world.backends
        judge = backends[case.shadow.judge]
        rival = await self._ask(case, backends[case.shadow.to], plain(case.request))
        question = material(case.request)
        first = await self._verdict(case, judge, question, case.answer, rival)
        if first is None:
            return None
        second = await self._verdict(case, judge, question, rival, case.answer)
        if second is None:
            return None
        swapped = 1.0 if second in ("B", "TIE") else 0.0
        return (_WORTH[first] + swapped) / 2

    async def _verdict(
        self, case: Case, judge: Backend, question: str, a: str, b: str
    ) -> Better | None:
        return read_better(await self._ask(case, judge, _judgement(question, a, b)))

    async def _ask(self, case: Case, backend: Backend, request: Ask) -> str:
        """Ask a backend and pay from the audits' budget. Raises TurnoutError."""
        name = f"{case.evidence.decision}-audit"
        async with self._dispatcher.open([backend], request, name) as upstream:
            if upstream.usage is not None:
                price = case.world.prices.price(upstream.backend.name)
                self.spent_pico += price.cost(upstream.usage)
            answers = PROTOCOLS[request.protocol].read_body(upstream.body)
        return answers[0].text if answers else ""


def plain(request: Ask) -> Ask:
    """Return the request without streaming, for one answer."""
    one = without(request, ("stream", "stream_options", "n"))
    return replace(one, stream=False, choices=1)


def _judgement(question: str, a: str, b: str) -> Ask:
    parts = {"Request": question, "Answer A": a[:LONGEST], "Answer B": b[:LONGEST]}
    return judging_request(_INSTRUCTION, parts, "A, B or TIE", max_tokens=_VERDICT_TOKENS)
