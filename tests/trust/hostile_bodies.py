"""Bodies that are made to keep a gateway busy: each is of one kind, in its worst shape.

Each is made when it is asked for, of the size that is asked for: at the usual limit of 32 MB they
would fill two gigabytes together.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

LARGEST: Final = 32_000_000  # bytes: the usual `limits.body`
BOUNDARY: Final = "edge"
FORM: Final = f"multipart/form-data; boundary={BOUNDARY}"

Make = Callable[[int], bytes]  # of about so many bytes, where its kind can have any size


def _filled(size: int, head: bytes, piece: bytes, tail: bytes) -> bytes:
    """Head and tail with as many pieces between them as there is room for, with commas."""
    count = max(1, (size - len(head) - len(tail)) // (len(piece) + 1))
    return b"".join((head, (piece + b",") * (count - 1), piece, tail))


def _text(size: int, piece: bytes) -> bytes:
    """A chat whose one message says a piece as often as there is room for."""
    head = b'{"model":"auto","messages":[{"role":"user","content":"'
    tail = b'"}]}'
    return b"".join((head, piece * ((size - len(head) - len(tail)) // len(piece)), tail))


def _beside(member: bytes, *, chat: bool = True) -> bytes:
    """A fine request with one more member."""
    if chat:
        return b'{"model":"auto","messages":[{"role":"user","content":"x"}],' + member + b"}"
    return b'{"model":"auto","max_tokens":5,"messages":[{"role":"user","content":"x"}],%b}' % member


def _keys(count: int, *, folded: bool = False, value: bytes = b"0") -> bytes:
    """An object of so many keys."""
    form = b'"%b_%d":%b' if folded else b'"%b%d":%b'
    return b"{%b}" % b",".join([form % (b"k", n, value) for n in range(count)])


def _nested(opening: bytes, closing: bytes, depth: int, inside: bytes = b"") -> bytes:
    return opening * depth + inside + closing * depth


def _schema(width: int, depth: int) -> dict[str, Any]:
    inner = _schema(width, depth - 1) if depth else {"type": "string"}
    names = [f"p{n}" for n in range(width)]
    return {"type": "object", "properties": dict.fromkeys(names, inner), "required": names}


def _tool(number: int) -> bytes:
    return b'{"type":"function","function":{"name":"f%d"}}' % number


def _form(parts: int, size: int) -> bytes:
    """A form of so many small fields, and a file of so many bytes."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'
    fields = "".join(f'{head}f{n}"\r\n\r\nx\r\n' for n in range(parts))
    fields += f'{head}model"\r\n\r\nauto\r\n{head}prompt"\r\n\r\nx\r\n'
    file = f'{head}image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return f"{fields}{file}".encode() + bytes(size) + f"\r\n--{BOUNDARY}--\r\n".encode()


_CHATS: Final = b'{"model":"auto","messages":['
_MESSAGES: Final = b'{"model":"auto","max_tokens":5,"messages":['
_PARTS: Final = _CHATS + b'{"role":"user","content":['
_BLOCKS: Final = _MESSAGES + b'{"role":"user","content":['
_INPUT: Final = b'{"model":"auto","input":['
_HELLO: Final = b'{"role":"user","content":"x"}'
_CALL: Final = b'{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}'

