"""How servers tell the size of a request without answering it: one row for each way.

A row takes the call that would have asked the model, and makes of it the call that asks for its
size: so what is counted is what would be sent, translated and fitted like any request. `BY_DIALECT`
says which ways the servers of a dialect may have, and which of them all do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from router.backends.backend import Backend
from router.backends.dialects.base import Dialect
from router.backends.dialects.openai import OpenAI
from router.backends.dialects.table import DIALECTS

NOWAY: Final = "none"  # as `counts` has it: this server is not asked
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counting:
    """One way.

    `speaker` writes the request, `beside` names those of its members that the endpoint does not
    take, none of which a model reads. `place` makes the path of that of the request, `shaped` the
    body, and `size` finds the number in an answer: it may raise what JSON of another shape
    raises. `protocol` is in whose words that answer is, empty where no client of ours speaks them.
    """

    speaker: Dialect
    protocol: str
    place: Callable[[str], str]
    size: Callable[[Mapping[str, Any]], Any]
    beside: frozenset[str] = frozenset()
    shaped: Callable[[Body, Backend], Body] = lambda body, _backend: body


def _instead(old: str, new: str) -> Callable[[str], str]:
    """The address with another end."""
    return lambda path: path.removesuffix(old) + new


def _at_vertex(path: str) -> str:
    """Beside the models, whichever is asked."""
    return f"{path.rpartition('/')[0]}/count-tokens:rawPredict"


def _at_root(path: str) -> str:
    """Where vLLM has what is no part of OpenAI's API: beside its `/v1`."""
    return path.removesuffix("/chat/completions").removesuffix("/v1") + "/tokenize"


def _wrapped(body: Body, backend: Backend) -> Body:
    """Google's Gemini API takes all but bare contents as the request that it is."""
    model = f"models/{backend.model.removeprefix('models/')}"
    return {"generateContentRequest": {"model": model, **body}}


def _named(body: Body, backend: Backend) -> Body:
    return {"model": backend.model, **body}


_NOT_OF_MESSAGES: Final = frozenset(
    (
        *("betas", "container", "diagnostics", "fallback_credit_token", "fallbacks"),
        *("inference_geo", "max_tokens", "metadata", "service_tier", "stop_sequences", "stream"),
        *("temperature", "thread", "top_k", "top_p"),
    )
)
_NOT_OF_RESPONSES: Final = frozenset(
    (
        *("access_programs", "background", "background_options", "context_management", "image"),
        *("include", "max_output_tokens", "max_tool_calls", "metadata", "moderation", "prompt"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "stream"),
        *("safety_identifier", "service_tier", "store", "stream_options", "temperature"),
        *("top_logprobs", "top_p", "user"),
    )
)
_NOT_OF_CHATS: Final = frozenset(
    ("max_tokens", "max_completion_tokens", "stream", "stream_options")
)
_NOT_OF_VERTEX: Final = frozenset(("cachedContent", "labels", "safetySettings", "toolConfig"))

_MESSAGES: Final = Counting(
    DIALECTS["anthropic"],
    "messages",
    _instead("", "/count_tokens"),
    lambda answer: answer["input_tokens"],
    _NOT_OF_MESSAGES,
)
_RESPONSES: Final = Counting(
    DIALECTS["responses"],
    "responses",
    _instead("", "/input_tokens"),
    lambda answer: answer["input_tokens"],
    _NOT_OF_RESPONSES,
)
_CONTENTS: Final = Counting(
    DIALECTS["gemini"],
    "gemini",
    _instead(":generateContent", ":countTokens"),
    lambda answer: answer["totalTokens"],
    shaped=_wrapped,
)
_BY_OPENAI: Final = MappingProxyType(
    {
        "responses": _RESPONSES,
        "messages": Counting(
            OpenAI("messages", "/messages", frozenset({"messages"})),
            "messages",
            _MESSAGES.place,
            _MESSAGES.size,
            _NOT_OF_MESSAGES,
        ),
        "tokenize": Counting(
            DIALECTS["openai"],
            "",
            _at_root,
            lambda answer: answer["count"],
            _NOT_OF_CHATS,
        ),
    }
)
# By dialect: the ways by name. The first of one that is no `openai` is what all its servers have.
BY_DIALECT: Final[Mapping[str, Mapping[str, Counting]]] = MappingProxyType(
    {
        "openai": _BY_OPENAI,
        "responses": {"responses": _RESPONSES},
        "anthropic": {"messages": _MESSAGES},
        "vertex-anthropic": {
            "messages": Counting(
                DIALECTS["vertex-anthropic"],
                "messages",
                _at_vertex,
                _MESSAGES.size,
                _NOT_OF_MESSAGES,
                _named,
            )
        },
        "gemini": {
            "gemini": _CONTENTS,
            "vertex": Counting(
                DIALECTS["gemini"], "gemini", _CONTENTS.place, _CONTENTS.size, _NOT_OF_VERTEX
            ),
        },
    }
)


def ways_of(dialect: str) -> Mapping[str, Counting]:
    """The ways that servers of a dialect may have, by name."""
    return BY_DIALECT.get(dialect, {})


def usual_way(dialect: str) -> str:
    """The way that all servers of a dialect have; NOWAY where some do not."""
    return NOWAY if dialect == "openai" else next(iter(ways_of(dialect)), NOWAY)
