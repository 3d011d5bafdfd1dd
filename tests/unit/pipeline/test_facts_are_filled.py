"""Every fact that a condition may read is filled in where requests are read."""

from collections.abc import Callable
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from classifiers.serving import UNKNOWN
from policies.language.facts import facts_of
from policies.pii.reading import PrivateData
from policies.policy import load
from policies.signals import (
    NO_HINTS,
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from router.ask import Ask
from router.domain import Principal
from router.pipeline.request_context import RequestContext
from router.pipeline.signals import EVERYTHING, read_signals
from router.world.config_load import load_config
from router.world.snapshot import compile_snapshot

CONFIG = """
version: 1
backends:
  only: {base_url: "http://127.0.0.1:1/v1", model: m, price: {input: 1, output: 2}}
"""
POLICY = "version: 1\nroutes: {auto: {candidates: [only]}}\n"
BUSY: Any = SimpleNamespace(healthy=False, in_flight=3, queued=2, wait_ms=70, load=0.9)
SECTIONS = {
    "request": RequestSignals,
    "prompt": PromptSignals,
    "principal": PrincipalSignals,
    "clock": Clock,
}


@pytest.fixture
def signals(chat: Callable[..., Ask]) -> Signals:
    """Those of a request of which nothing is as by default."""
    world = compile_snapshot(load_config(CONFIG, "t.yaml", {}), load(POLICY, "p.yaml"))
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    text = [{"type": "text", "text": "```\nx = 3 * 4\n```"}, picture]
    ask = chat(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": text},
        ],
        stream=True,
        max_tokens=9,
        user="anna",
        tools=[{"type": "function", "function": {"name": "f"}}],
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    )
    context = RequestContext(
        id="one",
        at_ms=1_763_557_200_000,  # a Wednesday, 13:00 in UTC
        world=world,
        principal=Principal("key", "acme", "pro", "search", ("gold",)),
        ask=ask,
        hints=NO_HINTS,
        needs=EVERYTHING,
        classification=UNKNOWN,
        input_tokens=40,
        pii=PrivateData.UNREAD,
        conversation="c",
        previous="only",
        budget={"day": 0.5},
        language="en",
        headers={"x-app": "web"},
    )
    return read_signals(context, {"only": BUSY}, EVERYTHING)


@pytest.mark.parametrize("section", SECTIONS)
def test_no_fact_of_a_request_is_left_at_its_default(signals: Signals, section: str) -> None:
    kind = SECTIONS[section]
    defaults = {field.name: field.default for field in fields(kind)}
    filled = getattr(signals, section)
    unfilled = [n for n, _, _ in facts_of(kind) if getattr(filled, n) == defaults[n]]
    assert unfilled == (["route"] if section == "request" else [])  # the policy fills that in


def test_no_fact_of_a_backend_is_left_at_its_default(signals: Signals) -> None:
    backend = signals.backends["only"]
    defaults = {field.name: field.default for field in fields(BackendSignals)}
    names = [name for name, _, _ in facts_of(BackendSignals)]
    assert [name for name in names if getattr(backend, name) == defaults[name]] == []
    assert backend.cost_pico > 0
