"""The loop that keeps the classifier true: outcomes in, better cards out, or a refusal and why.

Poisoning is bounded: of five judges or more none weighs more than a fifth of what a card is fitted
on, of fewer none more than an equal share, however much it says or how late; and a card must win on
held-back outcomes beyond the noise. What an operator rolled back is not learnt again from what was
known then.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from classifiers.cards.ability import to_json
from classifiers.cards.drift import Drift, drift
from classifiers.cards.judges import fair_weights
from classifiers.cards.recalibrate import (
    LEAST_TO_RECALIBRATE,
    MOST_OUTCOMES,
    Observations,
    Verdict,
    observe,
    recalibrate,
)
from classifiers.prompt import prompt_of_messages
from classifiers.serving import Classifier
from router.loop.cards import CardStore
from router.loop.prompts import PromptStore
from router.loop.store import Outcome, OutcomeStore

_LOG = logging.getLogger("turnout")
_BATCH: Final = 64
_LOOK_SECONDS: Final = 5.0
_DRIFT_SECONDS: Final = 60.0
_DRIFT_WINDOW: Final = 1_000
_DRIFT_AMONG: Final = 4_000


def observations(outcomes: Sequence[Outcome]) -> Observations:
    """Return outcomes of one classifier as the numbers that a card is fitted on."""
    z = np.stack([np.frombuffer(outcome.z, np.float32) for outcome in outcomes])
    embedding = np.stack([np.frombuffer(outcome.embedding, np.float32) for outcome in outcomes])
    scores = [outcome.score for outcome in outcomes]
    judges = [(outcome.source, outcome.by) for outcome in outcomes]
    return observe(z, embedding, scores, fair_weights([1.0] * len(outcomes), judges))


class Learner:
    """Refits cards on stored outcomes, puts promoted ones in force, and watches for drift.

    `drift`: how far the forecasts of each ability are from the outcomes since its card came in
    force, where there are any. `every`: seconds between two tries at a card, 0 for never by itself;
    `least`: outcomes that are worth a try.
    """

    def __init__(
        self,
        classifier: Classifier,
        outcomes: OutcomeStore,
        cards: CardStore,
        prompts: PromptStore,
        *,
        folder: Path,
        device: str,
        own: Sequence[Path],
        every: float,
        least: int,
    ) -> None:
        self._classifier = classifier
        self._outcomes = outcomes
        self._cards = cards
        self._prompts = prompts
        self._folder = folder
        self._device = device
        self._own = tuple(own)
        self._every = every
        self._least = max(least, LEAST_TO_RECALIBRATE)
        self._in_force: dict[str, bytes] = {}
        self._version: int | None = None  # of the database when the cards were read
        self._task: asyncio.Task[None] | None = None
        self.drift: dict[str, Drift] = {}

    def refit(self, ability: str) -> Verdict | None:
        """Refit a card and put it in force if it is better beyond the noise; blocks, seconds.

        None where there are too few outcomes.
        """
        version = self._classifier.version
        since = self._cards.rolled_back(ability)
        seen = self._outcomes.fair(ability, MOST_OUTCOMES, version, since)
        seen = [*self._read_again(ability, MOST_OUTCOMES - len(seen), since), *seen]
        if len(seen) < self._least:
            return None
        running = self._classifier.cards[ability]
        today = datetime.now(UTC).date().isoformat()
        verdict = recalibrate(running, observations(seen), date=today)
        if verdict.promoted:
            card = to_json(verdict.card)
            now = time.time_ns() // 1_000_000
            self._cards.promote(ability, running.classifier, card, reason=verdict.reason, at=now)
        return verdict

    def _read_again(self, ability: str, most: int, since: int) -> list[Outcome]:
        """Outcomes of earlier classifiers whose prompts were kept, as this one reads them."""
        version = self._classifier.version
        kept = self._prompts.of_other_classifiers(ability, version, most)
        old = [one for one in kept if one[0].at >= since]
        found = []
        for start in range(0, len(old), _BATCH):
            part = old[start : start + _BATCH]
            asked = [json.loads(kept) for _, kept in part]
            prompts = [prompt_of_messages(one["messages"], one.get("tools")) for one in asked]
            reading = self._classifier.read(prompts)
            for row, (outcome, _) in enumerate(part):
                z, embedding = reading.z[row].tobytes(), reading.embedding[row].tobytes()
                found.append(replace(outcome, classifier=version, z=z, embedding=embedding))
        return found

    def put_in_force(self) -> bool:
        """Load the active cards if they are others than before; blocks, about 40 ms."""
        trunk = next(iter(self._classifier.cards.values())).classifier
        active = self._cards.active(trunk)
        if active == self._in_force:
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, card in active.items():
            # A name may hold anything, a slash to begin with.
            path = self._folder / f"{sha256(name.encode()).hexdigest()[:24]}.json"
            path.write_bytes(card)
            paths.append(path)
        self._classifier.reload(device=self._device, cards=[*self._own, *paths])
        self._in_force = active
        return True

    def measure_drift(self) -> None:
        """Compare what the card in force said with what came of it, for each ability."""
        for ability in self._classifier.abilities:
            since = self._cards.since(ability)
            version = self._classifier.version
            seen = self._outcomes.fair(ability, _DRIFT_WINDOW, version, since, _DRIFT_AMONG)
            if not seen:
                self.drift.pop(ability, None)
                continue
            said = np.array([outcome.predicted for outcome in seen])
            was = np.array([outcome.score for outcome in seen])
            found, before = drift(said, was), self.drift.get(ability)
            if found.alarm and not (before is not None and before.alarm):
                facts = {"ability": ability, "error": round(found.error, 3), "outcomes": len(seen)}
                _LOG.warning("the classifier drifts: run `turnout recalibrate`", extra=facts)
            self.drift[ability] = found

    async def start(self) -> None:
        """Put the active cards in force, then watch until `close`."""
        await asyncio.to_thread(self.put_in_force)
        self._task = asyncio.create_task(self._run(), name="learner")

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        measured = 0.0
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._look_for_cards()
                if time.monotonic() - measured >= _DRIFT_SECONDS:
                    measured = time.monotonic()
                    await asyncio.to_thread(self.measure_drift)
                    await asyncio.to_thread(self._refit_what_is_due)
            except Exception:  # noqa: BLE001 # the next look may do better; nobody else looks
                _LOG.exception("the loop of outcomes and cards failed; the cards in force stay")

    async def _look_for_cards(self) -> None:
        version = self._cards.version()
        if version is not None and version == self._version:
            return
        if await asyncio.to_thread(self.put_in_force):
            _LOG.info("ability cards in force", extra={"cards": sorted(self._in_force)})
        self._version = version

    def _refit_what_is_due(self) -> None:
        if not self._every:
            return
        counts = self._outcomes.counts()
        for ability in self._classifier.abilities:
            now = time.time_ns() // 1_000_000
            due = now - int(self._every * 1000)
            if counts.get(ability, 0) < self._least:
                continue
            if self._cards.claim(ability, at=now, not_since=due):
                verdict = self.refit(ability)
                if verdict is not None:
                    facts = {"ability": ability, "reason": verdict.reason}
                    done = "promoted" if verdict.promoted else "kept as it was"
                    _LOG.info(f"ability card {done}", extra=facts)
