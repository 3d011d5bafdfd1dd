"""Score prompts as they come: batched while in flight, on time or UNKNOWN, never an exception.

Theory of operation. `classify` puts its prompt in a list and asks the event loop for one call of
`_flush`; whatever arrives before that call shares a batch, so nobody waits for company. A small
batch is scored inline, because it takes less time than handing it to a thread would; a heavy one
(many prompts, or a GPU) goes to the one worker thread, and the requests that arrive meanwhile are
the next batch. Where more wait than one batch holds, customers take turns: whoever asks for much
waits behind itself, and others are in the next batch. A request that left is dropped before it
costs anything. Whoever is late or unlucky gets UNKNOWN, and is counted. `reload` swaps the model
between two batches: a batch that runs keeps the model it began with.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from classifiers.artifact import Artifact
from classifiers.cards.ability import Ability
from classifiers.classification import UNKNOWN, Classification
from classifiers.prompt import Prompt
from classifiers.scorer import Scorer
from classifiers.trunk import CPU, TrunkOutput

DEADLINE_SECONDS: Final = 0.020
# A few milliseconds. Reading a prompt holds the interpreter's lock most of the time: a thread gains
# nothing on a CPU; on a busy core the two fight over the lock, and a request costs twice as much.
INLINE_PROMPTS: Final = 32
MAX_BATCH: Final = 64
MOST_EACH: Final = 4 * MAX_BATCH  # that wait of one customer: more could not be in time


Waiting = tuple[Prompt, "asyncio.Future[Classification]", str]  # and whose it is


class Classifier:
    """A trunk with its ability cards. Build it with `Classifier.load`."""

    def __init__(self, scorer: Scorer, *, deadline: float = DEADLINE_SECONDS) -> None:
        self._scorer = scorer
        self._deadline = deadline
        self._pending: list[Waiting] = []
        self._scheduled = False
        self._working = False
        self._worker: ThreadPoolExecutor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: dict[str, int] = dict.fromkeys(
            ("scored", "batches", "late", "failed", "dropped", "reloads"), 0
        )

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        device: str = "auto",
        cards: Sequence[Path] = (),
        deadline: float = DEADLINE_SECONDS,
    ) -> "Classifier":
        """Load a manifest (None: the one that ships) and cards that replace or join its own.

        Raises ArtifactError, which says what to do. `deadline` is in seconds.
        """
        return cls(Scorer.load(path, device, cards), deadline=deadline)

    @classmethod
    def from_artifact(cls, artifact: Artifact, *, device: str = "auto") -> "Classifier":
        """Build one from bytes already read and checked."""
        return cls(Scorer.of(artifact, device))

    @property
    def abilities(self) -> tuple[str, ...]:
        """The names for which a probability is given."""
        return tuple(self._scorer.cards)

    @property
    def cards(self) -> Mapping[str, Ability]:
        """The cards in use, by name."""
        return self._scorer.cards

    @property
    def provider(self) -> str:
        """onnxruntime's execution provider in use, for logs and metrics."""
        return self._scorer.trunk.provider

    @property
    def version(self) -> str:
        """Name and digest of the trunk."""
        return self._scorer.trunk.manifest.version

    def score(self, prompts: Sequence[Prompt]) -> list[Classification]:
        """Score a batch at once, in order. Raises what onnxruntime raises."""
        return self._scorer.score(prompts) if prompts else []

    def read(self, prompts: Sequence[Prompt]) -> TrunkOutput:
        """The trunk's z and embeddings of a batch: what cards are fitted on."""
        return self._scorer.trunk.read(prompts)

    def reload(
        self, path: Path | None = None, *, device: str = "auto", cards: Sequence[Path] = ()
    ) -> None:
        """Load anew and swap; on ArtifactError the old model stays in service."""
        self._scorer = Scorer.load(path, device, cards)
        self.counts["reloads"] += 1

    async def classify(self, prompt: Prompt, customer: str = "") -> Classification:
        """Score a customer's prompt by the deadline, or UNKNOWN. Raises only CancelledError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Classification] = loop.create_future()
        self._pending.append((prompt, future, customer))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush, loop)
        elif self._working:
            self._limit(loop, future)
        return await future

    def close(self) -> None:
        """Give the worker thread back; waits for the batch that runs."""
        if self._worker is not None:
            self._worker.shutdown()
            self._worker = None

    def _limit(
        self, loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Classification]"
    ) -> None:
        """Hold whoever waits for the worker to the deadline. What is scored inline is there before
        a timer could say anything, and would pay for one with every request.
        """
        timer = loop.call_later(self._deadline, self._expire, future)
        future.add_done_callback(lambda _: timer.cancel())

    def _expire(self, future: "asyncio.Future[Classification]") -> None:
        if not future.done():
            self.counts["late"] += 1
            future.set_result(UNKNOWN)

    def _in_turn(self, waiting: list[Waiting]) -> list[Waiting]:
        """Each customer's first, then each one's second, and so on; too many of one are late."""
        asked: Counter[str] = Counter()
        rounds: list[tuple[int, int]] = []
        for number, (_, future, customer) in enumerate(waiting):
            if asked[customer] < MOST_EACH:
                rounds.append((asked[customer], number))
                asked[customer] += 1
            else:
                self._expire(future)
        return [waiting[number] for _, number in sorted(rounds)]

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Score what waits: inline when small, else in the worker, which flushes again after."""
        pending = self._pending
        waiting = [entry for entry in pending if not entry[1].done()]
        if len(waiting) < len(pending):
            self.counts["dropped"] += len(pending) - len(waiting)
        if len(waiting) > MAX_BATCH:
            waiting = self._in_turn(waiting)
        self._pending = waiting[MAX_BATCH:]
        limited, self._working, self._scheduled = self._working, False, False
        if not waiting:
            return
        if len(waiting) <= INLINE_PROMPTS and self._scorer.trunk.provider == CPU:
            self._answer(waiting, self._scored([entry[0] for entry in waiting]))
            return
        if not limited:
            for entry in waiting:
                self._limit(loop, entry[1])
        self._working = self._scheduled = True  # those who arrive meanwhile wait for this batch
        batch = waiting[:MAX_BATCH]
        task = loop.create_task(self._flush_in_worker(loop, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _flush_in_worker(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[Waiting],
    ) -> None:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="classifier")
        prompts = [entry[0] for entry in batch]
        results = await loop.run_in_executor(self._worker, self._scored, prompts)
        self._answer(batch, results)
        self._flush(loop)

    def _scored(self, prompts: Sequence[Prompt]) -> list[Classification]:
        try:
            return self._scorer.score(prompts)
        except Exception:  # noqa: BLE001 - a broken classifier must not break a request
            self.counts["failed"] += len(prompts)
            return [UNKNOWN] * len(prompts)

    def _answer(
        self,
        batch: Sequence[Waiting],
        results: Sequence[Classification],
    ) -> None:
        self.counts["batches"] += 1
        if results[0] is not UNKNOWN:  # a batch is scored whole or not at all
            self.counts["scored"] += len(results)
        for (_, future, _), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
