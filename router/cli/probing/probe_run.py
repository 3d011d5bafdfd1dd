"""Ask a backend one probe after the other, with patience: passing failures are retried.

A probe without an answer is no outcome, and neither is one whose answer was cut or holds no text. A
run that only fails is ended early, so that nothing is spent on it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from classifiers.probing.checks import check
from classifiers.probing.probes import Probe
from classifiers.probing.walls.wall import Wall
from classifiers.prompt import text_of_content
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.failures import FAILURE_POLICIES, AttemptFailed, Fault, Kind
from router.backends.dispatch.retry import RetryPolicy
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.voice import Voice, kind_of
from router.backends.transport.clients import Clients
from router.backends.transport.proxies import EnvironmentProxies
from router.errors import TurnoutError
from router.operations.chat import parse_chat
from router.settings import environment

AT_ONCE: Final = 4
FAILURES: Final = 10  # so many without an answer between them end the run
TRIES: Final = 10  # of one probe
PAUSE: Final = 0.25  # seconds before the second try, doubled before each further one
LONGEST_PAUSE: Final = 8.0  # seconds
SPREAD: Final = 0.05  # seconds of jitter, so that tries do not come back together
LONGEST_REST: Final = 120.0  # seconds; a backend that wants a longer rest ends the run

_HOPELESS: Final = frozenset(
    kind for kind, policy in FAILURE_POLICIES.items() if policy.fault is Fault.OPERATOR
) - {Kind.OVER_LIMIT}
_BUSY: Final = frozenset({Kind.RATE_LIMITED, Kind.BUSY, Kind.RESTING, Kind.FULL})
_FINAL: Final = frozenset(
    kind for kind, policy in FAILURE_POLICIES.items() if policy.fault is Fault.CLIENT
) | {Kind.MALFORMED, Kind.OVER_LIMIT}


class _NoOutcome(Exception):
    """This probe has no answer that could be judged, and asking again would not help."""


class ProbeRun:
    """One run over some probes. Afterwards `ended` says why it stopped early, if it did, and
    `reasons` counts why probes were left without an answer."""

    def __init__(
        self,
        backend: Backend,
        tokens: int,
        keep: Callable[[str, float], None],
        wall: Wall | None,
    ) -> None:
        """`tokens` is the most an answer may take; `keep` gets each probe's id and score; code is
        run behind `wall`, and without one no probe may ask for code."""
        self.ended = ""
        self.reasons: Counter[str] = Counter()
        self._backend = backend
        self._tokens = tokens
        self._keep = keep
        self._wall = wall
        self._in_a_row = 0
        self._dispatcher = Dispatcher(
            Clients(proxies=EnvironmentProxies.read(environment())),
            # Patience is decided here, not by a gateway in a hurry.
            retry=RetryPolicy(rounds=0),
            breaker=BreakerPolicy(threshold=1_000_000),
        )

    async def run(self, probes: Sequence[Probe]) -> None:
        """Ask them, a few at once."""
        self._dispatcher.adopt([self._backend])
        waiting = iter(probes)

        async def worker() -> None:
            for probe in waiting:
                await self._probe(probe)
                if self.ended:
                    return

        workers = [asyncio.ensure_future(worker()) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await self._dispatcher.close()

    async def _probe(self, probe: Probe) -> None:
        try:
            answer = await self._patiently(probe)
        except _NoOutcome as error:
            self.reasons[str(error)] += 1
            self._failed(str(error))
            return
        self._in_a_row = 0
        self._keep(probe.id, await asyncio.to_thread(check, probe, answer, self._wall))

    async def _patiently(self, probe: Probe) -> str:
        """The text of the answer, after as many tries as make sense."""
        reason = "another request failed"
        for number in range(TRIES):
            request = self._request(probe)
            await self._rest(kind_of(request))
            if self.ended:
                break
            opening = self._dispatcher.open((self._backend,), request, f"probe-{probe.id}")
            try:
                async with opening as upstream:
                    return _text(upstream.body, self._tokens)
            except TurnoutError as error:
                failed = opening.failures[-1][1] if opening.failures else None
                reason = _reason(failed, error)
            if failed is None or failed.kind in _FINAL:
                break
            if failed.kind in _HOPELESS:
                self.ended = reason
            elif failed.kind not in _BUSY:
                self._failed(reason)
            if failed.rest is None and number + 1 < TRIES and not self.ended:
                await asyncio.sleep(min(PAUSE * 2**number, LONGEST_PAUSE))
        raise _NoOutcome(reason)

    async def _rest(self, kind: str) -> None:
        """Wait as long as the backend asked for."""
        health, voice = self._dispatcher.view()[self._backend.name], Voice("", kind)
        while not self.ended and (seconds := health.resting(voice)):
            if seconds > LONGEST_REST:
                self.ended = f"it wants to be asked again in {seconds:.0f} s"
                return
            await asyncio.sleep(seconds + random.uniform(0, SPREAD))  # noqa: S311 - no secret

    def _failed(self, reason: str) -> None:
        self._in_a_row += 1
        if self._in_a_row >= FAILURES:
            self.ended = self.ended or reason

    def _request(self, probe: Probe) -> Any:
        body = {
            "model": self._backend.name,
            "messages": [{"role": "user", "content": probe.text}],
            "temperature": 0,
            "max_tokens": self._tokens,
        }
        return parse_chat(orjson.dumps(body))


def _reason(failed: AttemptFailed | None, error: TurnoutError) -> str:
    if failed is None:
        reason = error.message
    else:
        reason = failed.failure.message if failed.failure else failed.reason
        reason = f"HTTP {failed.status}: {reason}" if failed.status else reason
    line = " ".join(reason.split())
    return "".join(one for one in line if one.isprintable())[:200].rstrip(".")


def _text(body: bytes, tokens: int) -> str:
    """The text of an answer; _NoOutcome where it is cut, empty, or no answer at all."""
    try:
        choice = orjson.loads(body)["choices"][0]
        text, finish = (
            text_of_content(choice["message"].get("content")),
            choice.get("finish_reason"),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _NoOutcome("the answer is not a chat completion with a choice") from None
    more = f"more than {tokens} tokens are needed: give --max-tokens"
    if finish == "length":
        raise _NoOutcome(f"the answer was cut; {more}")
    if not text.strip():
        raise _NoOutcome(f"the answer holds no text; where the model reasons first, {more}")
    return text
