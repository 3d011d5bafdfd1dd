"""Chat completions as a client asks for them: read once, tolerantly, for what routing needs.

The bytes and the parsed body are kept beside each other: what nothing here understands goes on to
the backend unchanged. Wrong input is a BadRequest with OpenAI's wording and `param`.
"""

from types import MappingProxyType
from typing import Any, Final

import orjson

from classifiers.prompt import SYSTEM_ROLES, Prompt, PromptTurn
from router.ask import NAMED_FILES, NO_FEATURES, NO_MEDIA, Ask, Media
from router.errors import BadRequest
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import parse_members
from router.protocols.fields import (
    MOST_TOKENS,
    OPTIONS,
    check_calls,
    check_options,
    read_flag,
    read_include_usage,
    read_integer,
    read_model,
    read_user,
    wrong_type,
)
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.media.gauge import MediaGauge
from router.protocols.texts import chat_texts

MAX_CHOICES: Final = 128
# Most bodies have none of these: one look for all of them together, by a set, decides that.
_DEMANDING: Final = frozenset(
    ("tools", "functions", "response_format", "logprobs", "metadata", "store")
)
_Demands = tuple[frozenset[str], Media, str | None]
_PLAIN: Final[_Demands] = (NO_FEATURES, NO_MEDIA, None)
# By the type of a part: its kind, and where its bytes stand.
_MEDIA: Final = MappingProxyType(
    {
        "image_url": ("image", "url"),
        "input_audio": ("audio", "data"),
        "audio_url": ("audio", "url"),
        "file": ("file", "file_data"),
        "video_url": ("video", "url"),
        "input_video": ("video", "data"),
    }
)
_OTHER: Final = ("other", "data")


def parse_chat(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/chat/completions; BadRequest where it is wrong."""
    body, members, unknown = parse_members(raw, known_keys.CHAT, known_keys.METERED_OF_CHAT)
    if not OPTIONS.isdisjoint(members):
        check_options(body)
    model = read_model(body)
    stream = "stream" in body and read_flag(body, "stream")
    text = _Text()
    text.read_messages(body.get("messages"))
    tools = text.read_tools(body["tools"]) if "tools" in body else ()
    schema = "response_format" in body and text.read_response_format(body["response_format"])
    plain = not text.images and _DEMANDING.isdisjoint(members)
    features, media, session = _PLAIN if plain else _demands(body, text, schema=schema)
    ask = Ask(
        "chat",
        "chat",
        "/chat/completions",
        raw,
        body,
        members,
        model,
        stream,
        "stream_options" in body and read_include_usage(body),
        _max_output_tokens(body),
        (read_integer(body, "n", 1, MAX_CHOICES) or 1) if "n" in body else 1,
        _user(body) if "user" in body or "safety_identifier" in body else None,
        tools,
        text.images,
        schema,
        text.bytes,
        Prompt("\n".join(text.system), tuple(text.turns), tools),
        features,
        media,
        session,
        () if CHAT_REQUEST.isdisjoint(headers) else of_request(CHAT_REQUEST, headers),
        chat_texts,
    )
    if unknown:
        ask = ask._replace(unknown=unknown)
    return ask if plain or not read_flag(body, "store") else ask._replace(storing=body)


def _demands(body: dict[str, Any], text: "_Text", *, schema: bool) -> _Demands:
    """What a backend must be able to do, what is no text, and the conversation's name."""
    features = {f"hosted:{kind}" for kind in text.hosted or ()}
    if body.get("tools"):
        features.add("tools")
    if body.get("functions"):  # as tools were called once
        features.add("tools")
        text.bytes += len(orjson.dumps(body["functions"]))
    if text.images:
        features.add("vision")  # of any kind: what is no text counts alike
    if schema:
        features.add("json_schema")
    if text.names_files:
        features.add(NAMED_FILES)
    media = text.media.media() if text.media else NO_MEDIA
    if media.audio:
        features.add("audio")
    if media.files or media.videos or media.others:
        features.add("files")
    if body.get("logprobs"):
        features.add("logprobs")
    return frozenset(features), media, _session(body.get("metadata"))


def _user(body: dict[str, Any]) -> str | None:
    return read_user(body) or read_user(body, "safety_identifier")


def _session(metadata: Any) -> str | None:
    named = metadata.get("session_id") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) and named else None


