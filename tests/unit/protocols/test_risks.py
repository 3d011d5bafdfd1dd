"""What a request may be charged for beyond fresh tokens is read from its body."""

from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.protocols.risks import USES, asks_to_cache, offers_hosted, risks_of

TEXT = [{"role": "user", "content": "hi"}]


def chat(**more: Any) -> Ask:
    return parse_chat(orjson.dumps({"model": "m", "messages": TEXT, **more}))


def message(**more: Any) -> Ask:
    return parse_message(orjson.dumps({"model": "m", "max_tokens": 9, "messages": TEXT, **more}))


def response(**more: Any) -> Ask:
    return parse_response(orjson.dumps({"model": "m", "input": "hi", **more}))


def test_a_plain_request_risks_nothing_but_what_a_provider_does_unasked() -> None:
    assert risks_of(chat(), writes=False) == ((), (), None)
    assert risks_of(chat(), writes=True).kinds == ("cache_write",)


def test_what_is_marked_to_be_cached_may_be_written_for_as_long_as_it_says() -> None:
    def marked(**life: str) -> Ask:
        mark = {"type": "ephemeral", **life}
        return message(system=[{"type": "text", "text": "x", "cache_control": mark}])

    assert asks_to_cache(marked())
    assert risks_of(marked(), writes=False).kinds == ("cache_write",)
    assert risks_of(marked(ttl="1h"), writes=False).kinds == ("cache_write", "cache_write_1h")


def test_sound_pictures_and_film_are_kinds_of_their_own() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}
    picture = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    film = {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}
    ask = chat(messages=[{"role": "user", "content": [sound, picture, film]}])
    assert risks_of(ask, writes=False).kinds == ("audio_input", "image_input", "video_input")


@pytest.mark.parametrize(
    ("ask", "tier"),
    [
        (chat(service_tier="priority"), "priority"),
        (message(speed="fast", inference_geo="us"), "fast+us"),
        (response(service_tier="Flex"), "flex"),
        (chat(), None),
    ],
)
def test_the_class_of_service_that_is_asked_for_is_read(ask: Ask, tier: str | None) -> None:
    assert risks_of(ask, writes=False).tier == tier


@pytest.mark.parametrize(
    ("ask", "fees"),
    [
        (response(tools=[{"type": "web_search"}]), {"web_search": USES}),
        (response(tools=[{"type": "web_search"}], max_tool_calls=3), {"web_search": 3}),
        (
            message(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]),
            {"web_search": 2},
        ),
        (
            response(tools=[{"type": "file_search", "vector_store_ids": ["v"]}]),
            {"file_search": USES},
        ),
        (chat(web_search_options={}), {"web_search": USES}),
    ],
)
def test_hosted_tools_are_held_for_as_often_as_they_may_be_used(ask: Ask, fees: Any) -> None:
    assert dict(risks_of(ask, writes=False).units) == fees


def test_a_clients_own_tools_cost_nothing() -> None:
    tool = {"type": "function", "function": {"name": "web_search", "parameters": {}}}
    ask = chat(tools=[tool])
    assert not offers_hosted(ask.features)
    assert risks_of(ask, writes=False).units == ()
