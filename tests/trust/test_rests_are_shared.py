"""One customer's prompts rest no provider's key for others; what concerns the key still does."""

import asyncio
import re

import pytest
from faulty_backends import PATIENT, Chat, answer, no_retries
from rawserver import raw_server
from transports import NewTransport

from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.errors import Overloaded

GIANT = "x" * 70_000
HEAD = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
LENGTH = re.compile(rb"content-length: (\d+)")
REPLY = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
SPENT = b"x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 6m0s\r\n"
OTHER_LEFT = b"x-ratelimit-remaining-tokens: 900\r\nx-ratelimit-reset-tokens: 6m0s\r\n"


async def _served(
    new_transport: NewTransport, chat: Chat, fields: bytes, status: int = 429
) -> tuple[list[bool], int]:
    """Whether ten small customers are served, once a giant prompt was refused with such fields;
    and how many requests reached the server in all."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limited = spent or int(LENGTH.search(server.head.lower())[1]) > len(GIANT)
        body = b"{}" if limited else REPLY
        writer.write(HEAD % (status if limited else 200, len(body), fields * limited) + body)

    spent = fields is SPENT
    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    async with raw_server(script) as server:
        backend = Backend("one", server.base_url, "m", timeouts=PATIENT)
        with pytest.raises(Overloaded):
            await answer(dispatcher, [backend], chat(GIANT), "giant")
        served = []
        for number in range(10):
            try:
                await answer(dispatcher, [backend], chat("hi"), f"c{number}")
                served.append(True)
            except Overloaded:
                served.append(False)
        asked = server.requests
    await dispatcher.close()
    return served, asked


@pytest.mark.parametrize("fields", [b"retry-after: 600\r\n", OTHER_LEFT, b""])
async def test_a_prompt_over_what_is_left_of_a_minute_keeps_no_smaller_ones_away(
    new_transport: NewTransport, chat: Chat, fields: bytes
) -> None:
    served, asked = await _served(new_transport, chat, fields)
    assert served == [True] * 10
    assert asked == 11


async def test_a_key_of_which_nothing_is_left_rests_for_everybody_at_once(
    new_transport: NewTransport, chat: Chat
) -> None:
    served, asked = await _served(new_transport, chat, SPENT)
    assert served == [False] * 10
    assert asked == 1
