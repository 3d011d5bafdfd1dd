"""The readers in C beside their twins in Python: targets that load little, for the sanitizers."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from ahead_of_bodies import ahead, at_once

from classifiers.text.bag import UNIT
from classifiers.text.lexical_features import LEXICAL
from classifiers.text.python_reader import python_reader
from classifiers.text.reading import READ
from router.api.filling import Filling, FillingInPython
from router.ledger.text_weights import WEIGHTS, weigh, weigh_in_python
from router.protocols.ahead import utf8_size
from router.protocols.beside import joined, json_in_pieces, may_widen
from router.protocols.burden import burden, burden_in_python
from router.protocols.scan import scan, scan_in_python
from router.protocols.twins import UnsafeBody

_MOST_CHARACTERS: Final = 4000  # as of a prompt


def scanned(data: bytes) -> None:
    """The scan in C says what the scan in Python says, of all that is JSON; of the rest it ends."""
    found = _outcome(scan, data)
    with suppress(orjson.JSONDecodeError):
        if isinstance(orjson.loads(data), dict):
            assert found == _outcome(scan_in_python, data)


def _outcome(scanner: Any, data: bytes) -> object:
    try:
        return scanner(data, frozenset({"a", "model"}))
    except UnsafeBody as error:
        return type(error), str(error), error.param
    except ValueError:
        return ValueError


def weighed(data: bytes) -> None:
    """The weights in C are those in Python."""
    assert weigh(data, WEIGHTS) == weigh_in_python(data, WEIGHTS)


def burdened(data: bytes) -> None:
    """A body burdens as much in C as in Python, where it is JSON; where it is none, it ends."""
    found = burden(data, _MOST_BURDEN)
    with suppress(orjson.JSONDecodeError):
        orjson.loads(data)
        assert found == burden_in_python(data, _MOST_BURDEN)


_MOST_BURDEN: Final = 1 << 40


def prompts(data: bytes) -> None:
    """The numbers that C reads off a prompt are those that Python reads."""
    text = data.decode("utf-8", "replace")[:_MOST_CHARACTERS]
    opened: Any = [([(text, UNIT)], (len(text), 0, 1, 0))]
    read, expected = READ(opened), _READ_IN_PYTHON(opened)
    assert read.lexical.tolist() == expected.lexical.tolist()
    assert read.words.tolist() == expected.words.tolist()
    assert read.pairs.tolist() == expected.pairs.tolist()


def read_ahead(data: bytes) -> None:
    """A body that is read ahead is the body that orjson reads, or is refused alike."""
    for raw in (data, b'{"a":"%b"}' % data, b'{"a":["%b","x"],"b":"%b' % (data, data)):
        assert ahead(raw) == at_once(raw)
    text = data.decode("utf-8", "replace")
    assert utf8_size(text) == len(text.encode())


def filled(data: bytes) -> None:
    """Bytes that came in pieces are what came, whatever was announced."""
    kinds = [Filling(len(data) // 2), FillingInPython(0)]
    for one in kinds:
        for at in range(0, len(data), 7):
            one.add(data[at : at + 7])
        assert len(one) == len(data)
        assert one.take() == data


def written(data: bytes) -> None:
    """Large texts are written as orjson writes them, and pieces are joined as they are."""
    text = data.decode("utf-8", "replace")
    for value in ({"a": text, "b": [text, "x"]}, data.decode("latin-1"), text[:5]):
        assert json_in_pieces(value, 0) == orjson.dumps(value)
    pieces: list[bytes | memoryview] = [memoryview(data)[:9], b"", data]
    assert joined(pieces) == b"".join(pieces)
    assert may_widen(data) == (not data.isascii() or b"\\u" in data)


_READ_IN_PYTHON: Final = python_reader(LEXICAL)

READERS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "scan": scanned,
    "weigh": weighed,
    "burden": burdened,
    "ahead": read_ahead,
    "written": written,
    "filling": filled,
    "prompts": prompts,
}
