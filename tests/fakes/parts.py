"""Fakes that tell who asks, what a prompt is like and who served, and keep what is learnt."""

from collections.abc import Mapping

import numpy as np

from classifiers.classification import UNKNOWN, Classification, Evidence
from classifiers.prompt import Prompt
from router.domain import Principal
from router.errors import Unauthenticated
from router.loop.outcome_store import ScoredDecision
from router.loop.prompt_store import KeptPrompt

ACME = Principal("key1", "acme", "pro", team="search", tags=("gold",))


class FakeAuthenticator:
    """Knows `tk-known`, unless other keys are given."""

    def __init__(self, principals: Mapping[bytes, Principal] | None = None) -> None:
        self._principals = {b"Bearer tk-known": ACME} if principals is None else dict(principals)

    def __len__(self) -> int:
        return len(self._principals)

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who asks. Raises Unauthenticated."""
        principal = self._principals.get(authorization or b"")
        if principal is None:
            raise Unauthenticated("The API key is missing or wrong.")
        return principal


class FakeClassifier:
    """Says the same of every prompt: P(success) by ability; nothing where none is given."""

    version = "fake1"

    def __init__(self, **success: float) -> None:
        self._success = success
        self.asked: list[Prompt] = []

    async def classify(self, prompt: Prompt, customer: str = "") -> Classification:
        """Return P(success) by ability."""
        self.asked.append(prompt)
        if not self._success:
            return UNKNOWN
        numbers = np.zeros(2, np.float32)
        return Classification(self._success, Evidence(numbers, numbers))


class FakeConversations:
    """Remembers who served, in a dictionary. `asked` are the conversations that were looked up."""

    def __init__(self) -> None:
        self.remembered: dict[tuple[str, str], str] = {}
        self.asked: list[str] = []

    async def previous(self, organization: str, conversation: str, *, follow_up: bool) -> str:
        """Return who served a conversation last, empty where nobody did."""
        self.asked.append(conversation)
        return self.remembered.get((organization, conversation), "")

    def served(self, organization: str, conversation: str, backend: str) -> None:
        """Remember who served."""
        self.remembered[organization, conversation] = backend


class FakeRecorder:
    """Keeps evidence, prompts and opinions in lists."""

    def __init__(self, *, keeps_prompts: bool = False) -> None:
        self.keeps_prompts = keeps_prompts
        self.decisions: list[ScoredDecision] = []
        self.prompts: list[KeptPrompt] = []
        self.opinions: list[tuple[ScoredDecision, float, str, str]] = []

    def add(self, decision: ScoredDecision) -> None:
        """Remember a decision."""
        self.decisions.append(decision)

    def add_prompt(self, prompt: KeptPrompt) -> None:
        """Remember what was asked."""
        self.prompts.append(prompt)

    def judge(self, decision: ScoredDecision, score: float, *, source: str, by: str) -> None:
        """Remember an opinion."""
        self.opinions.append((decision, score, source, by))
