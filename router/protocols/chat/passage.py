"""Answers of servers that speak chat completions, to clients that do: the bytes go through.

Of a whole answer only content in parts is made a text, and arguments of calls that are none. Of a
stream only two things are changed: the usage chunk that the gateway asked for is hidden from a
client that did not ask, and so is the `"usage": null` that it brings along.
"""

from typing import Any

import orjson

from router.ask import Ask
from router.protocols.chat.choices import checked_choices, flatten, is_one_text, mend_calls
from router.protocols.chat.passing_stream import ChatStream
from router.protocols.error_inside import refuse_error_inside
from router.protocols.headers import CHAT_ANSWER
from router.protocols.passage import Reply, read_object
from router.protocols.spoken import spoken_tokens
from router.protocols.told import UNTOLD, served
from router.protocols.usage import completed, read_usage


class ChatPassage:
    """Reads chat completions."""

    headers = CHAT_ANSWER
    notes = ()
    types = ()

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """Read `usage` and `model`; the body goes on as it came."""
        body = read_object(raw)
        refuse_error_inside(body)
        choices: Any = body.get("choices")
        changed = False
        if not is_one_text(choices):
            choices = checked_choices(body, "message")
            changed = flatten(choices, "message") | mend_calls(choices, "message")
        usage = read_usage(body.get("usage"), ask)
        if usage is None or usage.output_tokens == UNTOLD:
            usage = completed(usage, ask, spoken_tokens(choices))
        if "service_tier" in body:
            usage = served(usage, body["service_tier"])
        model = body.get("model")
        return Reply(
            orjson.dumps(body) if changed else raw.strip(),
            usage,
            model if isinstance(model, str) else None,
        )

    def stream(self, ask: Ask) -> ChatStream:
        """Relay the chunks."""
        return ChatStream(ask)
