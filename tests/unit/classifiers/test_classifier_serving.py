import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from classifier_prompts import CODE, EMPTY, HUGE, PLAIN, STRANGE

from classifiers.artifact import ArtifactError, read_artifact, write_artifact
from classifiers.classification import UNKNOWN, Classification
from classifiers.prompt import Prompt, prompt_of_text
from classifiers.serving import INLINE_PROMPTS, MAX_BATCH, MOST_EACH, Classifier


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(device="cpu", deadline=30)


class Gate:
    """A scorer that answers only once it is let: what a slow batch looks like."""

    def __init__(self, scorer: Any) -> None:
        self.trunk, self.cards = scorer.trunk, scorer.cards
        self._scorer = scorer
        self.batches: list[int] = []
        self.asked: list[Prompt] = []
        self.started, self.open = threading.Event(), threading.Event()

    def score(self, prompts: list[Prompt]) -> list[Classification]:
        self.batches.append(len(prompts))
        self.asked += prompts
        self.started.set()
        assert self.open.wait(30)
        return self._scorer.score(prompts)


def gated(deadline: float = 30) -> tuple[Classifier, Gate]:
    plain = Classifier.load(device="cpu")
    gate = Gate(plain._scorer)
    return Classifier(gate, deadline=deadline), gate  # type: ignore[arg-type]


