"""What a client asks, as facts: all that pipeline, policy, ledger, prices and telemetry may see.

An operation's `parse` makes an `Ask` of a request, once. What stands in the body beyond these facts
is read by the modules of the protocol alone (`router.protocols`) and by the backends' dialects.
"""

from collections.abc import Mapping
from typing import Any

from classifiers.prompt import Prompt
from policies.value import value


@value
class Ask:
    """One request; `body` is the parsed `raw` and is never changed.

    `operation` names a row of `router.operations.table`, `protocol` the wire language of the body
    and of the answer; `path` is where a backend that speaks it is asked, below its base address.
    `max_output_tokens` is the largest of the ways to say it, None where none is given; `choices`
    is how many answers are wanted; `images` counts every part that is not text; `text_bytes` is the
    UTF-8 length of all text a model will read, tools and schema included. `headers` are those of
    the request that belong to the protocol. `native` is the body as it came where it came in
    Anthropic's words, `body` being its translation.
    """

    operation: str
    protocol: str
    path: str
    raw: bytes
    body: dict[str, Any]
    model: str
    stream: bool
    include_usage: bool
    max_output_tokens: int | None
    choices: int
    user: str | None
    tools: tuple[str, ...]
    images: int
    json_schema: bool
    text_bytes: int
    prompt: Prompt
    headers: tuple[tuple[str, str], ...] = ()
    native: Mapping[str, Any] | None = None
