"""The hub: a request in the words of no protocol, so that N of them need 4N functions.

A protocol's `read_request` makes a `Conversation` of its body, the `write_request` of another one a
body of it. The hub is a superset of the protocols. What one of them has and the hub does not know
is an `Opaque`: carried where the target speaks the same protocol, else refused by name, or, where
it is only a hint, dropped and named. Nothing that has content vanishes in silence.

JSON that no reader needs to understand (schemas, citations, hosted tools) stays as it was parsed
and is never changed.

A hot file: parts and tools are values, which are the quickest to make; a conversation is a named
tuple, so that one look tells whether it says more than turns, tools, a limit and a stream.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from policies.value import value

Role = Literal["system", "developer", "user", "assistant"]

# The names of what steers sampling, the same here as in chat completions.
SAMPLING: Final = (
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
)
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@value
class Seal:
    """What only its issuer can read: it goes back there unchanged and in place, and nowhere else.

    `issuer` is the protocol of the servers that made it; `kind` is `signature` (of a readable
    thought or of a call) or `redacted` (the thought itself, encrypted).
    """

    issuer: str
    data: str
    kind: str = "signature"


@value
class Opaque:
    """What `protocol` has and the hub does not know: `name` is its place, for a refusal.

    A `hint` may be dropped, and is then named; anything else is carried or refused.
    """

    protocol: str
    name: str
    json: Any
    hint: bool = False


@value
class Citation:
    """Where a text comes from: a web address with its title, or whatever else `json` says.

    `json` is the citation in the words of `protocol`; `text` is what is cited; `start` and `end`
    are the characters of the answer's text it speaks of, where that is known.
    """

    protocol: str
    json: Any
    url: str = ""
    title: str = ""
    text: str = ""
    start: int | None = None
    end: int | None = None


@value
class Text:
    """A text. `cache` of any part is the lifetime of the cache breakpoint behind it, or empty."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: str = ""


@value
class Image:
    """An image: base64 `data` of a `media_type`, or an address."""

    media_type: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""
    cache: str = ""


@value
class Audio:
    """A sound in base64; `format` is its short name, such as `wav`."""

    format: str
    data: str
    cache: str = ""


@value
class File:
    """A document: base64 `data`, a plain `text`, `parts`, or an address."""

    media_type: str = ""
    data: str = ""
    text: str = ""
    url: str = ""
    parts: tuple["Part", ...] = ()
    name: str = ""
    context: str = ""
    cited: bool = False  # its reader wants citations
    cache: str = ""


@value
class SearchResult:
    """What the client's own search found: `parts` of a `source`, with a title."""

    source: str
    title: str
    parts: tuple["Part", ...]
    cited: bool = False
    cache: str = ""


@value
class Thinking:
    """A model's thought, maybe sealed; a redacted one has no text."""

    text: str
    seal: Seal | None = None
    cache: str = ""


@value
class Refusal:
    """What a model says instead of an answer."""

    text: str
    cache: str = ""


@value
class Call:
    """A tool's call. `arguments` is JSON as text, or the free text of a `custom` tool."""

    id: str
    name: str
    arguments: str
    kind: str = "function"
    seal: Seal | None = None
    cache: str = ""


@value
class Result:
    """What a tool returned; `name` is the tool's, where the protocol tells it."""

    call_id: str
    parts: tuple["Part", ...]
    error: bool = False
    name: str = ""
    cache: str = ""


Part = Text | Image | Audio | File | SearchResult | Thinking | Refusal | Call | Result | Opaque


@value
class Turn:
    """What one side says at once; system turns stand where they were said."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    extras: tuple[Opaque, ...] = ()


class Tool(NamedTuple):
    """A tool that the client runs; `kind` is `function` or `custom`, the latter with a `format`
    as responses tell it: `{"type": "grammar", "syntax", "definition"}` is one.

    A named tuple: tools that say no more than name, description and parameters, as most do, come
    by the dozen: `plain_tools` makes them quickly, and one look tells them from the others.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: str = "function"
    format: Any = None
    cache: str = ""
    extras: tuple[Opaque, ...] = ()


TOOL_SAYS_NO_MORE: Final = Tool("")[3:]
_new_tool: Final[Callable[[Iterable[Any]], Tool]] = partial(tuple.__new__, Tool)


def plain_tools(fields: Iterable[tuple[str, str, Mapping[str, Any]]]) -> tuple[Tool, ...]:
    """Tools of their names, descriptions and parameters, that say nothing else."""
    return tuple([_new_tool(three + TOOL_SAYS_NO_MORE) for three in fields])


@value
class Choice:
    """Which tools may be called: `mode` is auto, none, required or tool (then `name`).

    `allowed` names a subset, where there is one; `parallel` is None where nothing is said.
    """

    mode: str = "auto"
    name: str = ""
    allowed: tuple[str, ...] = ()
    parallel: bool | None = None
    explicit: bool = True


@value
class Schema:
    """The JSON that is wanted: any object where `schema` is None."""

    schema: Any = None
    name: str = "answer"
    strict: bool | None = True
    description: str = ""


class Conversation(NamedTuple):
    """One request. `limit` is the most output tokens of one answer; `logprobs` is how many
    alternatives of each token are wanted (None: no log-probabilities at all); `thinking` is
    Anthropic's wish for thoughts as it stands there."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool | Opaque, ...] = ()
    limit: int | None = None
    stream: bool = False
    choice: Choice | None = None
    schema: Schema | None = None
    sampling: Mapping[str, Any] = NOTHING
    stops: tuple[str, ...] = ()
    effort: str = ""
    thinking: Mapping[str, Any] | None = None
    user: str = ""
    tier: str = ""
    logprobs: int | None = None
    n: int = 1
    extras: tuple[Opaque, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it says nothing behind `stream`, as most do."""
        return self[4:] == _NO_MORE


_NO_MORE: Final = Conversation(())[4:]


@value
class Written:
    """A body for a backend or a client, and the names of what was dropped on the way."""

    body: Any
    dropped: tuple[str, ...]
