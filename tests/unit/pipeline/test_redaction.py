"""Redaction on the corridor: who is sent what, what is held for it, and who is left out."""

import orjson
import pytest
from fakes.backends import DONE, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller
from fakes.corridor import FakeCorridor, context_of, decided
from fakes.parts import FakeClassifier
from fakes.presidio import FakePool
from fakes.world import CASCADE, ODDS, SHADOWED, new_world

from policies.decision import Denial
from policies.pii.budget import Budget
from router.domain import Usage
from router.errors import PermissionDenied
from router.pipeline.detectors import AT_ONCE, Detectors
from router.pipeline.redaction import redacted
from router.pipeline.second_reading import Bounds, SecondReading

MAIL = "jane.doe@example.com"
USED = Usage(10, 5)


def policy(redact: str, text: str = SHADOWED) -> str:
    if text is CASCADE:
        return f"{text}    redact: {redact}\n"
    return text.replace("premium]", f"premium], redact: {redact}", 1)


async def of(caller: FakeCaller, text: str, **senses):
    context = await context_of(caller, new_world(text), **senses)
    return await redacted(Detectors(), context, decided(context))


@pytest.mark.parametrize("length", [0, 2 * AT_ONCE])
async def test_what_is_found_is_replaced_in_short_and_long_requests(length):
    decision, made = await of(FakeCaller.asking("Hm. " * (length // 4) + MAIL), policy("true"))
    assert made is not None
    assert (MAIL.encode() in made.ask.raw, b"<EMAIL_1>" in made.ask.raw) == (False, True)
    assert MAIL not in str((made.ask.body, made.ask.prompt))
    assert decision.shadow is None


async def test_where_all_kinds_are_redacted_names_are_too_if_presidio_reads_and_else_it_stays():
    caller = FakeCaller.asking(f"I am Jane Doe, {MAIL}. Jane Doe!")
    detectors = Detectors(second=SecondReading(FakePool(), Bounds()))
    context = await context_of(caller, new_world(policy("true")))
    _, made = await redacted(detectors, context, decided(context))
    assert made is not None
    assert b"I am <PERSON_1>, <EMAIL_1>. <PERSON_1>!" in made.ask.raw
    context = await context_of(FakeCaller.asking("[die]"), new_world(policy("true")))
    decision, made = await redacted(detectors, context, decided(context))
    assert (isinstance(decision, Denial), made) == (True, None)
    detectors.close()


async def test_where_nothing_is_found_the_request_and_its_shadow_go_on_as_they_were():
    decision, made = await of(FakeCaller.asking("Hello"), policy("true"))
    assert (made, decision.shadow is None) == (None, False)


async def test_whom_the_policy_spares_is_sent_the_clients_bytes_and_nobody_else():
    caller = FakeCaller.asking(MAIL)
    decision, made = await of(caller, policy("{except: [local]}"))
    assert made is not None
    ask = await made.sent((await context_of(caller)).ask, decision)
    assert (ask.sent_to("local").raw, MAIL.encode() in ask.sent_to("moe").raw) == (
        caller.raw,
        False,
    )


async def test_in_a_cascade_nobody_is_spared_since_a_judge_reads_the_answer():
    caller = FakeCaller.asking(MAIL)
    world = new_world(policy("{except: [local]}", CASCADE))
    context = await context_of(caller, world, classifier=FakeClassifier(**ODDS))
    decision, made = await redacted(Detectors(), context, decided(context))
    assert decision.cascade is not None
    assert made is not None
    assert MAIL.encode() not in (await made.sent(context.ask, decision)).sent_to("local").raw


@pytest.mark.parametrize("spared", ["", "moe", "premium"])
async def test_what_cannot_be_redacted_goes_to_the_spared_alone(spared):
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    caller = FakeCaller.asking(messages=[{"role": "user", "content": [picture]}])
    text = policy(f"{{except: [{spared}]}}" if spared else "true")
    vision = {name: {"supports": ["vision"]} for name in ("local", "moe", "premium")}
    context = await context_of(caller, new_world(text, each=vision))
    decision, made = await redacted(Detectors(), context, decided(context))
    assert made is None
    if spared:
        assert (decision.candidates, decision.allowed) == ((spared,), frozenset({spared}))
    else:
        assert isinstance(decision, Denial)
        assert "a picture, sound or file cannot be" in decision.message


async def test_what_the_detectors_cannot_read_to_its_end_does_not_leave():
    context = await context_of(FakeCaller.asking("Hm. " * 9_000), new_world(policy("true")))
    detectors = Detectors(Budget(bytes=1_000))
    decision, made = await redacted(detectors, context, decided(context))
    assert (isinstance(decision, Denial), made) == (True, None)
    detectors.close()


async def test_a_parameter_that_is_a_private_number_does_not_leave():
    caller = FakeCaller.asking("Hello", top_k=4222222222222)
    decision, made = await of(caller, policy("true"))
    assert made is None
    assert isinstance(decision, Denial)


async def test_the_hold_covers_whichever_text_may_have_more_tokens():
    for text in (MAIL, "536-90-4399, " * 50, "é" * 500 + MAIL):
        caller = FakeCaller.asking(text)
        context = await context_of(caller, new_world(policy("true")))
        _, made = await redacted(Detectors(), context, decided(context))
        assert made is not None
        sized = made.sized(context)
        assert sized.ask.text_bytes >= max(context.ask.text_bytes, made.ask.text_bytes)
        assert sized.input_tokens >= context.input_tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_a_walk_redacts_what_leaves_and_restores_what_comes_back(stream):
    said = "Mail <EMAIL_1>!"
    blocks = (*(chunk(char) for char in said), DONE)
    answer = (
        FakeUpstream(blocks=blocks, usage=USED)
        if stream
        else FakeUpstream(body=whole(said), usage=USED)
    )
    corridor = FakeCorridor.answering(answer, world=new_world(policy("true")))
    caller = FakeCaller.asking(f"Write to {MAIL}.", stream=stream, user=MAIL)
    finished = await corridor.walk(caller)
    assert finished.charge is not None
    assert corridor.backends.sent[-1].user == MAIL  # quotas of users go by it, nothing leaves
    assert MAIL.encode() not in corridor.backends.sent[-1].raw
    texts = caller.answer.decode()
    if stream:
        lines = [line[6:] for line in texts.split("\n") if line.startswith("data: {")]
        deltas = [orjson.loads(line)["choices"][0]["delta"]["content"] for line in lines]
        texts = "".join(deltas)
    assert f"Mail {MAIL}!" in texts


async def test_a_request_that_may_not_leave_is_refused_before_anything_is_held():
    corridor = FakeCorridor.answering(world=new_world(policy("true")))
    with pytest.raises(PermissionDenied, match="cannot be"):
        await corridor.walk(FakeCaller.asking("x", top_k=4111111111111111))
    assert corridor.backends.sent == []
