"""A request's size: asked of the backend it would go to, else estimated, and said which."""

from typing import Any

import orjson
import pytest
from fakes.caller import FakeCaller
from fakes.corridor import FakeCorridor
from fakes.world import FIXED, new_world

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.counting.counter import Counted
from router.errors import BadRequest, Unauthenticated
from router.operations.operation import Count
from router.operations.table import COUNTS
from router.pipeline.count import count
from router.pipeline.response_headers import BACKEND, COUNT

MESSAGES, CONTENTS, RESPONSES = COUNTS
PRIVATE = """\
version: 1
routes:
  auto:
    candidates: [premium, local]
    objective: fixed
    fixed: premium
    rules:
      - {name: stays, when: request.pii, only: [local]}
"""
HELLO = [{"role": "user", "content": "x" * 400}]


class FakeCounter:
    """Counts as it is told; `asked` are the backends, with who asked."""

    def __init__(self, counted: Counted | None) -> None:
        self._counted = counted
        self.asked: list[tuple[str, str]] = []

    async def count(
        self, backend: Backend, ask: Ask, request_id: str, customer: str
    ) -> Counted | None:
        """Return the size that it was told."""
        self.asked.append((backend.name, customer))
        return self._counted


async def asked(
    counted: Counted | None = None,
    *,
    row: Count = MESSAGES,
    policy: str = FIXED,
    known: bool = True,
    **body: Any,
) -> tuple[FakeCaller, FakeCounter, FakeCorridor]:
    corridor = FakeCorridor.answering(world=new_world(policy))
    serving, counter = corridor.serving(), FakeCounter(counted)
    serving.counter = counter
    caller = FakeCaller(orjson.dumps({"model": "auto", "messages": HELLO} | body))
    if not known:
        caller.authorization = None
    await count(serving, row, caller)
    return caller, counter, corridor


async def test_the_backend_that_would_serve_counts_and_is_named() -> None:
    caller, counter, _ = await asked(Counted(77, None))
    assert orjson.loads(caller.answer) == {"input_tokens": 77}
    assert counter.asked == [("local", "acme")]
    assert (caller.header(COUNT), caller.header(BACKEND)) == ("backend", "local")


async def test_a_backend_that_is_named_counts_whatever_the_route_would_choose() -> None:
    _, counter, _ = await asked(Counted(77, None), model="premium")
    assert counter.asked == [("premium", "acme")]


async def test_an_answer_in_the_clients_words_goes_through_as_it_came() -> None:
    said = b'{"input_tokens": 77, "context_management": {"original_input_tokens": 99}}'
    caller, _, _ = await asked(Counted(77, said))
    assert caller.answer == said


async def test_where_no_server_counts_the_gateway_estimates_and_says_so() -> None:
    caller, _, _ = await asked(None)
    assert orjson.loads(caller.answer) == {"input_tokens": 100}
    assert (caller.header(COUNT), caller.header(BACKEND)) == ("estimate", None)


async def test_a_request_that_would_be_refused_is_estimated_and_asked_of_nobody() -> None:
    caller, counter, _ = await asked(Counted(77, None), model="nothing")
    assert (caller.header(COUNT), counter.asked) == ("estimate", [])


async def test_a_private_request_is_counted_nowhere_that_it_may_not_go() -> None:
    mail = [{"role": "user", "content": "Write to jane.doe@example.com about it."}]
    _, counter, _ = await asked(Counted(1, None), policy=PRIVATE, messages=mail)
    assert counter.asked == [("local", "acme")]
    _, counter, _ = await asked(Counted(1, None), policy=PRIVATE)
    assert counter.asked == [("premium", "acme")]


async def test_a_count_holds_nothing_and_is_no_request() -> None:
    _, _, corridor = await asked(Counted(77, None))
    assert corridor.ledger.reserved == []
    assert corridor.backends.asked == []
    assert corridor.finished_records == []


async def test_what_only_a_provider_can_read_is_counted_there_or_refused() -> None:
    speaks = {"local": {"speaks": ["responses"], "state": "shared"}}
    world = new_world(each=speaks)
    corridor = FakeCorridor.answering(world=world)
    serving = corridor.serving()
    body = orjson.dumps({"model": "auto", "input": "And more.", "conversation": "conv_1"})
    with pytest.raises(BadRequest):
        await count(serving, RESPONSES, FakeCaller(body))
    serving.counter = FakeCounter(Counted(5_000, None))
    caller = FakeCaller(body)
    await count(serving, RESPONSES, caller)
    assert orjson.loads(caller.answer)["input_tokens"] == 5_000


async def test_a_stranger_is_told_nothing() -> None:
    with pytest.raises(Unauthenticated):
        await asked(Counted(77, None), known=False)


async def test_a_body_that_is_wrong_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="messages"):
        await asked(Counted(77, None), messages="no list")


async def test_googles_words_are_answered_in_googles() -> None:
    contents = [{"parts": [{"text": "x" * 400}]}]
    caller = FakeCaller(orjson.dumps({"model": "auto", "contents": contents}))
    await count(FakeCorridor.answering().serving(), CONTENTS, caller)
    assert orjson.loads(caller.answer) == {"totalTokens": 100}
