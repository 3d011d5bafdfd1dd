"""Prompts that are kept where the operator asked for it, on a real SQLite file."""

import json

import pytest
from loop_fakes import judged

from router.loop.outcome_store import OutcomeStore
from router.loop.prompt_store import KeptPrompt, PromptStore


@pytest.fixture
def stores(database):
    outcomes, prompts = OutcomeStore(database, keep=100), PromptStore(database, keep=2)
    yield outcomes, prompts
    outcomes.close()
    prompts.close()


def kept(number: int, text: str = "Prove it.") -> KeptPrompt:
    asked = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    return KeptPrompt(f"{number:032x}", number, asked)


def test_an_outcome_comes_with_what_was_asked_where_that_was_kept(stores):
    outcomes, prompts = stores
    outcomes.add([judged(1, 1.0), judged(2, 0.0)])
    prompts.remember([kept(1)])
    assert list(prompts.outcomes()) == [(judged(1, 1.0), kept(1).asked), (judged(2, 0.0), None)]
    assert list(prompts.outcomes("premium")) == []


def test_a_prompt_with_personal_data_is_never_kept(stores):
    outcomes, prompts = stores
    outcomes.add([judged(1, 1.0)])
    prompts.remember([kept(1, "Write to jane.doe@example.com about it.")])
    assert list(prompts.outcomes()) == [(judged(1, 1.0), None)]


def test_a_tool_whose_description_holds_personal_data_keeps_its_prompt_from_being_kept(stores):
    outcomes, prompts = stores
    outcomes.add([judged(1, 1.0)])
    function = {"name": "mail", "description": "Writes to jane.doe@example.com"}
    asked = json.loads(kept(1).asked) | {"tools": [{"type": "function", "function": function}]}
    prompts.remember([KeptPrompt(f"{1:032x}", 1, json.dumps(asked).encode())])
    assert list(prompts.outcomes()) == [(judged(1, 1.0), None)]


def test_an_answer_of_a_cascade_shares_the_prompt_of_its_request(stores):
    outcomes, prompts = stores
    part = judged(1, 0.0, decision=f"{1:032x}.0")
    outcomes.add([part])
    prompts.remember([kept(1)])
    assert list(prompts.outcomes()) == [(part, kept(1).asked)]


def test_what_this_classifier_has_read_is_not_read_again(stores):
    outcomes, prompts = stores
    outcomes.add([judged(1, 1.0), judged(2, 1.0, classifier="swift-0")])
    prompts.remember([kept(1), kept(2)])
    [(outcome, asked)] = prompts.of_other_classifiers("moe", "swift-1", 10)
    assert (outcome.classifier, asked) == ("swift-0", kept(2).asked)
