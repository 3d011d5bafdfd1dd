"""How the hub's readers find events in bytes, whatever pieces they come in."""

import pytest

from router.protocols.hub.table import SERVERS

_CHUNK = (
    b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},'
    b'"finish_reason":null}]}'
)
_LAST = b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
_DONE = b"data: [DONE]"


def _events(*pieces: bytes) -> list[object]:
    reader = SERVERS["chat"].reader()
    events: list[object] = []
    for piece in pieces:
        events += reader.feed(piece)
    return [*events, *reader.finish()]


_WHOLE = _events(_CHUNK + b"\n\n", _CHUNK + b"\n\n", _LAST + b"\n\n", _DONE + b"\n\n")


@pytest.mark.parametrize(
    "pieces",
    [
        [b"\n\n".join((_CHUNK, _CHUNK, _LAST, _DONE)) + b"\n\n"],
        [_CHUNK + b"\n", b"\n" + _CHUNK + b"\n\n", _LAST + b"\n\n", _DONE + b"\n\n"],
        [_CHUNK + b"\nd", b"ata: \n\n" + _CHUNK + b"\n\n", _LAST + b"\n\n", _DONE + b"\n\n"],
        [_CHUNK + b"\r\n\r\n", _CHUNK + b"\r\r", _LAST + b"\n\n", _DONE + b"\n\n"],
        [b": hello\n\n", _CHUNK + b"\n\n", b"event: x\n" + _CHUNK + b"\n\n", _LAST + b"\n\n"],
        [_CHUNK + b"\n\n", _CHUNK + b"\n\n\n\n", b"\n\n" + _LAST + b"\n\n", _DONE],
    ],
)
def test_events_are_the_same_however_their_lines_come(pieces: list[bytes]) -> None:
    assert _events(*pieces) == _WHOLE


def test_a_byte_order_mark_before_the_first_event_hides_nothing() -> None:
    told = _events(b"\xef\xbb\xbf" + _CHUNK + b"\n\n", _CHUNK + b"\n\n" + _LAST + b"\n\n", _DONE)
    assert told == _WHOLE
