"""What is billed never exceeds what was held, except where docs/quotas.md says so.

Whole walks over fakes: a request as a client may send it, prices as an operator may have them, and
a usage as a provider may truly count it: no more of the prompt than its bound, no longer an answer
than was held for, tokens of the kinds that the request can bring about, fees of the tools that it
offers, the class of service that it asks for or the usual one.
"""

import asyncio
from base64 import b64encode
from dataclasses import replace
from typing import Any, NamedTuple

from fakes.backends import FakeBackends, FakeUpstream, whole
from fakes.caller import FakeCaller
from fakes.corridor import FakeCorridor, planned
from fakes.parts import FakeClassifier
from fakes.world import CASCADE, FIXED, ODDS, new_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.backends.dispatch.upstream import BilledAnswer
from router.counters import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHED_AUDIO,
    CACHED_IMAGE,
    CITATION,
    IMAGE_IN,
    IMAGE_OUT,
    REASONING,
    VIDEO_OUT,
    WRITTEN_1H,
)
from router.domain import Usage
from router.prices.book import PriceBook
from router.prices.price import Price, Step
from router.units import REQUEST, WEB_SEARCH

SLOW = settings(suppress_health_check=list(HealthCheck), deadline=None)
BACKENDS = ("local", "moe", "premium")
SPOKEN = (AUDIO_OUT, IMAGE_OUT, VIDEO_OUT, CITATION)  # parts of an answer, beside thoughts
HEARD = {IMAGE_IN: CACHED_IMAGE, AUDIO_IN: CACHED_AUDIO}
PNG = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + (40).to_bytes(4) * 2 + bytes(5)).decode()
PDF = b64encode(b"%PDF-1.4\n/Type /Page\n/Type /Page\n").decode()
ALONE = "version: 1\nroutes: {auto: {candidates: [moe]}}\n"
rates = st.integers(0, 50_000_000)


class Request(NamedTuple):
    """A body, and what it lets a provider count."""

    body: dict[str, Any]
    kinds: tuple[str, ...]  # of the prompt's tokens, that are not text
    marked: str  # what is to be cached: "", "5m", "1h"
    searches: int
    tier: str | None


PARTS = {
    IMAGE_IN: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    AUDIO_IN: {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    "file": {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}},
}


@st.composite
def requests(draw):
    text = {"type": "text", "text": draw(st.text(max_size=300))}
    marked = draw(st.sampled_from(["", "5m", "1h"]))
    if marked:
        text["cache_control"] = {"type": "ephemeral", "ttl": marked}
    names = draw(st.lists(st.sampled_from(sorted(PARTS)), max_size=3))
    content = [text, *(PARTS[name] for name in names)]
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": content}]}
    most = draw(st.none() | st.integers(1, 5_000))
    if most is not None:
        body["max_tokens"] = most
    body["n"] = draw(st.integers(1, 3))
    if draw(st.booleans()):
        function = {"name": "find", "parameters": {"type": "object"}}
        body["tools"] = [{"type": "function", "function": function}]
    searching = draw(st.booleans())
    if searching:
        body["web_search_options"] = {}
    tier = draw(st.none() | st.sampled_from(["flex", "priority"]))
    if tier is not None:
        body["service_tier"] = tier
    kinds = tuple(name for name in dict.fromkeys(names) if name in HEARD)
    return Request(body, kinds, marked, 10 if searching else 0, tier)


@st.composite
def prices(draw):
    """Rates of which any may be the dearest. A step costs no less than what stands below it."""
    dearer = [draw(rates) for _ in range(4)]
    parts = draw(st.dictionaries(st.sampled_from([*HEARD, *SPOKEN, REASONING, WRITTEN_1H]), rates))
    listed = tuple(parts.items())
    steps = ()
    if draw(st.booleans()):
        more = draw(st.integers(1, 3))
        up = tuple((name, rate * more) for name, rate in listed)
        steps = (Step(draw(st.integers(0, 400)), *(each * more for each in dearer), up),)
    first, output, cached, written = dearer
    units = ((REQUEST, draw(rates)), (WEB_SEARCH, draw(rates)))
    return Price(first, output, cached, written, steps, units=units, parts=listed)