# By path, then by what is odd.
BODIES: Final[Mapping[str, Mapping[str, Make]]] = MappingProxyType(
    {
        "/v1/chat/completions": {
            "arrays 100,000 deep": lambda size: _nested(b"[", b"]", 100_000),
            "objects 100,000 deep": lambda size: _nested(b'{"a":', b"}", 100_000, b"0"),
            "an option 100,000 deep": lambda size: _beside(b'"x":' + _nested(b"[", b"]", 100_000)),
            "an option 190 deep": lambda size: _beside(b'"x":' + _nested(b"[", b"]", 190)),
            "arrays that are never closed": lambda size: b"[" * size,
            "objects that are never closed": lambda size: b'{"a":' * (size // 5),
            "200 deep, many times over": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], _nested(b"[", b"]", 190), b"]}"
            ),
            "200,000 keys": lambda size: _keys(200_000),
            "200,000 keys in an option": lambda size: _beside(b'"x":' + _keys(200_000)),
            "60,000 keys in an option": lambda size: _beside(b'"x":' + _keys(60_000)),
            "60,000 keys, 30 times": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], _keys(60_000), b"]}"
            ),
            "60,000 keys with escapes": lambda size: _beside(
                b'"x":{%b}' % b",".join([b'"\\u006b%d":0' % n for n in range(60_000)])
            ),
            "1,000 keys of the body": lambda size: _beside(_keys(1_000, folded=True)[1:-1]),
            "1,000 keys of an option that is folded": lambda size: _beside(
                b'"stream_options":' + _keys(1_000, folded=True)
            ),
            "small objects of twenty keys": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], _keys(20), b"]}"
            ),
            "small objects with an escaped key": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], b'{"\\u0061":0,"b":0}', b"]}"
            ),
            "keys that are equal": lambda size: _beside(
                b'"x":{%b}' % b",".join([b'"a":0'] * 60_000)
            ),
            "keys of a megabyte": lambda size: _beside(
                b"%b" % b",".join([b'"%b%d":0' % (b"k" * 1_000_000, n) for n in range(8)])
            ),
            "empty objects": lambda size: _filled(size, _beside(b'"x":[')[:-1], b"{}", b"]}"),
            "empty arrays": lambda size: _filled(size, _beside(b'"x":[')[:-1], b"[]", b"]}"),
            "empty texts": lambda size: _filled(size, _beside(b'"x":[')[:-1], b'""', b"]}"),
            "zeros": lambda size: _filled(size, _beside(b'"x":[')[:-1], b"0", b"]}"),
            "decimal numbers": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], b"1.5e300", b"]}"
            ),
            "decimals of many digits": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], b"0." + b"123456789" * 80, b"]}"
            ),
            "words": lambda size: _filled(size, _beside(b'"x":[')[:-1], b"null", b"]}"),
            "an integer of 32 MB": lambda size: _beside(b'"max_tokens":' + b"9" * (size - 200)),
            "a decimal of 32 MB": lambda size: _beside(b'"temperature":0.' + b"9" * (size - 200)),
            "integers of 4,000 digits": lambda size: _filled(
                size, _beside(b'"x":[')[:-1], b"9" * 4_000, b"]}"
            ),
            "1e400": lambda size: _beside(b'"temperature":1e400'),
            "spaces": lambda size: _CHATS + b" " * (size - 200) + _HELLO + b"]}",
            "a text of 32 MB": lambda size: _text(size, b"a"),
            "a text of words": lambda size: _text(size, b"hello world "),
            "a text of lines": lambda size: _text(size, b"\\n"),
            "a text of escapes": lambda size: _text(size, b"\\u0041"),
            "a text of quotes": lambda size: _text(size, b'\\"'),
            "a text of backslashes": lambda size: _text(size, b"\\\\"),
            "a text of two-byte characters": lambda size: _text(size, "é".encode()),
            "a text of three-byte characters": lambda size: _text(size, "漢".encode()),
            "a text of emoji": lambda size: _text(size, "😀".encode()),
            "a text of escaped emoji": lambda size: _text(size, b"\\ud83d\\ude00"),
            "a text of halves of emoji": lambda size: _text(size, b"\\ud83d"),
            "halves of emoji and a zero": lambda size: _text(size, b"\\ud83d\\u0000"),
            "a text that is no UTF-8": lambda size: _text(size, b"a" * 1_000_000 + b"\xff"),
            "a text of base64": lambda size: _text(size, b"QUJD"),
            "a text of digits": lambda size: _text(size, b"4111111111111111 "),
            "a text of dollars": lambda size: _text(size, b"$a"),
            "a text of at signs": lambda size: _text(size, b"a@b."),
            "a text of fences": lambda size: _text(size, b"``` def f(: "),
            "a text of numbered escapes": lambda size: _text(
                size, b"a long word " * 9 + rb"\u00e9"
            ),
            "a text of as many lines as may be": lambda size: _text(
                size, b"hello world hello\\n" * 2
            ),
            "texts as many as may be": lambda size: _filled(
                size, _beside(b'"stop":[')[:-1], b'"%b"' % (b"abc " * 175), b"]}"
            ),
            "a description of 32 MB": lambda size: _beside(
                b'"tools":[{"type":"function","function":{"name":"f","description":"%b"}}]'
                % (b"abc " * ((size - 200) // 4))
            ),
            "a user of 32 MB": lambda size: _beside(b'"user":"%b"' % (b"abc " * (size // 4 - 50))),
            "messages": lambda size: _filled(size, _CHATS, _HELLO, b"]}"),
            "messages without content": lambda size: _filled(size, _CHATS, b'{"role":"a"}', b"]}"),
            "messages of the system": lambda size: _filled(
                size, _CHATS, b'{"role":"system","content":"x"}', b"]}"
            ),
            "messages that are numbers": lambda size: _filled(size, _CHATS, b"1", b"]}"),
            "tiny parts": lambda size: _filled(
                size, _PARTS, b'{"type":"text","text":"x"}', b"]}]}"
            ),
            "parts of every kind": lambda size: _filled(size, _PARTS, b'{"type":"a"}', b"]}]}"),
            "pictures": lambda size: _filled(
                size, _PARTS, b'{"type":"image_url","image_url":{"url":"http://x"}}', b"]}]}"
            ),
            "pictures in base64": lambda size: _filled(
                size,
                _PARTS,
                b'{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}',
                b"]}]}",
            ),
            "a picture of 32 MB": lambda size: (
                _PARTS
                + b'{"type":"image_url","image_url":{"url":"data:image/png;base64,'
                + b"A" * (size - 200)
                + b'"}}]}]}'
            ),
            "a PDF of many pages": lambda size: (
                _PARTS
                + b'{"type":"file","file":{"file_data":"data:application/pdf;base64,'
                + b"JVBERi0xLi9Db3VudCAx" * ((size - 200) // 20)
                + b'"}}]}]}'
            ),
            "calls of tools": lambda size: _filled(
                size, _CHATS + b'{"role":"assistant","tool_calls":[', _CALL, b"]}]}"
            ),
            "calls without arguments": lambda size: _filled(
                size, _CHATS + b'{"role":"assistant","tool_calls":[', b"{}", b"]}]}"
            ),
            "tools": lambda size: _beside(
                b'"tools":[%b]' % b",".join([_tool(n) for n in range(100_000)])
            ),
            "hosted tools": lambda size: _filled(
                size, _beside(b'"tools":[')[:-1], b'{"type":"a"}', b"]}"
            ),
            "a deep schema": lambda size: _beside(
                b'"response_format":{"type":"json_schema","json_schema":%b}'
                % _nested(b'{"type":"object","properties":{"a":', b"}}", 90, b"{}")
            ),
            "a wide schema": lambda size: _beside(
                b'"response_format":{"type":"json_schema","json_schema":%b}'
                % orjson.dumps(_schema(12, 4))
            ),
            "texts to stop at": lambda size: _filled(
                size, _beside(b'"stop":[')[:-1], b'"a"', b"]}"
            ),
            "metadata": lambda size: _beside(b'"metadata":' + _keys(60_000, value=b'"x"')),
            "biases": lambda size: _beside(
                b'"logit_bias":{%b}' % b",".join([b'"%d":1' % n for n in range(60_000)])
            ),
        },
        "/v1/messages": {
            "messages": lambda size: _filled(size, _MESSAGES, _HELLO, b"]}"),
            "tiny blocks": lambda size: _filled(
                size, _BLOCKS, b'{"type":"text","text":"x"}', b"]}]}"
            ),
            "blocks of no kind": lambda size: _filled(size, _BLOCKS, b"{}", b"]}]}"),
            "results of tools": lambda size: _filled(
                size, _BLOCKS, b'{"type":"tool_result","tool_use_id":"c","content":"x"}', b"]}]}"
            ),
            "pictures": lambda size: _filled(
                size,
                _BLOCKS,
                b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"A"}}',
                b"]}]}",
            ),
            "tools": lambda size: _filled(
                size,
                _beside(b'"tools":[', chat=False)[:-1],
                b'{"name":"f","input_schema":{}}',
                b"]}",
            ),
            "blocks of the system": lambda size: _filled(
                size, _beside(b'"system":[', chat=False)[:-1], b'{"type":"text","text":"x"}', b"]}"
            ),
        },
        "/v1/responses": {
            "items": lambda size: _filled(size, _INPUT, _HELLO, b"]}"),
            "outputs of tools": lambda size: _filled(
                size, _INPUT, b'{"type":"function_call_output","call_id":"c","output":"x"}', b"]}"
            ),
            "items of no kind": lambda size: _filled(size, _INPUT, b'{"type":"a"}', b"]}"),
            "references": lambda size: _filled(
                size, _INPUT, b'{"type":"item_reference","id":"m"}', b"]}"
            ),
        },
        "/v1/completions": {
            "a prompt of 32 MB": lambda size: (
                b'{"model":"auto","prompt":"%b"}' % (b"abc " * (size // 4 - 50))
            ),
        },
        "/v1/embeddings": {
            "a text of 32 MB": lambda size: (
                b'{"model":"auto","input":"%b"}' % (b"abc " * (size // 4 - 50))
            ),
            "texts": lambda size: _filled(size, _INPUT, b'"x"', b"]}"),
            "tokens": lambda size: _filled(size, _INPUT, b"1", b"]}"),
            "lists of tokens": lambda size: _filled(size, _INPUT, b"[1]", b"]}"),
        },
        "/v1/images/edits": {
            "250 fields": lambda size: _form(250, 0),
            "100,000 fields": lambda size: _form(100_000, 0),
            "a file of 31 MB": lambda size: _form(1, size - 1_000),
        },
    }
)


def every() -> list[tuple[str, str]]:
    """The path and the kind of each."""
    return [(path, kind) for path, kinds in BODIES.items() for kind in kinds]
