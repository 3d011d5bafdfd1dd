"""What asks have in common that are no conversations: each operation says what differs."""

from typing import Any, Final

import orjson

from classifiers.prompt import Prompt
from router.ask import Ask
from router.protocols.scan import Members, scan
from router.protocols.splice import splice

PLAIN_ASK: Final = Ask(
    operation="",
    protocol="openai",
    path="",
    raw=b"",
    body={},
    members={},
    model="",
    stream=False,
    include_usage=True,  # no server of these is to be asked for it
    max_output_tokens=0,
    choices=1,
    user=None,
    tools=(),
    images=0,
    json_schema=False,
    text_bytes=0,
    prompt=Prompt("", (), ()),
    classified=False,
)


def with_default_model(
    raw: bytes, body: dict[str, Any], members: Members, model: str
) -> tuple[bytes, Members]:
    """The same body with a model where it names none: what it is called at OpenAI by default."""
    if body.get("model") is not None:
        return raw, members
    body["model"] = model
    raw = splice(raw, members, {"model": orjson.dumps(model)})
    return raw, scan(raw)
