"""Keeps the classifier calibrated: outcomes in, better cards out, or a refusal and its reason.

Poisoning is bounded: among five judges or more, none weighs more than a fifth of what a card is
fitted on; among fewer, none weighs more than an equal share, however many outcomes it sends and
however late. A card must also win on held-back outcomes by more than the noise. A card that an
operator rolled back is not learnt again from the outcomes of before.
"""

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

from classifiers.cards.card_format import to_json
from classifiers.cards.drift import CalibrationDrift, drift
from classifiers.cards.judges import fair_weights
from classifiers.cards.observations import MOST_OUTCOMES, Observations, observe
from classifiers.cards.recalibrate import LEAST_TO_RECALIBRATE, Refit, recalibrate
from classifiers.prompt import prompt_of_messages
from classifiers.serving import Classifier
from router.loop.card_store import CardStore
from router.loop.outcome_store import JudgedDecision, OutcomeStore
from router.loop.prompt_store import PromptStore

_LOG = logging.getLogger("turnout")
_BATCH: Final = 64
_DRIFT_WINDOW: Final = 1_000
_DRIFT_AMONG: Final = 4_000


def observations(outcomes: Sequence[JudgedDecision]) -> Observations:
    """Return outcomes of one classifier as the numbers that a card is fitted on."""
    z = np.stack([np.frombuffer(outcome.z, np.float32) for outcome in outcomes])
    embedding = np.stack([np.frombuffer(outcome.embedding, np.float32) for outcome in outcomes])
    scores = [outcome.score for outcome in outcomes]
    judges = list(map(_judge, outcomes))
    return observe(z, embedding, scores, fair_weights([1.0] * len(outcomes), judges))


def _judge(outcome: JudgedDecision) -> tuple[str, str]:
    """Who gave it: of feedback the customer, also where it was stored by its key."""
    by = outcome.organization if outcome.source == "feedback" else outcome.by
    return outcome.source, by


class Learner:
    """Refits cards on stored outcomes, puts promoted ones in force, and measures drift.

    Every method blocks: call it off the loop, as LearningLoop does.

    `drift`: how far the forecasts of each ability are from the outcomes since its card came into
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
        self.drift: dict[str, CalibrationDrift] = {}

    def refit(self, ability: str) -> Refit | None:
        """Refit a card and put it in force if it is better beyond the noise; blocks, seconds.

        None where there are too few outcomes.
        """
        version = self._classifier.version
        since = self._cards.rolled_back(ability)
        outcomes = self._outcomes.fair(ability, MOST_OUTCOMES, version, since)
        outcomes = [*self._read_again(ability, MOST_OUTCOMES - len(outcomes), since), *outcomes]
        if len(outcomes) < self._least:
            return None
        running = self._classifier.cards[ability]
        today = datetime.now(UTC).date().isoformat()
        result = recalibrate(running, observations(outcomes), date=today)
        if result.promoted:
            card = to_json(result.card)
            now = time.time_ns() // 1_000_000
            self._cards.promote(ability, running.classifier, card, reason=result.reason, at=now)
        return result

    def _read_again(self, ability: str, most: int, since: int) -> list[JudgedDecision]:
        """Outcomes of earlier classifiers whose prompts were kept, as this one reads them."""
        version = self._classifier.version
        stored = self._prompts.of_other_classifiers(ability, version, most)
        old = [one for one in stored if one[0].at >= since]
        read_again = []
        for start in range(0, len(old), _BATCH):
            part = old[start : start + _BATCH]
            requests = [json.loads(stored) for _, stored in part]
            prompts = [prompt_of_messages(one["messages"], one.get("tools")) for one in requests]
            reading = self._classifier.read(prompts)
            for row, (outcome, _) in enumerate(part):
                z, embedding = reading.z[row].tobytes(), reading.embedding[row].tobytes()
                read_again.append(replace(outcome, classifier=version, z=z, embedding=embedding))
        return read_again

    def put_in_force(self) -> bool:
        """Load the active cards if they have changed; blocks, about 40 ms."""
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
        _LOG.info("ability cards in force", extra={"cards": sorted(active)})
        return True

    def measure_drift(self) -> None:
        """Compare the predictions of the card in force with the outcomes, for each ability."""
        for ability in self._classifier.abilities:
            since = self._cards.since(ability)
            version = self._classifier.version
            outcomes = self._outcomes.fair(ability, _DRIFT_WINDOW, version, since, _DRIFT_AMONG)
            if not outcomes:
                self.drift.pop(ability, None)
                continue
            predicted = np.array([outcome.predicted for outcome in outcomes])
            scores = np.array([outcome.score for outcome in outcomes])
            now, before = drift(predicted, scores), self.drift.get(ability)
            if now.alarm and not (before is not None and before.alarm):
                facts = {"ability": ability, "error": round(now.error, 3), "outcomes": len(scores)}
                _LOG.warning("the classifier drifts: run `turnout recalibrate`", extra=facts)
            self.drift[ability] = now

    def version(self) -> int | None:
        """A value that differs after any change of the stored cards; None where it is not known."""
        return self._cards.version()

    def refit_what_is_due(self) -> None:
        """Refit each card that has enough outcomes and was not tried for a while; blocks."""
        if not self._every:
            return
        counts = self._outcomes.counts()
        for ability in self._classifier.abilities:
            now = time.time_ns() // 1_000_000
            due = now - int(self._every * 1000)
            if counts.get(ability, 0) < self._least:
                continue
            if self._cards.claim(ability, at=now, not_since=due):
                result = self.refit(ability)
                if result is not None:
                    facts = {"ability": ability, "reason": result.reason}
                    done = "promoted" if result.promoted else "kept as it was"
                    _LOG.info(f"ability card {done}", extra=facts)
