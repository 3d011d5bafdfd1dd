"""The fakes that tell who asks, score and record keep the promises of the real parts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.finished import finished_of
from fakes.parts import ACME, FakeAuthenticator, FakeClassifier, FakeRecorder
from fakes.world import ODDS

from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from router.auth.authenticate import Authenticator
from router.customers.keys import KeyStore
from router.errors import Unauthenticated
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore
from router.loop.prompt_store import PromptStore
from router.pipeline.observers.evidence import evidence_of, prompt_of
from router.pipeline.serving import Authenticates


@pytest.fixture(params=["fake", "real"])
def known(request: pytest.FixtureRequest, tmp_path) -> Iterator[tuple[Authenticates, bytes]]:
    """An authenticator, and a header that it knows."""
    if request.param == "fake":
        yield FakeAuthenticator(), b"Bearer tk-known"
        return
    store = KeyStore(f"sqlite:///{tmp_path / 'keys.db'}")
    key, _ = store.create("acme", "pro", "search")
    authenticator = Authenticator(store)
    authenticator.refresh()
    yield authenticator, f"Bearer {key}".encode()
    store.close()


def test_a_known_key_has_a_principal_and_any_other_none(known) -> None:
    authenticator, header = known
    principal = authenticator.authenticate(header)
    assert (principal.organization, principal.tier) == (ACME.organization, ACME.tier)
    assert len(authenticator) == 1
    for other in (None, b"", b"Bearer tk-other", header + b"x"):
        with pytest.raises(Unauthenticated):
            authenticator.authenticate(other)


@pytest.fixture(params=["fake", "real"])
def classifier(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "fake":
        yield FakeClassifier(**ODDS)
        return
    loaded = Classifier.load(device="cpu", deadline=60.0)
    yield loaded
    loaded.close()


async def test_a_prompt_is_given_odds_and_the_evidence_that_they_came_of(classifier) -> None:
    result = await classifier.classify(prompt_of_text("What is 17 times 17?"))
    assert result.success
    assert all(0.0 <= odds <= 1.0 for odds in result.success.values())
    assert result.evidence is not None
    assert result.evidence.z.dtype == result.evidence.embedding.dtype == np.float32
    assert classifier.version


@pytest.fixture(params=["fake", "real"])
def recorder(request: pytest.FixtureRequest, tmp_path) -> Iterator[Any]:
    """A recorder, and what returns the opinions that it has: of which decision, and the score."""
    if request.param == "fake":
        fake = FakeRecorder(keeps_prompts=True)

        async def opinions() -> list[tuple[str, float]]:
            return [(kept.decision, score) for kept, score, _, _ in fake.opinions]

        yield fake, opinions
        return
    url = f"sqlite:///{tmp_path / 'turnout.db'}"
    store, prompts = OutcomeStore(url, keep=10), PromptStore(url, keep=10)
    real = OutcomeRecorder(store, prompts)

    async def stored() -> list[tuple[str, float]]:
        await real.flush()
        return [(kept.decision, kept.score) for kept in store.fair("moe", 10, "fake1", 0)]

    yield real, stored
    store.close()
    prompts.close()


async def test_a_recorder_keeps_what_it_is_told_without_waiting(recorder) -> None:
    kept, opinions = recorder
    finished = await finished_of()
    evidence = evidence_of(finished.context, "moe", "auto", "fake1")
    prompt = prompt_of(finished.context)
    assert evidence is not None
    assert prompt is not None
    assert kept.keeps_prompts
    kept.add(evidence)
    kept.add_prompt(prompt)
    kept.judge(evidence, 0.25, source="verifier", by="cascade")
    assert await opinions() == [(evidence.decision, 0.25)]
