"""Which prompts are kept: none in which the detectors find personal data, wherever it stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from router.loop.prompts import KeptPrompt, PromptStore
from router.loop.store import OutcomeStore, ScoredDecision

MAIL = "Write to jane.doe@example.com, please."
NAME = f"{1:032x}"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[OutcomeStore, PromptStore]]:
    url = f"sqlite:///{tmp_path / 'turnout.db'}"
    outcomes, prompts = OutcomeStore(url, keep=10), PromptStore(url, keep=10)
    yield outcomes, prompts
    outcomes.close()
    prompts.close()


def tool(description: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "look", "description": description}}


@pytest.mark.parametrize(
    ("text", "description", "kept"),
    [("Hello", "Looks", True), (MAIL, "Looks", False), ("Hello", MAIL, False)],
    ids=["clean", "in a message", "in a tool"],
)
def test_a_prompt_with_personal_data_is_never_kept(
    stores: tuple[OutcomeStore, PromptStore], text: str, description: str, kept: bool
) -> None:
    outcomes, prompts = stores
    asked = {"messages": [{"role": "user", "content": text}], "tools": [tool(description)]}
    decision = ScoredDecision(NAME, 1, "acme", "auto", "moe", "moe", 0.7, "v1", b"z", b"e")
    outcomes.remember([decision])
    prompts.remember([KeptPrompt(NAME, 1, orjson.dumps(asked))])
    assert outcomes.judge(NAME, 1.0, organization="acme", source="feedback", by="k", at=1)
    ((_, found),) = prompts.outcomes()
    assert (found is not None) is kept
