"""Conversations and answers of every kind that the hub knows, for hypothesis; and what of them must
come through, whatever the protocol: their normal forms."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import strategies as st

from router.protocols.hub.answer import (
    CACHE_READ,
    CACHE_WRITE,
    CALLS,
    END,
    INPUT,
    LENGTH,
    OUTPUT,
    REASONING,
    REFUSAL,
    Alternative,
    Answer,
    Stop,
    UsageLine,
)
from router.protocols.hub.conversation import (
    Call,
    Choice,
    Conversation,
    File,
    Image,
    Part,
    Refusal,
    Result,
    Schema,
    Seal,
    Text,
    Thinking,
    Tool,
    Turn,
)
from router.protocols.hub.events import (
    Ended,
    Event,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
SAID = TEXTS.map(lambda text: f"<{text}>")  # no blank at either end
NAMES = st.sampled_from(["f", "g_h", "weather"])
OBJECTS = st.dictionaries(SAID, st.integers(0, 9) | SAID, max_size=2)
SIGNED = Seal("messages", "c2lnbmVk")
REDACTED = Seal("messages", "cmVk", "redacted")
GOOGLES = Seal("gemini", "Z29vZ2xl")
MEDIA = st.sampled_from(
    [
        Image("image/png", "QUJD"),
        Image(url="https://host/a.png"),
        File("application/pdf", "JVBERg==", name="a.pdf"),
    ]
)
THOUGHTS = st.builds(Thinking, SAID, st.sampled_from([None, SIGNED])) | st.just(
    Thinking("", REDACTED)
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def dumped(given: dict[str, Any]) -> str:
    return orjson.dumps(given).decode()


@st.composite
def rounds(draw: st.DrawFn) -> list[Turn]:
    """A user's turn, an answer, and the results of the tools that it calls."""
    turns: list[Turn] = []
    number = 0
    for _ in range(draw(st.integers(0, 3))):
        user = [Text(text) for text in draw(st.lists(SAID, min_size=1, max_size=2))]
        turns.append(Turn("user", (*user, *draw(st.lists(MEDIA, max_size=2)))))
        parts: list[Part] = draw(st.lists(THOUGHTS, max_size=1))
        parts += [Text(text) for text in draw(st.lists(SAID, max_size=2))]
        parts += [Refusal(text) for text in draw(st.lists(SAID, max_size=1))]
        results: list[Part] = []
        for _ in range(draw(st.integers(0, 2))):
            number += 1
            seal = draw(st.sampled_from([None, None, GOOGLES]))
            name, given = draw(NAMES), dumped(draw(OBJECTS))
            parts.append(Call(f"call_{number}", name, given, seal=seal))
            results.append(Result(f"call_{number}", (Text(draw(SAID)),)))
        if parts:
            turns.append(Turn("assistant", tuple(parts)))
        turns += [Turn("user", (result,)) for result in results]
        if draw(st.booleans()) and draw(st.booleans()):
            turns.append(Turn("system", (Text(draw(SAID)),)))
    return [*turns, Turn("user", (Text(draw(SAID)),))]


TOOLS = st.lists(
    st.builds(
        lambda name, about, strict, cache: Tool(name, about, SCHEMA, strict, cache=cache),
        NAMES,
        SAID | st.just(""),
        st.sampled_from([None, None, True]),
        st.sampled_from(["", "", "5m", "1h"]),
    ),
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)
CHOICES = st.none() | st.builds(
    Choice, st.sampled_from(["auto", "none", "required"]), parallel=st.sampled_from([None, False])
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """A request of any kind."""
    system = [Turn("system", (Text(text),)) for text in draw(st.lists(SAID, max_size=1))]
    sampling = {"temperature": 0.5, "top_p": 0.9, "seed": 3, "presence_penalty": 1}
    chosen = draw(st.sets(st.sampled_from(sorted(sampling))))
    return Conversation(
        turns=(*system, *draw(rounds())),
        tools=draw(TOOLS),
        choice=draw(CHOICES),
        schema=draw(st.sampled_from([None, None, Schema(SCHEMA), Schema()])),
        limit=draw(st.sampled_from([1, 100])),
        sampling={name: sampling[name] for name in sorted(chosen)},
        stops=draw(st.sampled_from([(), ("END",), ("\n", "END")])),
        effort=draw(st.sampled_from(["", "low", "high"])),
        user=draw(st.sampled_from(["", "u1"])),
        tier=draw(st.sampled_from(["", "auto", "flex"])),
        n=draw(st.sampled_from([1, 1, 1, 2])),
        logprobs=draw(st.sampled_from([None, None, None, 2])),
        stream=draw(st.booleans()),
    )


def without(conversation: Conversation, dropped: Sequence[str]) -> Conversation:
    """What must come through of a conversation where the writer names these as dropped."""

    def kept(part: Part) -> list[Part]:
        if isinstance(part, Thinking):
            if part.text and part.seal is not None and "thinking.signature" in dropped:
                return [replace(part, seal=None)]
            name = "reasoning_content" if part.seal is None else "thinking"
            return [] if name in dropped else [part]
        if isinstance(part, Call) and "thought_signature" in dropped:
            return [replace(part, seal=None)]
        return [part]

    turns = [
        replace(turn, parts=tuple(one for part in turn.parts for one in kept(part)))
        for turn in conversation.turns
    ]
    sampling = {name: value for name, value in conversation.sampling.items() if name not in dropped}
    stops = tuple(stop for stop in conversation.stops if stop.strip() or "stop" not in dropped)
    tier = "" if "service_tier" in dropped else conversation.tier
    tools = conversation.tools
    if "cache_control" in dropped:
        tools = tuple(tool._replace(cache="") for tool in tools if isinstance(tool, Tool))
    return conversation._replace(
        turns=tuple(turns), sampling=sampling, stops=stops, tier=tier, tools=tools
    )


def normal(conversation: Conversation) -> dict[str, Any]:
    """All that a conversation says, however a protocol cuts it into turns."""
    system = [part for turn in conversation.turns if turn.role == "system" for part in turn.parts]
    merged: list[tuple[str, list[Part]]] = []
    for turn in conversation.turns:
        if turn.role == "system" or not turn.parts:
            continue
        if merged and merged[-1][0] == turn.role:
            merged[-1][1].extend(turn.parts)
        else:
            merged.append((turn.role, list(turn.parts)))
    choice = conversation.choice or Choice()
    return {
        "system": texts_of(system),
        "merged": [(role, grouped(parts)) for role, parts in merged],
        "tools": conversation.tools,
        "choice": (choice.mode, choice.mode != "none" and choice.parallel)
        if conversation.tools
        else None,
        **{
            name: getattr(conversation, name)
            for name in ("schema", "limit", "sampling", "stops", "effort", "user", "tier")
        },
        **{name: getattr(conversation, name) for name in ("n", "logprobs", "stream")},
    }


def texts_of(parts: Sequence[Part]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, Text | Refusal))