async def many(
    classifier: Classifier, count: int, customer: str = "", prompt: Prompt = PLAIN
) -> list[asyncio.Task[Classification]]:
    tasks = [asyncio.create_task(classifier.classify(prompt, customer)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_probabilities_lie_between_0_and_1_whatever_is_asked(classifier: Classifier) -> None:
    prompts = [PLAIN, CODE, EMPTY, HUGE, *map(prompt_of_text, STRANGE)]
    for classification in classifier.score(prompts):
        assert set(classification.success) == {"local", "moe", "premium"}
        assert all(0 < p < 1 for p in classification.success.values())


def test_a_batch_scores_as_its_prompts_do_alone(classifier: Classifier) -> None:
    prompts = [PLAIN, CODE, EMPTY, HUGE]
    for prompt, together in zip(prompts, classifier.score(prompts), strict=True):
        alone = classifier.score([prompt])[0]
        assert together.success == pytest.approx(dict(alone.success), abs=1e-5)


def test_nothing_asked_is_nothing_scored(classifier: Classifier) -> None:
    assert classifier.score([]) == []


async def test_a_request_gets_what_a_batch_would_say(classifier: Classifier) -> None:
    assert await classifier.classify(CODE) == classifier.score([CODE])[0]


async def test_requests_that_arrive_together_share_a_batch() -> None:
    classifier = Classifier.load(device="cpu", deadline=30)
    await asyncio.gather(*(classifier.classify(PLAIN) for _ in range(INLINE_PROMPTS)))
    assert classifier.counts["batches"] == 1
    assert classifier.counts["scored"] == INLINE_PROMPTS


async def test_those_who_arrive_while_a_batch_runs_are_the_next_batch() -> None:
    classifier, gate = gated()
    first = await many(classifier, INLINE_PROMPTS + 1)
    await asyncio.to_thread(gate.started.wait, 30)
    second = await many(classifier, 5)
    gate.open.set()
    results = await asyncio.gather(*first, *second)
    assert UNKNOWN not in results
    assert gate.batches == [INLINE_PROMPTS + 1, 5]
    classifier.close()


async def test_a_request_that_left_costs_nothing() -> None:
    classifier, gate = gated()
    first = await many(classifier, INLINE_PROMPTS + 1)
    await asyncio.to_thread(gate.started.wait, 30)
    second = await many(classifier, 3)
    second[0].cancel()
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(*first, *second[1:])
    assert gate.batches == [INLINE_PROMPTS + 1, 2]
    assert classifier.counts["dropped"] == 1
    classifier.close()


async def test_a_late_answer_is_unknown_and_counted() -> None:
    classifier, gate = gated(deadline=0.001)
    results = await asyncio.gather(*await many(classifier, INLINE_PROMPTS + 1))
    gate.open.set()
    assert results == [UNKNOWN] * (INLINE_PROMPTS + 1)
    assert classifier.counts["late"] == INLINE_PROMPTS + 1
    classifier.close()


async def test_whoever_waits_behind_a_batch_that_hangs_is_late_too() -> None:
    classifier, gate = gated(deadline=0.02)
    left_over = await many(classifier, MAX_BATCH + 3)
    await asyncio.to_thread(gate.started.wait)
    arrived = await many(classifier, 2)
    assert await asyncio.gather(*left_over, *arrived) == [UNKNOWN] * (MAX_BATCH + 5)
    assert classifier.counts["late"] == MAX_BATCH + 5
    gate.open.set()
    classifier.close()


async def test_many_prompts_of_one_customer_delay_anothers_by_no_more_than_one_batch() -> None:
    classifier, gate = gated()
    loud = await many(classifier, INLINE_PROMPTS + 1, "loud")
    await asyncio.to_thread(gate.started.wait, 30)
    loud += await many(classifier, MOST_EACH + 50, "loud")
    quiet = await many(classifier, 1, "quiet", CODE)
    gate.open.set()
    results = await asyncio.gather(*quiet, *loud)
    assert gate.asked.index(CODE) < sum(gate.batches[:2])  # the one that ran, and the next
    assert results.count(UNKNOWN) == classifier.counts["late"] == 50
    assert max(gate.batches) <= MAX_BATCH
    classifier.close()


async def test_customers_share_a_batch_alike_whoever_came_first() -> None:
    classifier, gate = gated()
    first = await many(classifier, INLINE_PROMPTS + 1, "loud")
    await asyncio.to_thread(gate.started.wait, 30)
    for name, count in (("loud", 200), ("a", 40), ("b", 3)):
        first += await many(classifier, count, name)
    waiting = classifier._in_turn(classifier._pending)[:MAX_BATCH]
    assert Counter(customer for *_, customer in waiting) == {"loud": 31, "a": 30, "b": 3}
    gate.open.set()
    assert UNKNOWN not in await asyncio.gather(*first)
    classifier.close()


async def test_a_broken_model_gives_unknown_and_is_counted() -> None:
    classifier, gate = gated()
    gate.score = None  # type: ignore[method-assign, assignment]
    assert await classifier.classify(PLAIN) is UNKNOWN
    assert classifier.counts["failed"] == 1


async def test_a_reload_under_load_loses_no_request(tmp_path: Path) -> None:
    manifest = write_artifact(tmp_path, read_artifact())
    classifier = Classifier.load(device="cpu", deadline=30)
    results: list[Classification] = []
    for _ in range(10):
        tasks = await many(classifier, INLINE_PROMPTS * 3)
        classifier.reload(manifest, device="cpu")
        results += await asyncio.gather(*tasks)
    assert len(results) == INLINE_PROMPTS * 30
    assert UNKNOWN not in results
    assert classifier.counts["reloads"] == 10
    classifier.close()


def test_a_reload_that_fails_leaves_the_old_model_in_service(tmp_path: Path) -> None:
    classifier = Classifier.load(device="cpu")
    with pytest.raises(ArtifactError):
        classifier.reload(tmp_path / "none.json")
    assert classifier.score([PLAIN])[0].success


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"classifier\.device is 'tpu'"):
        Classifier.load(device="tpu")


@pytest.mark.gpu
def test_on_a_gpu_cuda_is_used_and_agrees_with_the_cpu(classifier: Classifier) -> None:
    on_gpu = Classifier.load(device="cuda")
    assert on_gpu.provider == "CUDAExecutionProvider"
    prompts = [PLAIN, CODE, EMPTY, HUGE]
    for gpu, cpu in zip(on_gpu.score(prompts), classifier.score(prompts), strict=True):
        assert gpu.success == pytest.approx(dict(cpu.success), abs=1e-3)


@pytest.mark.gpu
async def test_on_a_gpu_requests_are_scored_off_the_event_loop() -> None:
    on_gpu = Classifier.load(device="cuda", deadline=30)
    results = await asyncio.gather(*(on_gpu.classify(PLAIN) for _ in range(100)))
    assert UNKNOWN not in results
    on_gpu.close()
