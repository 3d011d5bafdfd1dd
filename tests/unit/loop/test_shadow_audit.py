"""Shadow audits over backends that answer from a script."""

import asyncio
import json
import logging
from dataclasses import dataclass, field

import pytest
from loop_fakes import DECISION

from router.ask import Ask
from router.backends.backend import Backend
from router.domain import Usage
from router.errors import UpstreamFailed
from router.loop.outcome_store import ScoredDecision
from router.loop.shadow_audit import Auditor, Case, WholeAnswer
from router.operations.chat import parse_chat
from router.prices.book import PriceBook
from router.prices.price import Price
from router.world.config_load import load_config

BODY = {
    "model": "auto",
    "stream": True,
    "stream_options": {"include_usage": True},
    "n": 3,
    "tools": [{"type": "function", "function": {"name": "add"}}],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 2?"},
    ],
}
USAGE = Usage(10, 1)


def backend(name: str) -> Backend:
    price = {"input": 1, "output": 1}
    section = {"base_url": "http://127.0.0.1:1", "model": "m", "price": price}
    text = json.dumps({"version": 1, "backends": {name: section}})
    return load_config(text, "t.yaml", {}).backends[name]


RIVAL, JUDGE = backend("rival"), backend("judge")
PRICES = PriceBook({"rival": Price(2, 3, 1), "judge": Price(20, 30, 10)})


@dataclass
class Script:
    """Answers as scripted: the rival's text, then the judge's replies one after the other."""

    verdicts: list[str]
    rival: str = "The rival's answer."
    usage: Usage | None = USAGE
    gate: asyncio.Event | None = None
    error: Exception | None = None
    asked: list[tuple[str, Ask, str]] = field(default_factory=list)

    async def __call__(
        self, backend: Backend, ask: Ask, request_id: str, organization: str
    ) -> WholeAnswer:
        self.asked.append((backend.name, ask, request_id))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return WholeAnswer(self.rival if backend is RIVAL else self.verdicts.pop(0), self.usage)


class Heard:
    """Keeps opinions."""

    def __init__(self) -> None:
        self.opinions: list[tuple[ScoredDecision, float, str, str]] = []

    def judge(self, decision: ScoredDecision, score: float, *, source: str, by: str) -> None:
        self.opinions.append((decision, score, source, by))


def case(answer: str = "Four.") -> Case:
    ask = parse_chat(json.dumps(BODY).encode())
    return Case(ask=ask, answer=answer, evidence=DECISION, rival=RIVAL, judge=JUDGE, prices=PRICES)


async def audit(script: Script, *cases: Case, pico_per_day: int = 10**12) -> tuple[Auditor, Heard]:
    heard = Heard()
    auditor = Auditor(script, heard, pico_per_day=pico_per_day)
    for one in cases or (case(),):
        auditor.begin(one)
    await auditor.finish()
    return auditor, heard


@pytest.mark.parametrize(
    ("verdicts", "score"),
    [
        (["A", "B"], 1.0),  # the delivered answer wins in both places
        (["TIE", "TIE"], 1.0),
        (["TIE", "B"], 1.0),
        (["A", "A"], 0.5),  # the judge likes the first place
        (["B", "B"], 0.5),
        (["B", "A"], 0.0),
    ],
)
async def test_the_mean_of_both_places_is_the_score_and_a_tie_is_good_enough(verdicts, score):
    _, heard = await audit(Script(list(verdicts)))
    assert heard.opinions == [(DECISION, score, "audit", "judge")]


async def test_the_judge_reads_the_question_and_both_answers_once_in_each_place():
    script = Script(["A", "B"])
    await audit(script)
    texts = [
        ask.body["messages"][-1]["content"] for name, ask, _ in script.asked if name == "judge"
    ]
    for text, first, second in zip(
        texts, ("Four.", script.rival), (script.rival, "Four."), strict=True
    ):
        assert "Be brief." in text
        assert "user: What is 2 + 2?" in text
        a, b = text.split("=== Answer A ===")[1].split("=== Answer B ===")
        assert (first in a, second in b) == (True, True)


async def test_the_rival_is_asked_what_was_asked_but_for_one_whole_answer():
    script = Script(["A", "B"])
    await audit(script)
    name, ask, request_id = script.asked[0]
    assert (name, request_id) == ("rival", f"{DECISION.decision}-audit")
    assert (ask.stream, ask.choices) == (False, 1)
    left = {key: BODY[key] for key in ("model", "messages", "tools")}
    assert ask.body == json.loads(ask.raw) == left


@pytest.mark.parametrize("verdicts", [["no idea"], ["A", "it depends"]])
async def test_a_reply_that_is_no_clear_verdict_is_no_outcome(verdicts):
    auditor, heard = await audit(Script(list(verdicts)))
    assert heard.opinions == []
    assert auditor.counts == {"done": 0, "failed": 1, "skipped": 0}


async def test_a_backend_that_fails_is_no_outcome_and_disturbs_nobody(caplog):
    with caplog.at_level(logging.WARNING):
        auditor, heard = await audit(Script([], error=UpstreamFailed("rival is down")))
    assert heard.opinions == []
    assert auditor.counts["failed"] == 1
    assert [line.reason for line in caplog.records] == ["UpstreamFailed"]


async def test_every_answer_is_paid_from_the_audits_budget_at_the_prices_of_the_case():
    auditor, _ = await audit(Script(["A", "B"]))
    assert auditor.spent_pico == (10 * 2 + 3) + 2 * (10 * 20 + 30)


async def test_an_answer_of_unknown_usage_costs_nothing_that_could_be_counted():
    auditor, _ = await audit(Script(["A", "B"], usage=None))
    assert (auditor.spent_pico, auditor.counts["done"]) == (0, 1)


async def test_an_empty_answer_is_not_audited():
    script = Script([])
    auditor, _ = await audit(script, case(answer=""))
    assert script.asked == []
    assert auditor.counts["skipped"] == 1


async def test_no_more_than_two_run_at_once_and_the_others_are_skipped():
    script = Script(["A", "B"] * 2, gate=asyncio.Event())
    auditor = Auditor(script, Heard(), pico_per_day=10**12)
    for _ in range(3):
        auditor.begin(case())
    assert auditor.counts["skipped"] == 1
    script.gate.set()
    script.verdicts = ["TIE"] * 4
    await auditor.finish()
    assert auditor.counts["done"] == 2


async def test_closing_gives_up_what_runs():
    script = Script([], gate=asyncio.Event())
    heard = Heard()
    auditor = Auditor(script, heard, pico_per_day=10**12)
    auditor.begin(case())
    await asyncio.sleep(0)
    await auditor.close()
    assert heard.opinions == []
    assert auditor.counts == {"done": 0, "failed": 0, "skipped": 0}
