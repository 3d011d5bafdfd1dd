"""Completions as a client asks for them: read once, for what routing and metering need.

A request that names no output limit is given OpenAI's own default, so that a server with another
one cannot serve more than is held for.
"""

from typing import Any, Final

from classifiers.prompt import Prompt, PromptTurn
from router.ask import Ask
from router.operations.texts_in import TOKENS, Texts
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import parse_members
from router.protocols.fields import (
    MOST_TOKENS,
    check_options,
    read_flag,
    read_include_usage,
    read_integer,
    read_model,
    read_user,
    wrong_type,
)
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.splice import with_member
from router.protocols.texts import texts_but

DEFAULT_TOKENS: Final = 16
MAX_CHOICES: Final = 128
_texts: Final = texts_but(
    *("model", "max_tokens", "n", "best_of", "stream", "stream_options", "echo", "logprobs"),
    *("temperature", "top_p", "seed", "user", "logit_bias", "presence_penalty"),
    "frequency_penalty",
)


def parse_completion(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/completions; BadRequest where it is wrong."""
    body, members, unknown = parse_members(raw, known_keys.COMPLETION, known_keys.METERED_OF_CHAT)
    check_options(body)
    model = read_model(body)
    prompts = Texts("" if body.get("prompt") is None else body["prompt"], "prompt")
    suffix = body.get("suffix")
    if not isinstance(suffix, str | None):
        raise wrong_type("suffix", "a string")
    read_flag(body, "echo")
    most = read_integer(body, "max_tokens", 0, MOST_TOKENS)
    if most is None:
        most = body["max_tokens"] = DEFAULT_TOKENS
        raw, members = with_member(raw, members, "max_tokens", b"%d" % most)
    each = max(_choices(body, "n"), _choices(body, "best_of"))
    return Ask(
        operation="completion",
        protocol="openai",
        path="/completions",
        raw=raw,
        body=body,
        members=members,
        model=model,
        stream=read_flag(body, "stream"),
        include_usage=read_include_usage(body),
        max_output_tokens=most,
        choices=each * prompts.count,
        user=read_user(body),
        tools=(),
        images=0,
        json_schema=False,
        text_bytes=prompts.bytes + utf8_size(suffix or ""),
        prompt=Prompt("", (PromptTurn("user", "\n".join(prompts.words)),), ()),
        features=_features(body, prompts),
        headers=of_request(CHAT_REQUEST, headers),
        read_texts=_texts,
        unknown=unknown,
    )


def _choices(body: dict[str, Any], name: str) -> int:
    return read_integer(body, name, 1, MAX_CHOICES) or 1


def _features(body: dict[str, Any], prompts: Texts) -> frozenset[str]:
    """What a backend must be able to do."""
    wanted = {"logprobs": body.get("logprobs") is not None, TOKENS: prompts.tokens}
    return frozenset(name for name, is_wanted in wanted.items() if is_wanted)