@st.composite
def books(draw):
    tiers = {name: {"flex": draw(prices()), "priority": draw(prices())} for name in BACKENDS}
    asked = draw(st.sets(st.sampled_from(BACKENDS)))
    return PriceBook({name: draw(prices()) for name in BACKENDS}, tiers=tiers, when_asked=asked)


def share(draw, tokens):
    return draw(st.sampled_from([0, tokens]) | st.integers(0, tokens))


def true_usage(draw, request, prompt, answer, *, writes):
    """What a provider may count of a request, of at most so many tokens."""
    total, output = share(draw, prompt), share(draw, answer)
    cached = share(draw, total)
    written = share(draw, total - cached) if writes or request.marked else 0
    parts = {}
    left, left_cached = total - cached - written, cached
    for name in request.kinds:
        parts[name] = share(draw, left)
        parts[HEARD[name]] = share(draw, left_cached)
        left, left_cached = left - parts[name], left_cached - parts[HEARD[name]]
    if request.marked == "1h":
        parts[WRITTEN_1H] = share(draw, written)
    thoughts = share(draw, output)
    spoken = output - thoughts
    for name in SPOKEN:
        parts[name] = share(draw, spoken)
        spoken -= parts[name]
    searches = share(draw, request.searches)
    return Usage(
        total,
        output,
        cached,
        thoughts,
        cache_write_tokens=written,
        units=((WEB_SEARCH, searches),) if searches else (),
        parts=tuple((name, count) for name, count in parts.items() if count),
        tier=draw(st.sampled_from([None, request.tier])),
    )


def walked(world, request, draw):
    """The hold and the charge of a request whose answer is no longer than was held for."""
    caller = FakeCaller.asking(**request.body)
    sure = FakeClassifier(**ODDS)
    plan = asyncio.run(planned(FakeCaller.asking(**request.body), world, classifier=sure))
    steps = len(plan.decision.cascade.steps) if plan.decision.cascade is not None else 1
    held = plan.reservation.estimate
    answer = held.output_tokens // steps

    def usage(backend):
        writes = world.prices.writes_unasked((backend.name,))
        return true_usage(draw, request, plan.input_tokens, answer, writes=writes)

    served = share(draw, (steps if steps > 1 else len(plan.backends)) - 1)
    passed = plan.backends[:served] if steps > 1 else ()
    over = [BilledAnswer(each, usage(each), "not_empty", "") for each in passed]
    backend = plan.backends[served]
    upstream = FakeUpstream(backend, body=whole(), usage=usage(backend), billed=tuple(over))
    corridor = FakeCorridor(
        FakeBackends(upstream, passed_over=tuple(over)), world=world, classifier=sure
    )
    asyncio.run(corridor.walk(caller))
    (reserved,), (charge,) = corridor.ledger.reserved, corridor.ledger.settled
    return reserved.estimate, charge


@SLOW
@given(
    requests(),
    books(),
    st.sampled_from([ALONE, FIXED, CASCADE]),
    st.sampled_from(["worst", "expected", "chunk"]),
    st.data(),
)
def test_what_is_billed_never_exceeds_what_was_held(request, book, policy, way, data):
    world = replace(new_world(policy, estimate=way), prices=book)
    held, charge = walked(world, request, data.draw)
    usage = charge.usage
    assert usage.input_tokens <= held.input_tokens
    assert usage.output_tokens <= held.output_tokens
    assert charge.cost_pico <= held.cost_pico


def test_the_walks_over_a_cascade_have_one():
    sure = FakeClassifier(**ODDS)
    plan = asyncio.run(planned(FakeCaller.asking(), new_world(CASCADE), classifier=sure))
    assert plan.decision.cascade is not None


@SLOW
@given(requests(), st.sampled_from(["worst", "expected", "chunk"]))
def test_no_answer_within_max_tokens_outgrows_a_hold_that_is_for_the_worst(request, way):
    """In the other ways it may: a stream is then topped up, a whole answer counted as overage."""
    held = asyncio.run(planned(FakeCaller.asking(**request.body), new_world(estimate=way)))
    longest = request.body.get("max_tokens")
    if longest is None:
        return
    largest = longest * request.body["n"]
    tokens = held.reservation.estimate.output_tokens
    assert tokens <= largest
    if way == "worst":
        assert tokens == largest
