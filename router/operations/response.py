"""Responses as a client asks for them: read once, tolerantly, for what routing needs.

The body is read in its own words and kept beside these facts. An item of a kind that nothing here
knows is the chosen backend's matter; here it counts as text that a model will read.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

import orjson

from classifiers.prompt import SYSTEM_ROLES, Prompt, PromptTurn
from router.ask import NAMED_FILES, NO_FEATURES, NO_MEDIA, STORED_STATE, Ask
from router.errors import BadRequest
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import Names, parse_members
from router.protocols.fields import (
    MOST_TOKENS,
    read_flag,
    read_include_usage,
    read_integer,
    read_model,
    read_user,
    wrong_type,
)
from router.protocols.headers import CHAT_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.media.gauge import MediaGauge
from router.protocols.responses.kept import is_reference
from router.protocols.responses.state import names_files, names_state
from router.protocols.responses.tools import CLIENT_TOOLS, is_search
from router.protocols.scan import Members
from router.protocols.texts import response_texts

MAX_LOGPROBS: Final = 20
# What names something that the provider keeps.
_REFERENCES: Final = ("previous_response_id", "conversation", "prompt")
_TEXTS: Final = MappingProxyType(
    {
        "input_text": "text",
        "output_text": "text",
        "text": "text",
        "summary_text": "text",
        "reasoning_text": "text",
        "refusal": "refusal",
    }
)
# By the type of a part: its kind, and where its bytes stand.
_MEDIA: Final = MappingProxyType(
    {
        "input_image": ("image", "image_url"),
        "input_file": ("file", "file_data"),
        "input_audio": ("audio", "input_audio"),
        "computer_screenshot": ("image", "image_url"),
    }
)
_CALLS: Final = MappingProxyType({"function_call": "arguments", "custom_tool_call": "input"})
_OUTPUTS: Final = frozenset(
    ("function_call_output", "custom_tool_call_output", "computer_call_output")
)


def parse_response(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/responses; BadRequest where it is wrong."""
    return response_of(raw, members_of(raw), headers)


def members_of(raw: bytes) -> tuple[dict[str, Any], Members, Names]:
    """Parse a body; BadRequest where it is no object, or too much of one."""
    return parse_members(raw, known_keys.RESPONSES, known_keys.METERED_OF_RESPONSES)


def response_of(raw: bytes, parsed: tuple[dict[str, Any], Members, Names], headers: Fields) -> Ask:
    """Read a body that was parsed; BadRequest where it is wrong."""
    body, members, unknown = parsed
    model = read_model(body)
    _check_options(body)
    facts = _Facts()
    facts.read_instructions(body.get("instructions"))
    facts.read_input(body)
    tools = facts.read_tools(body["tools"]) if "tools" in body else ()
    schema = "text" in body and facts.read_text(body["text"])
    most = read_integer(body, "max_output_tokens", 1, MOST_TOKENS)
    stream = "stream" in body and read_flag(body, "stream")
    if "background" in body:
        read_flag(body, "background")
    user = read_user(body)
    return Ask(
        "response",
        "responses",
        "/responses",
        raw,
        body,
        members,
        model,
        stream,
        True,
        most,
        1,
        user or read_user(body, "safety_identifier"),
        tools,
        facts.others,
        schema,
        facts.bytes,
        Prompt("\n".join(facts.system), tuple(facts.turns), tools),
        facts.all_features(body, schema=schema),
        facts.media.media() if facts.media else NO_MEDIA,
        _session(body),
        () if CHAT_REQUEST.isdisjoint(headers) else of_request(CHAT_REQUEST, headers),
        response_texts,
        unknown=unknown,
    )


def _check_options(body: dict[str, Any]) -> None:
    """BadRequest where an option that dialects translate is of the wrong type."""
    if "stream_options" in body:
        read_include_usage(body)
    if "store" in body:
        read_flag(body, "store")
    if "top_logprobs" in body:
        read_integer(body, "top_logprobs", 0, MAX_LOGPROBS)
    if not isinstance(body.get("tool_choice"), str | dict | None):
        raise wrong_type("tool_choice", "a string or an object")
    if not isinstance(body.get("reasoning"), dict | None):
        raise wrong_type("reasoning", "an object")
    include = body.get("include")
    if include is not None and not (
        isinstance(include, list) and all(isinstance(name, str) for name in include)
    ):
        raise wrong_type("include", "an array of strings")