class _Text:
    """What a model will read, gathered in one walk over the body."""

    __slots__ = ("bytes", "hosted", "images", "media", "names_files", "system", "turns")

    def __init__(self) -> None:
        self.bytes = 0
        self.images = 0  # and every other part that is no text
        self.media: MediaGauge | None = None
        self.names_files = False  # that a provider keeps
        self.hosted: list[str] | None = None
        self.system: list[str] = []
        self.turns: list[PromptTurn] = []

    def read_messages(self, messages: Any) -> None:
        if messages is None:
            raise BadRequest("Missing required parameter: 'messages'.", param="messages")
        if not isinstance(messages, list):
            raise wrong_type("messages", "an array of objects")
        if not messages:
            raise BadRequest(
                "Invalid 'messages': empty array. Expected an array with minimum length 1.",
                param="messages",
            )
        for index, message in enumerate(messages):
            self._read_message(message, index)

    def _read_message(self, message: Any, index: int) -> None:
        if not isinstance(message, dict):
            raise wrong_type(f"messages[{index}]", "an object")
        role = message.get("role")
        if not isinstance(role, str):
            raise wrong_type(f"messages[{index}].role", "a string")
        text = message.get("content")
        if not isinstance(text, str):
            text = self._content(text, index)
        self.bytes += len(text) if text.isascii() else utf8_size(text)
        if role in SYSTEM_ROLES:
            self.system.append(text)
        else:
            self.turns.append(PromptTurn(role, text))
        calls = message.get("tool_calls")
        if calls is not None:
            check_calls(calls, f"messages[{index}].tool_calls")
            self.bytes += len(orjson.dumps(calls))

    def _content(self, content: Any, index: int) -> str:
        """A content that is no plain text."""
        if content is None:
            return ""
        if not isinstance(content, list):
            raise wrong_type(f"messages[{index}].content", "a string or an array of objects")
        texts = [
            self._part(part, f"messages[{index}].content[{n}]") for n, part in enumerate(content)
        ]
        return "\n".join(text for text in texts if text)

    def _part(self, part: Any, where: str) -> str:
        if not isinstance(part, dict):
            raise wrong_type(where, "an object")
        kind = part.get("type")
        if not isinstance(kind, str):
            raise wrong_type(f"{where}.type", "a string")
        if kind not in ("text", "refusal"):
            self.images += 1
            self._medium(kind, part.get(kind))
            return ""
        text = part.get(kind)
        if not isinstance(text, str):
            raise wrong_type(f"{where}.{kind}", "a string")
        return text

    def _medium(self, kind: str, held: Any) -> None:
        """Count and measure a part that is no text."""
        kind, field = _MEDIA.get(kind, _OTHER)
        if self.media is None:
            self.media = MediaGauge()
        if isinstance(held, dict):
            self.names_files = self.names_files or bool(held.get("file_id"))
            self.media.add(kind, held.get(field), detail=held.get("detail"))
        else:
            self.media.add(kind, held)

    def read_tools(self, tools: Any) -> tuple[str, ...]:
        if tools is None:
            return ()
        if not isinstance(tools, list):
            raise wrong_type("tools", "an array of objects")
        if tools:
            self.bytes += len(orjson.dumps(tools))
        return tuple([self._tool_name(tool, index) for index, tool in enumerate(tools)])

    def _tool_name(self, tool: Any, index: int) -> str:
        if not isinstance(tool, dict):
            raise wrong_type(f"tools[{index}]", "an object")
        function = tool.get("function")
        if function is None:
            kind = str(tool.get("type", ""))  # a hosted tool: it has a type and no name
            self.hosted = [*(self.hosted or ()), kind[:64]]
            return kind
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str):
            raise wrong_type(f"tools[{index}].function.name", "a string")
        return name

    def read_response_format(self, chosen: Any) -> bool:
        if chosen is None:
            return False
        if not isinstance(chosen, dict):
            raise wrong_type("response_format", "an object")
        schema = chosen.get("type") == "json_schema"
        if schema:
            self.bytes += len(orjson.dumps(chosen))
        return schema


def _max_output_tokens(body: dict[str, Any]) -> int | None:
    """The larger of the two ways to say it."""
    most = read_integer(body, "max_tokens", 1, MOST_TOKENS) if "max_tokens" in body else None
    if "max_completion_tokens" not in body:
        return most
    newer = read_integer(body, "max_completion_tokens", 1, MOST_TOKENS)
    return newer if most is None else most if newer is None else max(most, newer)
