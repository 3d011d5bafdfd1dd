"""What is held for a prompt covers what its backend may count, and routing goes by the estimate."""

import json

import pytest
from fakes.caller import FakeCaller
from fakes.corridor import context_of, decided, planned
from fakes.world import FIXED, new_world
from media_files import encoded, jpeg, pdf, png

from router.backends.media_rules import TOKENS_A_PART
from router.ledger.estimate import OutputHistory, estimate_tokens
from router.ledger.text_weights import most_tokens
from router.operations.chat import parse_chat
from router.operations.content import parse_content
from router.operations.embedding import parse_embedding
from router.operations.message import parse_message
from router.pipeline.held_prompt import most_input
from router.pipeline.plan import plan_of

LIMITED = FIXED + "tiers:\n  pro: {tokens_per_minute: 100_000}\n"
WORLD = new_world(LIMITED)
NAMES = tuple(WORLD.backends)


def held(body: dict, parse=parse_chat, **more) -> int:
    ask = parse(json.dumps(body, ensure_ascii=False).encode(), **more)
    likely = estimate_tokens(ask.text_bytes, ask.images, ask.media)
    return most_input(ask, likely, WORLD.backends, NAMES)


def chat(content, **more) -> dict:
    return {"model": "auto", "messages": [{"role": "user", "content": content}]} | more


@pytest.mark.parametrize("text", ["7" * 900, "q9Xf" * 225, "\x01" * 300, "ሰላም " * 60, "😀" * 200])
def test_a_text_that_takes_a_token_for_each_byte_is_held_for_byte_by_byte(text):
    assert held(chat(text)) >= len(text.encode()) * 0.85
    assert held(chat(text)) > estimate_tokens(len(text.encode()))


def test_characters_that_were_escaped_count_as_characters():
    raw = json.dumps(chat("人工智能是计算机科学的一个分支" * 20)).encode()
    assert b"\\u" in raw
    ask = parse_chat(raw)
    plain = held(chat("人工智能是计算机科学的一个分支" * 20))
    assert abs(most_input(ask, 0, WORLD.backends, NAMES) - plain) < 40


def test_each_message_is_held_for_with_what_a_template_puts_around_it():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 100
    assert held({"model": "auto", "messages": turns}) >= 200 * 6


def test_words_on_tools_and_fields_beside_the_text_are_held_for():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert held(chat("hi", tools=[tool])) - held(chat("hi")) >= 1_024
    named = {"model": "auto", "messages": [{"role": "user", "content": "a", "name": "7" * 60}]}
    assert held(named) - held(chat("a")) >= 60


def test_base64_is_no_text_and_an_image_counts_as_the_dearest_candidate_sees_it():
    url = {"url": "data:image/jpeg;base64," + encoded(jpeg(1024, 1024, 60_000))}
    most = held(chat([{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": url}]))
    assert 2_240 <= most < 2_600
    far = held(chat([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]))
    assert far > 16_000  # nobody knows its size


def test_a_document_counts_by_its_pages_in_every_protocol():
    data = encoded(pdf(3))
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    message = chat([{"type": "document", "source": source}], max_tokens=5)
    parts = [{"inlineData": {"mimeType": "application/pdf", "data": data}}]
    content = {"contents": [{"parts": parts}]}
    file = {"file_data": "data:application/pdf;base64," + data}
    by_protocol = [
        held(message, parse_message),
        held(content, parse_content, model="auto"),
        held(chat([{"type": "file", "file": file}])),
    ]
    assert all(3 * 7_784 < each < 3 * 7_784 + TOKENS_A_PART + 200 for each in by_protocol)


def test_the_seals_of_providers_are_not_taken_for_words():
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "Q9x" * 3_000}
    sealed = chat("Go on.", max_tokens=5)
    sealed["messages"].insert(0, {"role": "assistant", "content": [thought]})
    assert held(sealed, parse_message) < 9_000 / 3 * 1.2


def test_numbers_of_a_tokenizer_count_as_many_as_there_are():
    tokens = list(range(10_000, 10_500))
    most = held({"model": "auto", "input": tokens}, parse_embedding)
    assert 500 <= most <= 520


async def test_routing_and_the_estimate_of_a_charge_are_as_they_were():
    caller = FakeCaller.asking(text="8" * 3_000)
    plan = await planned(caller, WORLD)
    assert plan.input_tokens == estimate_tokens(3_000)
    estimate = plan.reservation.estimate
    assert estimate.input_tokens >= 3_000
    assert estimate.likely_prompt()[0] == plan.input_tokens
    assert 0 < estimate.likely_prompt()[1] < estimate.input_cost_pico


async def test_where_nothing_limits_a_customer_nobody_asks_how_long_a_prompt_may_be():
    plan = await planned(FakeCaller.asking(text="8" * 3_000), new_world(FIXED))
    assert plan.reservation.estimate.input_tokens == estimate_tokens(3_000)


async def test_an_image_changes_the_hold_and_not_the_route():
    context = await context_of(FakeCaller.asking(), WORLD)
    url = {"url": "data:image/png;base64," + encoded(png(4000, 4000))}
    ask = parse_chat(json.dumps(chat([{"type": "image_url", "image_url": url}])).encode())
    likely = estimate_tokens(ask.text_bytes, ask.images, ask.media)
    seen = context._replace(ask=ask, input_tokens=likely)
    plan = plan_of(decided(seen), seen, OutputHistory())
    assert plan.input_tokens == likely
    assert plan.reservation.estimate.input_tokens > 2 * likely
    assert most_tokens(b"") == 0


@pytest.mark.parametrize(
    "part",
    [
        {"type": "audio_url", "audio_url": {"url": "https://a.example/b.mp3"}},
        {"type": "video_url", "video_url": {"url": "https://a.example/b.mp4"}},
        {"type": "file", "file": {"file_data": "https://a.example/b.pdf"}},
    ],
)
def test_what_is_given_by_an_address_may_fill_the_window(part):
    windows = [each.context_window or 128_000 for each in WORLD.backends.values()]
    assert held(chat([part])) == max(windows)


def test_a_document_by_an_address_may_fill_the_window_in_anthropics_words():
    source = {"type": "url", "url": "https://a.example/b.pdf"}
    body = {"model": "a", "max_tokens": 9} | chat([{"type": "document", "source": source}])
    assert held(body, parse_message) >= 128_000
