"""Shadow audits against model servers that follow a script."""

import json
import logging

import pytest
from modelservers import in_thread

from policies.policy import load as load_policy
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore, ScoredDecision
from router.loop.shadow_audit import Auditor, Case, asked_through
from router.operations.chat import parse_chat
from router.world.config_load import load_config
from router.world.snapshot import compile_snapshot

POLICY = "version: 1\nroutes:\n  auto: {candidates: [cheap, strong], objective: cheapest_capable}\n"
QUESTION = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}


class Scripted:
    """Answers `good` when asked, and judges for the answer that says so; ties where both do."""

    def __init__(self) -> None:
        self.asked = 0
        self.verdict: str | None = None  # said in place of a judgement

    async def __call__(self, scope, receive, send) -> None:
        self.asked += 1
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        text = json.loads(body)["messages"][-1]["content"]
        reply = self._judge(text) if "=== Answer A ===" in text else "good"
        answer = {
            "id": "1",
            "object": "chat.completion",
            "model": "scripted",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": reply},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
        }
        head = {"type": "http.response.start", "status": 200}
        await send(head | {"headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _judge(self, text: str) -> str:
        a, b = text.split("=== Answer A ===")[1].split("=== Answer B ===")
        good = ("good" in a, "good" in b.split("===")[0])
        return self.verdict or {(True, False): "A", (False, True): "**B**"}.get(good, "TIE.")


@pytest.fixture(scope="module")
def server():
    app = Scripted()
    with in_thread(app) as url:
        yield app, url


@pytest.fixture
async def parts(server, database):
    app, url = server
    app.asked, app.verdict = 0, None
    one = {"base_url": url, "model": "m", "ability": "moe", "price": {"input": 1, "output": 1}}
    text = json.dumps({"version": 1, "backends": {"cheap": one, "strong": one}})
    world = compile_snapshot(load_config(text, "t.yaml", {}), load_policy(POLICY, "p.yaml"))
    dispatcher = Dispatcher(HttptoolsTransport())
    dispatcher.adopt(list(world.backends.values()))
    store = OutcomeStore(database, keep=10)
    recorder = OutcomeRecorder(store)
    yield world, dispatcher, recorder, store
    await dispatcher.close()
    store.close()


def _case(world, answer: str) -> Case:
    evidence = ScoredDecision(
        decision="a" * 32,
        at=1_000,
        organization="acme",
        route="auto",
        backend="cheap",
        ability="moe",
        predicted=0.8,
        classifier="swift-1",
        z=b"",
        embedding=b"",
    )
    strong = world.backends["strong"]
    return Case(
        ask=parse_chat(json.dumps(QUESTION).encode()),
        answer=answer,
        evidence=evidence,
        rival=strong,
        judge=strong,
        prices=world.prices,
    )


@pytest.mark.parametrize(("answer", "score"), [("bad", 0.0), ("good too", 1.0)])
async def test_an_answer_is_judged_in_both_places_and_a_tie_is_good_enough(parts, answer, score):
    world, dispatcher, recorder, store = parts
    auditor = Auditor(asked_through(dispatcher), recorder, pico_per_day=10**12)
    auditor.begin(_case(world, answer))
    await auditor.finish()
    await recorder.flush()
    [outcome] = store.fair("moe", 10, "swift-1", 0)
    assert (outcome.score, outcome.source, outcome.by) == (score, "audit", "strong")
    assert outcome.backend == "cheap"
    assert auditor.spent_pico == 3 * 11 * 1_000_000
    assert store.audits(None, None) == [("cheap", score)]


async def test_the_budget_of_a_day_is_not_passed_and_the_next_day_has_its_own(parts, server):
    world, dispatcher, recorder, _ = parts
    now = [0.0]
    auditor = Auditor(asked_through(dispatcher), recorder, pico_per_day=1, clock=lambda: now[0])
    auditor.begin(_case(world, "bad"))
    await auditor.finish()
    auditor.begin(_case(world, "bad"))
    assert auditor.counts == {"done": 1, "failed": 0, "skipped": 1}
    assert server[0].asked == 3
    now[0] = 86_400.0
    auditor.begin(_case(world, "bad"))
    await auditor.finish()
    assert auditor.counts["done"] == 2


async def test_why_audits_fail_is_logged_once_a_minute_and_never_with_the_text(
    parts, server, caplog
):
    world, dispatcher, recorder, _ = parts
    server[0].verdict = "A secret or B secret"
    now = [0.0]
    auditor = Auditor(
        asked_through(dispatcher), recorder, pico_per_day=10**12, clock=lambda: now[0]
    )
    with caplog.at_level(logging.WARNING):
        for now[0] in (0.0, 59.0, 60.0):
            auditor.begin(_case(world, "bad"))
            await auditor.finish()
    assert auditor.counts == {"done": 0, "failed": 3, "skipped": 0}
    assert [(line.reason, line.failed) for line in caplog.records] == [
        ("the judge's reply is no clear A, B or TIE", 1),
        ("the judge's reply is no clear A, B or TIE", 3),
    ]
    assert "secret" not in repr([vars(line) for line in caplog.records])
    assert server[0].asked == 3 * 2  # a verdict that nobody can use is not paid for twice
