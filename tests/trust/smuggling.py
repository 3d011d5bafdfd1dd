"""Requests that two readers may take differently: what is sent, and how many requests it is.

Each case is all that a client sends on one connection. `served` says how many requests the backend
may see of it: none, or the one that is whole before anything is doubtful. Never may it see HIDDEN,
which every case carries where a reader that errs would take it for a request.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from edgekit import BODY, PATH

KEY: Final = b"@KEY@"
_HIDDEN: Final = BODY.replace(b"hi", b"HIDDEN")
_LINE: Final = f"POST {PATH} HTTP/1.1\r\n".encode()
_WHO: Final = b"Host: x\r\nAuthorization: Bearer " + KEY + b"\r\n"
_SIZE: Final = b"%d" % len(BODY)
_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
_END: Final = b"0\r\n\r\n"
_CHUNK: Final = b"%x\r\n%b\r\n" % (len(BODY), BODY)
HIDDEN: Final = b"%b%bContent-Length: %d\r\n\r\n%b" % (_LINE, _WHO, len(_HIDDEN), _HIDDEN)


class Case(NamedTuple):
    """What is sent, and how many requests a backend may see of it."""

    name: str
    sent: bytes
    served: int


def _headed(lines: bytes, body: bytes) -> bytes:
    return _LINE + _WHO + lines + b"\r\n" + body


def _sized(value: bytes, name: bytes = b"Content-Length:") -> bytes:
    return _headed(name + b" " + value + b"\r\n", BODY + HIDDEN)


def _coded(value: bytes, name: bytes = b"Transfer-Encoding:") -> bytes:
    return _headed(name + value + b"\r\n", _CHUNK + _END + HIDDEN)


def _chunks(body: bytes) -> bytes:
    return _headed(_CHUNKED, body)


def _lined(lines: bytes) -> bytes:
    """A whole request with these lines in its head; what hides stands behind it."""
    return _headed(lines + b"Content-Length: " + _SIZE + b"\r\n", BODY + HIDDEN)


def _asked(line: bytes, who: bytes = _WHO) -> bytes:
    return line + who + b"Content-Length: " + _SIZE + b"\r\n\r\n" + BODY + HIDDEN


_BOTH: Final = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n"
# Every table: name -> bytes. None of these is a request.
_LENGTHS: Final[Mapping[str, bytes]] = {
    "plus": b"+" + _SIZE,
    "minus": b"-1",
    "hexadecimal": b"0x48",
    "a list": _SIZE + b", " + _SIZE,
    "a list of two": _SIZE + b",0",
    "a space inside": b"7 2",
    "letters behind": _SIZE + b"abc",
    "empty": b"",
    "beyond 64 bits": b"18446744073709551688",
    "very long": b"1" * 60,
    "other digits": "\u0967\u0968".encode(),
    "a fraction": _SIZE + b".0",
    "an underscore": b"7_2",
    "a NUL": _SIZE + b"\x00",
    "a vertical tab": b"\x0b" + _SIZE,
    "quoted": b'"' + _SIZE + b'"',
}
_CODINGS: Final[Mapping[str, bytes]] = {
    "xchunked": b" xchunked",
    "identity": b" identity",
    "identity, chunked": b" identity, chunked",
    "chunked, identity": b" chunked, identity",
    "gzip, chunked": b" gzip, chunked",
    "chunked twice": b" chunked, chunked",
    "a parameter": b" chunked;q=1",
    "quoted": b' "chunked"',
    "a vertical tab before": b" \x0bchunked",
    "a vertical tab behind": b" chunked\x0b",
    "a NUL": b" chunked\x00",
    "a CR inside": b" chu\rnked",
    "a comma before": b" ,chunked",
    "a comma behind": b" chunked,",
    "empty": b"",
    "folded": b"\r\n chunked",
    "folded behind": b" chunked\r\n\tx",
    "a bare LF before": b"\n chunked",
    "a letter of another alphabet": " \u0441hunked".encode(),
    "a second line": b" chunked\r\nTransfer-Encoding: chunked",
    "a second line, identity": b" chunked\r\nTransfer-Encoding: identity",
}
_CHUNKINGS: Final[Mapping[str, bytes]] = {
    "a size with a plus": b"+%x\r\n%b\r\n" % (len(BODY), BODY) + _END,
    "a size with 0x": b"0x%x\r\n%b\r\n" % (len(BODY), BODY) + _END,
    "a size with a minus": b"-1\r\n" + BODY + b"\r\n" + _END,
    "a size behind a space": b" %x\r\n%b\r\n" % (len(BODY), BODY) + _END,
    "a size before a space": b"%x \r\n%b\r\n" % (len(BODY), BODY) + _END,
    "a size beyond 64 bits": b"%b%x\r\n%b\r\n" % (b"1" + b"0" * 16, len(BODY), BODY) + _END,
    "no size": b"\r\n" + BODY + b"\r\n" + _END,
    "a size that is none": b"xyz\r\n" + BODY + b"\r\n" + _END,
    "a size line that ends with LF": b"%x\n%b\r\n" % (len(BODY), BODY) + _END,
    "a size line that ends with CR": b"%x\r%b\r\n" % (len(BODY), BODY) + _END,
    "no line end behind the data": b"%x\r\n%b" % (len(BODY), BODY) + _END,
    "LF behind the data": b"%x\r\n%b\n" % (len(BODY), BODY) + _END,
    "more data than its size": b"%x\r\n%bMORE\r\n" % (len(BODY), BODY) + _END,
    "an extension with a bare LF": b"%x;a\nb\r\n%b\r\n" % (len(BODY), BODY) + _END,
    "an extension with a bare CR": b"%x;a\rb\r\n%b\r\n" % (len(BODY), BODY) + _END,
    "an extension with a NUL": b"%x;a=\x00\r\n%b\r\n" % (len(BODY), BODY) + _END,
    "the last chunk ends with LF": _CHUNK + b"0\n\n",
    "a trailer without a colon": _CHUNK + b"0\r\nnothing\r\n\r\n",
    "a trailer with a space before its colon": _CHUNK + b"0\r\na : b\r\n\r\n",
    "a trailer that is a length": _CHUNK + b"0\r\nContent-Length: 999\r\n\r\n",
    "a trailer that is a coding": _CHUNK + b"0\r\nTransfer-Encoding: x\r\n\r\n",
    "a folded trailer": _CHUNK + b"0\r\n a: b\r\n\r\n",
    "a trailer with a NUL": _CHUNK + b"0\r\na: \x00\r\n\r\n",
    "trailers larger than a head": _CHUNK + b"0\r\n" + b"a: b\r\n" * 60_000 + b"\r\n",
    "one trailer larger than a head": _CHUNK + b"0\r\na: " + b"b" * 400_000 + b"\r\n\r\n",
}
_LINES: Final[Mapping[str, bytes]] = {
    "a space before the colon": b"A : b\r\n",
    "a tab before the colon": b"A\t: b\r\n",
    "no colon": b"nothing\r\n",
    "no name": b": b\r\n",
    "folded": b"A: b\r\n c\r\n",
    "a bare CR": b"A: b\rC: d\r\n",
    "a NUL": b"A: \x00\r\n",
    "a control character in the name": b"A\x01: b\r\n",
    "a space in the name": b"A b: c\r\n",
    "another alphabet in the name": "\u0410: b\r\n".encode(),
    "DEL in the name": b"A\x7f: b\r\n",
    "brackets in the name": b"A[]: b\r\n",
    "a second host": b"Host: x\r\n",
    "a second host, another": b"hOsT: y\r\n",
    "a coding behind a space": b" Transfer-Encoding: chunked\r\n",
    "a coding with a space before its colon": b"Transfer-Encoding : chunked\r\n",
    "a length with a space before its colon": b"Content-Length : 0\r\n",
    "a second length, the same": b"Content-Length: " + _SIZE + b"\r\n",
    "a second length, another": b"Content-Length: 0\r\n",
    "a coding beside a length": _CHUNKED,
    "a coding beside a length, folded": b"Transfer-Encoding:\r\n chunked\r\n",
}
_STARTS: Final[Mapping[str, bytes]] = {
    "no version": b"POST %b\r\n" % PATH.encode(),
    "HTTP/0.9": b"POST %b HTTP/0.9\r\n" % PATH.encode(),
    "HTTP/1.2": b"POST %b HTTP/1.2\r\n" % PATH.encode(),
    "HTTP/2.0": b"POST %b HTTP/2.0\r\n" % PATH.encode(),
    "HTTP/11": b"POST %b HTTP/11\r\n" % PATH.encode(),
    "http/1.1": b"POST %b http/1.1\r\n" % PATH.encode(),
    "a word behind the version": b"POST %b HTTP/1.1 x\r\n" % PATH.encode(),
    "a tab": b"POST\t%b HTTP/1.1\r\n" % PATH.encode(),
    "a CR in the target": b"POST %b\r/ HTTP/1.1\r\n" % PATH.encode(),
    "a NUL in the target": b"POST %b\x00 HTTP/1.1\r\n" % PATH.encode(),
    "a small method": b"post %b HTTP/1.1\r\n" % PATH.encode(),
    "a method that is none": b"P@ST %b HTTP/1.1\r\n" % PATH.encode(),
    "a space before": b" " + _LINE,
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an answer": b"HTTP/1.1 200 OK\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


def refused() -> Iterator[Case]:
    """What is no request: the backend sees nothing of it."""
    for name, value in _LENGTHS.items():
        yield Case(f"length: {name}", _sized(value), 0)
    for name, value in _CODINGS.items():
        yield Case(f"coding: {name}", _coded(value), 0)
    for name, body in _CHUNKINGS.items():
        yield Case(f"chunks: {name}", _chunks(body + HIDDEN), 0)
    for name, lines in _LINES.items():
        yield Case(f"head: {name}", _lined(lines), 0)
    for name, line in _STARTS.items():
        yield Case(f"start: {name}", _asked(line), 0)
    alone = b"Authorization: Bearer " + KEY + b"\r\n"
    old = b"POST %b HTTP/1.0\r\n" % PATH.encode()
    yield Case("start: no host", _asked(_LINE, alone), 0)
    yield Case("start: HTTP/1.0 in chunks", old + _WHO + _CHUNKED + b"\r\n" + _CHUNK + _END, 0)
    yield Case("CL.TE", _headed(_BOTH % 4, b"0\r\n\r\n" + HIDDEN), 0)
    yield Case("TE.CL", _headed(_BOTH % len(_CHUNK + _END), _CHUNK + _END + HIDDEN), 0)
    yield Case("too large a body", _headed(b"Content-Length: 99999999\r\n", HIDDEN), 0)
    stranger = _LINE + b"Host: x\r\nContent-Length: %d\r\n\r\n" % (9 + len(HIDDEN))
    yield Case("no key, and a body that does not come", stranger + HIDDEN, 0)
    yield Case("a body where none is read", b"GET /v1/models" + stranger[len(_LINE) - 11 :], 0)


def one() -> Iterator[Case]:
    """What is one request, with something behind it that must not become another one."""
    size = b"Content-Length: " + _SIZE + b"\r\n"
    old = b"POST %b HTTP/1.0\r\n" % PATH.encode()
    for name, lines in {
        "it closes": b"Connection: close\r\n",
        "it hides its length": b"Connection: close, content-length\r\n",
        "it hides its key": b"Connection: close, authorization\r\n",
        "an underscore": b"Transfer_Encoding: chunked\r\nConnection: close\r\n",
        "it offers HTTP/2, and closes": b"Connection: close\r\nUpgrade: h2c\r\n",
    }.items():
        yield Case(name, _headed(lines + size, BODY + HIDDEN), 1)
    yield Case("HTTP/1.0", old + _WHO + size + b"\r\n" + BODY + HIDDEN, 1)
    yield Case("what is no request behind it", _headed(size, BODY + b"x: y\r\n" + HIDDEN), 1)
    closing = _CHUNKED + b"Connection: close\r\n"
    for name, body in {
        "in chunks": _CHUNK + _END,
        "in capitals": _CHUNK.upper()[:4] + _CHUNK[4:] + _END,
        "with extensions": b"%x;a=b\r\n%b\r\n" % (len(BODY), BODY) + _END,
        "trailers": _CHUNK + b"0\r\nHost: y\r\nAuthorization: Bearer x\r\n\r\n",
    }.items():
        yield Case(f"in chunks: {name}", _headed(closing, body + HIDDEN), 1)


CASES: Final = (*refused(), *one())
