"""No body keeps a gateway busy: what is cut too finely is refused by name before it is parsed."""

import asyncio
import contextvars

import pytest
from trust.hostile_bodies import BODIES, FORM, every

from bench.instructions import counted
from router.api.filling import Filling
from router.backends.transport.transport import ONE_PIECE, in_pieces
from router.errors import BadRequest
from router.operations.paths import ROUTES
from router.protocols import ahead
from router.protocols.burden import MAX_PIECES, PIECE, burden

SIZE = 8_000_000
SMALL = 1_000_000  # bytes: a body that is parsed at once
MOST_INSTRUCTIONS = 150_000
HEADERS = {b"content-type": FORM.encode()}


async def read(path: str, raw: bytes) -> str:
    """Why a body was refused; empty where it was read, a large one ahead."""
    row = ROUTES[path.encode()]
    await ahead.read_ahead(raw)
    try:
        row.parse(raw, HEADERS)
    except BadRequest as error:
        return error.message
    return ""


@pytest.mark.parametrize(("path", "kind"), every())
async def test_a_hostile_body_is_refused_or_read_in_few_steps(path: str, kind: str) -> None:
    raw = BODIES[path][kind](SIZE)
    row = ROUTES[path.encode()]
    await ahead.read_ahead(raw)
    refused: list[str] = []

    def parse() -> None:
        try:
            row.parse(raw, HEADERS)
        except BadRequest as error:
            refused.append(error.message)

    assert counted(parse) < MOST_INSTRUCTIONS
    if not refused and len(raw) > SIZE / 2 and "form-data" not in raw[:100].decode("latin-1"):
        # What is read although it is large is little but text, which costs by the byte.
        assert burden(raw, 10**9) <= MAX_PIECES * PIECE


@pytest.mark.parametrize(("path", "kind"), every())
def test_what_the_event_loop_parses_of_a_body_is_small_however_large_it_is(
    path: str, kind: str
) -> None:
    raw = BODIES[path][kind](SIZE)
    assert ahead._CUT is not None
    cuts = ahead.ahead_of(ahead._CUT, raw).cuts
    if cuts is not None and not raw.startswith(b"-"):
        assert len(cuts.small) <= len(raw) * 0.2 or len(cuts.small) <= SMALL
        assert len(cuts.outline) <= len(cuts.small) + 80 * MAX_PIECES


async def test_what_was_read_ahead_is_forgotten_with_its_request() -> None:
    """Connections opened meanwhile copy the task's variables: they keep none of the body."""
    raw = BODIES["/v1/chat/completions"]["a text of words"](2_000_000)

    async def request() -> contextvars.Context:
        await ahead.read_ahead(raw)
        return contextvars.copy_context()

    kept = await asyncio.create_task(request())
    await asyncio.sleep(0)
    assert kept.run(ahead.taken, raw) is None


def test_a_body_is_gathered_where_it_stays_and_written_without_a_copy() -> None:
    filling = Filling(3 * ONE_PIECE)
    for _ in range(3):
        filling.add(b"x" * ONE_PIECE)
    body = filling.take()
    pieces = list(in_pieces(body))
    assert [len(piece) for piece in pieces] == [ONE_PIECE] * 3
    assert all(isinstance(piece, memoryview) and piece.obj is body for piece in pieces)


async def test_a_body_that_is_not_small_has_as_many_pieces_as_a_long_conversation() -> None:
    message = b'{"role":"user","content":"%b"}' % (b"a" * 60)
    fits, beyond = (
        b'{"model":"m","messages":[%b]}' % b",".join([message] * n) for n in (9_000, 10_500)
    )
    assert not await read("/v1/chat/completions", fits)
    assert "50,000 texts" in await read("/v1/chat/completions", beyond)


async def test_the_tokens_of_as_long_an_input_as_providers_take_are_read() -> None:
    tokens = b"[%b]" % b",".join([b"99999"] * 8_000)
    raw = b'{"model":"m","input":[%b]}' % b",".join([tokens] * 37)  # 296,000
    assert not await read("/v1/embeddings", raw)