def _session(body: dict[str, Any]) -> str | None:
    """The client's own name for the conversation."""
    conversation, metadata = body.get("conversation"), body.get("metadata")
    names = (
        conversation.get("id") if isinstance(conversation, dict) else conversation,
        body.get("prompt_cache_key"),
        metadata.get("session_id") if isinstance(metadata, dict) else None,
    )
    return next((name for name in names if isinstance(name, str) and name), None)


class _Facts:
    """What a model will read, gathered in one walk over the body."""

    __slots__ = ("bytes", "features", "media", "others", "system", "turns")

    def __init__(self) -> None:
        self.bytes = 0
        self.others = 0  # parts that are no text
        self.media: MediaGauge | None = None
        self.features: set[str] = set()
        self.system: list[str] = []
        self.turns: list[PromptTurn] = []

    def all_features(self, body: dict[str, Any], *, schema: bool) -> frozenset[str]:
        """What a backend must be able to do."""
        features = self.features
        if self.others:
            features.add("vision")  # of any kind: what is no text counts alike
            media = self.media.media() if self.media else NO_MEDIA
            if media.audio:
                features.add("audio")
            if media.files or media.others:
                features.add("files")
        if schema:
            features.add("json_schema")
        if body.get("top_logprobs") or "message.output_text.logprobs" in (
            body.get("include") or ()
        ):
            features.add("logprobs")
        if any(body.get(name) for name in _REFERENCES):
            features.add(STORED_STATE)
        return frozenset(features) if features else NO_FEATURES

    def read_instructions(self, instructions: Any) -> None:
        if instructions is None:
            return
        if isinstance(instructions, list):  # as answers may tell it
            self._items(instructions, "instructions")
        elif isinstance(instructions, str):
            self.system.append(self._sized(instructions))
        else:
            raise wrong_type("instructions", "a string")

    def read_input(self, body: dict[str, Any]) -> None:
        given = body.get("input")
        if given is None:
            if not any(body.get(name) for name in _REFERENCES):
                raise BadRequest("Missing required parameter: 'input'.", param="input")
        elif isinstance(given, str):
            self.turns.append(PromptTurn("user", self._sized(given)))
        elif isinstance(given, list):
            self._items(given, "input")
        else:
            raise wrong_type("input", "a string or an array of objects")
        if body.get("previous_response_id") and body.get("conversation"):
            raise BadRequest(
                "Give 'previous_response_id' or 'conversation', not both.",
                param="previous_response_id",
            )

    def _items(self, items: list[Any], where: str) -> None:
        for index, item in enumerate(items):
            place = f"{where}[{index}]"
            if not isinstance(item, dict):
                raise wrong_type(place, "an object")
            kind = item.get("type")
            if is_reference(item):
                kind = "item_reference"
            if kind is None or kind == "message":
                self._message(item, place)
            elif not isinstance(kind, str):
                raise wrong_type(f"{place}.type", "a string")
            elif kind in _CALLS:
                self._call(item, kind, place)
            elif kind in _OUTPUTS:
                self._output(item, place)
            elif kind == "item_reference":
                self.features.add(STORED_STATE)
            elif kind in ("additional_tools", "tool_search_output"):
                self.read_tools(item.get("tools"), f"{place}.tools")
            else:
                self.bytes += len(orjson.dumps(item))

    def _message(self, item: dict[str, Any], place: str) -> None:
        role = item.get("role")
        if not isinstance(role, str):
            raise wrong_type(f"{place}.role", "a string")
        text = "\n".join(filter(None, self._texts(item.get("content"), f"{place}.content")))
        if role in SYSTEM_ROLES:
            self.system.append(text)
        else:
            self.turns.append(PromptTurn(role, text))

    def _call(self, item: dict[str, Any], kind: str, place: str) -> None:
        for name in ("call_id", "name", _CALLS[kind]):
            if not isinstance(item.get(name), str):
                raise wrong_type(f"{place}.{name}", "a string")
        self.bytes += len(orjson.dumps(item))
        if kind == "custom_tool_call":
            self.features.add("custom_tools")
        if not self.turns or self.turns[-1].role != "assistant":
            self.turns.append(PromptTurn("assistant", ""))

    def _output(self, item: dict[str, Any], place: str) -> None:
        given = item.get("output")
        texts = self._texts([given] if isinstance(given, dict) else given, f"{place}.output")
        self.turns.append(PromptTurn("tool", "\n".join(filter(None, texts))))

    def _texts(self, content: Any, place: str) -> Iterator[str]:
        """The texts of content: a string, or parts; other parts are counted."""
        if isinstance(content, str):
            yield self._sized(content)
            return
        if not isinstance(content, list):
            raise wrong_type(place, "a string or an array of objects")
        for index, part in enumerate(content):
            kind = part.get("type") if isinstance(part, dict) else None
            if not isinstance(kind, str):
                raise wrong_type(f"{place}[{index}]", "an object with a type")
            field = _TEXTS.get(kind)
            if field is None:
                self._medium(kind, part)
                continue
            text = part.get(field)
            if not isinstance(text, str):
                raise wrong_type(f"{place}[{index}].{field}", "a string")
            yield self._sized(text)

    def _sized(self, text: str) -> str:
        self.bytes += len(text) if text.isascii() else utf8_size(text)
        return text

    def _medium(self, kind: str, part: dict[str, Any]) -> None:
        """Count and measure a part that is no text."""
        self.others += 1
        kind, field = _MEDIA.get(kind, ("other", "data"))
        if part.get("file_id"):
            self.features.add(NAMED_FILES)
        held = part.get(field)
        if isinstance(held, dict):
            held = held.get("data")
        if self.media is None:
            self.media = MediaGauge()
        self.media.add(kind, held, detail=part.get("detail"))

    def read_tools(self, tools: Any, place: str = "tools") -> tuple[str, ...]:
        if tools is None:
            return ()
        if not isinstance(tools, list):
            raise wrong_type(place, "an array of objects")
        if not tools:
            return ()
        self.bytes += len(orjson.dumps(tools))
        self.features.add("tools")
        return tuple(self._names(tools, place))

    def _names(self, tools: list[Any], place: str) -> Iterator[str]:
        for index, tool in enumerate(tools):
            kind = tool.get("type") if isinstance(tool, dict) else None
            if not isinstance(kind, str):
                raise wrong_type(f"{place}[{index}]", "an object with a type")
            if is_search(tool):
                yield kind
                continue
            if kind not in CLIENT_TOOLS:
                self._hosted(tool, kind)
                yield kind
                continue
            if not isinstance(tool.get("name"), str):
                raise wrong_type(f"{place}[{index}].name", "a string")
            if kind == "custom":
                self._custom(tool)
            if kind == "namespace":
                inner = tool.get("tools") or []
                if not isinstance(inner, list):
                    raise wrong_type(f"{place}[{index}].tools", "an array of objects")
                yield from self._names(inner, f"{place}[{index}].tools")
            else:
                yield tool["name"]

    def _hosted(self, tool: dict[str, Any], kind: str) -> None:
        self.features.add(f"hosted:{kind}"[:64])
        if names_state(tool):
            self.features.add(STORED_STATE)
        if names_files(tool):
            self.features.add(NAMED_FILES)

    def _custom(self, tool: dict[str, Any]) -> None:
        self.features.add("custom_tools")
        form = tool.get("format")
        if isinstance(form, dict) and form.get("type") == "grammar":
            self.features.add("grammars")

    def read_text(self, config: Any) -> bool:
        if config is None:
            return False
        if not isinstance(config, dict):
            raise wrong_type("text", "an object")
        wanted = config.get("format")
        schema = isinstance(wanted, dict) and wanted.get("type") == "json_schema"
        if schema:
            self.bytes += len(orjson.dumps(wanted))
        return schema
