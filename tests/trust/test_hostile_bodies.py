"""No body keeps a gateway busy: what is cut too finely is refused by name before it is parsed."""

import pytest
from trust.hostile_bodies import BODIES, FORM, every

from bench.instructions import counted
from router.errors import BadRequest
from router.operations.paths import ROUTES
from router.protocols.burden import MAX_PIECES, PIECE, burden

SIZE = 8_000_000
MOST_INSTRUCTIONS = 150_000
HEADERS = {b"content-type": FORM.encode()}


def read(path: str, raw: bytes) -> str:
    """Why a body was refused; empty where it was read."""
    row = ROUTES[path.encode()]
    try:
        row.parse(raw, HEADERS)
    except BadRequest as error:
        return error.message
    return ""


@pytest.mark.parametrize(("path", "kind"), every())
def test_a_hostile_body_is_refused_or_read_in_few_steps(path: str, kind: str) -> None:
    raw = BODIES[path][kind](SIZE)
    refused: list[str] = []
    steps = counted(lambda: refused.append(read(path, raw)))
    assert steps < MOST_INSTRUCTIONS
    if not refused[0] and len(raw) > SIZE / 2 and "form-data" not in raw[:100].decode("latin-1"):
        # What is read although it is large is little but text, which costs by the byte.
        assert burden(raw, 10**9) <= MAX_PIECES * PIECE


def test_a_body_that_is_not_small_has_as_many_pieces_as_a_long_conversation() -> None:
    message = b'{"role":"user","content":"%b"}' % (b"a" * 60)
    fits, beyond = (
        b'{"model":"m","messages":[%b]}' % b",".join([message] * n) for n in (9_000, 10_500)
    )
    assert not read("/v1/chat/completions", fits)
    assert "50,000 texts" in read("/v1/chat/completions", beyond)


def test_the_tokens_of_as_long_an_input_as_providers_take_are_read() -> None:
    tokens = b"[%b]" % b",".join([b"99999"] * 8_000)
    raw = b'{"model":"m","input":[%b]}' % b",".join([tokens] * 37)  # 296,000
    assert not read("/v1/embeddings", raw)
