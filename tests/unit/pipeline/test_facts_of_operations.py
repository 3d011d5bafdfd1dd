"""What is found out about a request depends on its operation, never on its body."""

from types import SimpleNamespace
from typing import Any

import pytest

from classifiers.prompt import Prompt
from classifiers.serving import UNKNOWN, Classification
from policies.policy import Needs
from router.ask import Ask
from router.backends.health.slots import Priority
from router.domain import Principal
from router.operations.chat import parse_chat
from router.operations.completion import parse_completion
from router.operations.embedding import parse_embedding
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.pipeline.request_context import RequestContext, Senses, gather

ANYBODY = Principal("k", "acme", "free")


class Classifier:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    async def classify(self, prompt: Prompt, customer: str = "") -> Classification:
        self.asked.append(prompt)
        return UNKNOWN


async def context_of(ask: Ask, classifier: Classifier) -> RequestContext:
    needs = Needs(classifier=True, pii=True)
    world: Any = SimpleNamespace(
        needs=lambda _route: needs,
        policy=SimpleNamespace(headers=frozenset()),
        standing_of=lambda _principal: SimpleNamespace(runs=None, priority=Priority(1, "")),
    )
    caller: Any = SimpleNamespace(id="r1", hint_headers=dict)
    senses = Senses(classifier, SimpleNamespace(), {})  # type: ignore[arg-type]
    return await gather(senses, world, ANYBODY, ask, caller)


@pytest.mark.parametrize(
    ("ask", "prompts"),
    [
        (parse_chat(b'{"model":"a","messages":[{"role":"user","content":"What?"}]}'), ["What?"]),
        (
            parse_message(
                b'{"model":"a","max_tokens":1,"messages":[{"role":"user","content":"What?"}]}'
            ),
            ["What?"],
        ),
        (parse_response(b'{"model":"a","input":"What?"}'), ["What?"]),
        (parse_completion(b'{"model":"a","prompt":"What?"}'), ["What?"]),
        (parse_embedding(b'{"model":"a","input":"What?"}'), []),
    ],
    ids=lambda value: value.operation if isinstance(value, Ask) else "",
)
async def test_the_classifier_reads_prompts_and_only_prompts(ask: Ask, prompts: list[str]) -> None:
    classifier = Classifier()
    await context_of(ask, classifier)
    assert [prompt.turns[-1].text for prompt in classifier.asked] == prompts


MAIL = b"write to someone@example.com"


@pytest.mark.parametrize(
    ("ask", "private"),
    [
        (parse_chat(b'{"model":"a","messages":[{"role":"user","content":"%s"}]}' % MAIL), True),
        (parse_chat(b'{"model":"a","messages":[{"role":"user","content":"hello"}]}'), False),
        (
            parse_message(
                b'{"model":"a","max_tokens":1,"system":"%s","messages":'
                b'[{"role":"user","content":"x"}]}' % MAIL
            ),
            True,
        ),
        (parse_response(b'{"model":"a","input":"%s"}' % MAIL), True),
        (parse_response(b'{"model":"a","input":"hello"}'), False),
        # What is kept elsewhere nobody here can read.
        (parse_response(b'{"model":"a","input":"x","previous_response_id":"r"}'), True),
        (parse_completion(b'{"model":"a","prompt":"x","suffix":"%s"}' % MAIL), True),
        (parse_completion(b'{"model":"a","prompt":"hello"}'), False),
        (parse_embedding(b'{"model":"a","input":["hello","%s"]}' % MAIL), True),
        (parse_embedding(b'{"model":"a","input":"hello"}'), False),
        (parse_embedding(b'{"model":"a","input":[1,2,3]}'), True),  # nobody here can read it
    ],
)
async def test_private_data_is_found_wherever_text_stands(ask: Ask, private: bool) -> None:
    assert bool((await context_of(ask, Classifier())).pii) is private
