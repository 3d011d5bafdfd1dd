"""Faults of the simulator, asked for by the model's name: `model?fault=NAME&key=value`.

With `only=WORD` a fault strikes only requests whose body holds that word: a server that dies of
images, say, or of one customer's prompts.

NAME          keys                        what happens
status        status, retry_after, code   an error answer; `says` is its message
huge_error    -                           an error answer of many megabytes
slow          seconds                     the first byte comes late
html          -                           status 200, and the body is a web page
error_inside  -                           status 200, and the body is an error
base_resp     -                           the same as MiniMax writes it
redirect      to                          a redirect
gzip          -                           a compressed body although none was asked for
garbage       -                           a stream of events that are not JSON
endless       -                           one event that never ends
long          megabytes                   a sound stream of so much text
stall         after                       silence after so many tokens, until the client leaves
reset         after                       the connection breaks after so many tokens
error_event   after                       an error event after so many tokens
cut           after                       a clean end of the stream after so many tokens
no_done       -                           the stream ends without [DONE]
no_usage      -                           no usage in the answer
bad_usage     -                           usage is negative
much_usage    -                           usage claims more output than anyone allowed
"""

import gzip
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.sse import encode
from router.simulator.exchange import Broken, SimulatedExchange

Options = Mapping[str, str]
Instead = Callable[[SimulatedExchange, Options], Awaitable[bool]]
Midway = Callable[[SimulatedExchange], Awaitable[None]]
MEBIBYTE: Final = 1024 * 1024
_WORDS: Final = 2_000  # of an event of what is long


class CutShort(Exception):
    """The stream ends early, with a proper end of the HTTP body."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an answer.

    `instead` answers in the simulator's place if it returns true, `midway` is called after some
    tokens, `usage` changes the usage in the answer, `done` is whether [DONE] is sent.
    """

    instead: Instead | None = None
    midway: Midway | None = None
    usage: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda usage: usage
    done: bool = True


NO_FAULT: Final = Fault()


async def _status(exchange: SimulatedExchange, options: Options) -> bool:
    headers = (("retry-after", options["retry_after"]),) if "retry_after" in options else ()
    message = options.get("says") or f"simulated failure {options.get('echo', '')}".strip()
    error = {"message": message, "type": "simulated", "code": options.get("code")}
    await exchange.reply(int(options.get("status", "500")), {"error": error}, headers)
    return True


async def _huge_error(exchange: SimulatedExchange, _options: Options) -> bool:
    await exchange.head(500, "application/json")
    for _ in range(100):
        await exchange.write(b"x" * MEBIBYTE)
        await exchange.wait(0.001)
    await exchange.write(b"", more=False)
    return True


async def _slow(exchange: SimulatedExchange, options: Options) -> bool:
    await exchange.wait(float(options.get("seconds", "60")))
    return False


async def _html(exchange: SimulatedExchange, _options: Options) -> bool:
    await exchange.reply_bytes(200, b"<html>Please log in</html>", "text/html")
    return True


async def _error_inside(exchange: SimulatedExchange, _options: Options) -> bool:
    await exchange.reply(200, {"error": {"message": "out of memory", "code": 503}})
    return True


async def _base_resp(exchange: SimulatedExchange, _options: Options) -> bool:
    await exchange.reply(200, {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}})
    return True


async def _redirect(exchange: SimulatedExchange, options: Options) -> bool:
    to = options.get("to", "http://169.254.169.254/latest/meta-data")
    await exchange.reply_bytes(307, b"", "text/plain", (("location", to),))
    return True


async def _gzip(exchange: SimulatedExchange, _options: Options) -> bool:
    bomb = gzip.compress(b" " * (8 * MEBIBYTE))
    await exchange.reply_bytes(200, bomb, "application/json", (("content-encoding", "gzip"),))
    return True


async def _garbage(exchange: SimulatedExchange, _options: Options) -> bool:
    await exchange.begin_stream()
    await exchange.write(b"data: {not json\n\ndata: [1,\n\n", more=False)
    return True


async def _endless(exchange: SimulatedExchange, _options: Options) -> bool:
    await exchange.begin_stream()
    await exchange.write(b"data: ")
    for _ in range(64):
        await exchange.write(b"x" * MEBIBYTE)
        await exchange.wait(0.001)
    return True


async def _long(exchange: SimulatedExchange, options: Options) -> bool:
    head = {"id": "simulated", "object": "chat.completion.chunk", "created": 1, "model": "long"}
    said = {"index": 0, "delta": {"content": "word " * _WORDS}, "finish_reason": None}
    event, count = orjson.dumps(head | {"choices": [said]}), 0
    await exchange.begin_stream()
    while count * len(event) < int(options.get("megabytes", "1")) * MEBIBYTE:
        await exchange.event(event)
        count += 1
    ended = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": count * _WORDS}
    usage["total_tokens"] = sum(usage.values())
    await exchange.event(orjson.dumps(head | {"choices": [ended]}))
    await exchange.event(orjson.dumps(head | {"choices": [], "usage": usage}))
    await exchange.write(encode(b"[DONE]"), more=False)
    return True


async def _stall(exchange: SimulatedExchange) -> None:
    await exchange.wait(3600.0)


async def _reset(_exchange: SimulatedExchange) -> None:
    raise Broken


async def _error_event(exchange: SimulatedExchange) -> None:
    error = {"error": {"message": "simulated failure in the middle", "code": 500}}
    await exchange.wait(0.02)  # so that the tokens before it have been read
    await exchange.event(orjson.dumps(error))
    await exchange.write(b"", more=False)
    raise CutShort


async def _cut(exchange: SimulatedExchange) -> None:
    await exchange.write(b"", more=False)
    raise CutShort


def _negative(usage: dict[str, Any]) -> dict[str, Any]:
    return usage | {"completion_tokens": -5, "prompt_tokens": 1.5}


def _much(usage: dict[str, Any]) -> dict[str, Any]:
    return usage | {"completion_tokens": 2_000_000}


FAULTS: Final = MappingProxyType(
    {
        "": NO_FAULT,
        "status": Fault(instead=_status),
        "huge_error": Fault(instead=_huge_error),
        "slow": Fault(instead=_slow),
        "html": Fault(instead=_html),
        "error_inside": Fault(instead=_error_inside),
        "base_resp": Fault(instead=_base_resp),
        "redirect": Fault(instead=_redirect),
        "gzip": Fault(instead=_gzip),
        "garbage": Fault(instead=_garbage),
        "endless": Fault(instead=_endless),
        "long": Fault(instead=_long),
        "stall": Fault(midway=_stall),
        "reset": Fault(midway=_reset),
        "error_event": Fault(midway=_error_event),
        "cut": Fault(midway=_cut),
        "no_done": Fault(done=False),
        "no_usage": Fault(usage=lambda _usage: None),
        "bad_usage": Fault(usage=_negative),
        "much_usage": Fault(usage=_much),
    }
)