def grouped(parts: Sequence[Part]) -> dict[str, Any]:
    """What stands in one turn: the order within each kind is kept, that between kinds is not."""
    return {
        "text": texts_of(parts),
        "thoughts": [part for part in parts if isinstance(part, Thinking)],
        "media": [part for part in parts if isinstance(part, Image | File)],
        "calls": [part for part in parts if isinstance(part, Call)],
        "results": [
            (part.call_id, texts_of(part.parts)) for part in parts if isinstance(part, Result)
        ],
    }


@st.composite
def alternatives(draw: st.DrawFn) -> Alternative:
    """An answer: thoughts, texts, calls."""
    parts: list[Part] = draw(st.lists(st.builds(Thinking, SAID), max_size=1))
    parts += [Text(text) for text in draw(st.lists(SAID, max_size=1))]
    refused = draw(st.sampled_from([False, False, False, True]))
    if refused:
        return Alternative((*parts, Refusal(draw(SAID))), Stop(REFUSAL))
    for number in range(draw(st.integers(0, 3))):
        parts.append(Call(f"call_{number}", draw(NAMES), dumped(draw(OBJECTS))))
    called = any(isinstance(part, Call) for part in parts)
    return Alternative(
        tuple(parts), Stop(CALLS if called else draw(st.sampled_from([END, LENGTH])))
    )


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """A whole answer with one alternative and its usage."""
    counts = {kind: draw(st.integers(0, 50)) for kind in (INPUT, CACHE_READ, CACHE_WRITE, OUTPUT)}
    counts[REASONING] = draw(st.integers(0, counts[OUTPUT]))
    lines = [
        UsageLine(kind, some) for kind, some in counts.items() if some or kind in (INPUT, OUTPUT)
    ]
    return Answer("id1", "served", (draw(alternatives()),), tuple(lines))


def answered(alternative: Alternative) -> dict[str, Any]:
    """All that an answer says; a refusal is a text to those who know no other."""
    return {
        "text": alternative.text + alternative.refusal,
        "thoughts": alternative.thoughts,
        "calls": [(call.id, call.name, call.arguments) for call in alternative.calls],
        "stop": alternative.stop,
    }


@st.composite
def streams(draw: st.DrawFn, answer: Answer) -> list[Event]:
    """An answer as a stream: in pieces, and its calls side by side where they like."""
    queues: list[list[Event]] = []
    calls: list[list[Event]] = []
    (alternative,) = answer.alternatives
    for number, part in enumerate(alternative.parts):
        events = _piecewise(draw, number, part)
        (calls if isinstance(part, Call) else queues).append(events)
    events = [event for queue in queues for event in queue]
    if calls and draw(st.booleans()):
        events += [queue.pop(0) for queue in calls]
        while any(calls):
            queue = draw(st.sampled_from([queue for queue in calls if queue]))
            events.append(queue.pop(0))
    else:
        events += [event for queue in calls for event in queue]
    stop = alternative.stop or Stop()
    begun = Started(answer.id, answer.model)
    return [begun, *events, Stopped(0, stop), UsageSeen(answer.usage), Ended()]


def _piecewise(draw: st.DrawFn, number: int, part: Part) -> list[Event]:
    empty: Part
    if isinstance(part, Call):
        empty, text = replace(part, arguments=""), part.arguments
    elif isinstance(part, Text | Thinking | Refusal):
        empty, text = type(part)(""), part.text
    else:
        raise TypeError
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)))
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    deltas = [PartDelta(0, number, piece) for piece in pieces if piece]
    noted = []
    if isinstance(part, Thinking) and part.seal is not None:
        noted.append(PartNoted(0, number, part.seal))
    return [PartOpened(0, number, empty), *deltas, *noted, PartClosed(0, number)]
