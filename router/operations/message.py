"""Anthropic's messages as a client asks for them: read once, for what routing needs.

The body is read in its own words and kept beside these facts. What a block means that nothing here
knows is the chosen backend's matter; here it counts as text that a model will read.
"""

from operator import itemgetter
from typing import Any, Final

import orjson

from classifiers.prompt import Prompt, PromptTurn
from router.ask import NAMED_FILES, NO_FEATURES, NO_MEDIA, STORED_STATE, Ask
from router.errors import BadRequest
from router.protocols import known_keys
from router.protocols.ahead import utf8_size
from router.protocols.document import parse_members
from router.protocols.fields import (
    MOST_TOKENS,
    read_flag,
    read_integer,
    read_model,
    read_user,
    wrong_type,
)
from router.protocols.headers import MESSAGES_REQUEST, NO_HEADERS, Fields, of_request
from router.protocols.media.gauge import MediaGauge
from router.protocols.texts import message_texts

_TEXT: Final = frozenset((str,))
_name_of: Final = itemgetter("name")
_SESSION: Final = "_session_"  # how Claude Code names its session in `metadata.user_id`


def parse_message(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/messages; BadRequest where it is wrong."""
    ask = _read(raw, headers)
    if ask.max_output_tokens is None:
        raise BadRequest("max_tokens: Field required", param="max_tokens")
    return ask


def parse_message_count(raw: bytes, headers: Fields = NO_HEADERS) -> Ask:
    """Read the body of POST /v1/messages/count_tokens: the same, without an output limit."""
    return _read(raw, headers)


def write_message_count(tokens: int) -> bytes:
    """The answer to it."""
    return orjson.dumps({"input_tokens": tokens})


def _read(raw: bytes, headers: Fields) -> Ask:
    body, members, unknown = parse_members(raw, known_keys.MESSAGES, known_keys.METERED_OF_MESSAGES)
    model = read_model(body)
    facts = _Facts()
    if "system" in body:
        facts.read_system(body["system"])
    facts.read_messages(body.get("messages"))
    tools = facts.read_tools(body["tools"]) if "tools" in body else ()
    schema = "output_config" in body and facts.read_output(body["output_config"])
    features = facts.features(schema=schema)
    if "container" in body and _is_named(body["container"]):
        features |= {STORED_STATE}
    user = _user(body.get("metadata"))
    return Ask(
        "message",
        "messages",
        "/messages",
        raw,
        body,
        members,
        model,
        "stream" in body and read_flag(body, "stream"),
        True,
        read_integer(body, "max_tokens", 0, MOST_TOKENS),
        1,
        user,
        tools,
        facts.others,
        schema,
        facts.bytes,
        Prompt("\n".join(facts.system), tuple(facts.turns), tools),
        features,
        facts.media.media() if facts.media else NO_MEDIA,
        _session(user) if user else None,
        of_request(MESSAGES_REQUEST, headers),
        message_texts,
        unknown=unknown,
    )


def _is_named(container: Any) -> bool:
    """Whether it is one that was there before, known by its id."""
    return bool(container.get("id") if isinstance(container, dict) else container)


def _session(user: str) -> str | None:
    """Claude Code's session, as its versions before and since 2.1.78 write it."""
    if user[0] == "{":
        try:
            named = orjson.loads(user)
        except orjson.JSONDecodeError:
            return None
        session = named.get("session_id") if isinstance(named, dict) else None
        return session if isinstance(session, str) and session else None
    return user.rpartition(_SESSION)[2] if _SESSION in user else None


def _user(metadata: Any) -> str | None:
    if not isinstance(metadata, dict) or not metadata.get("user_id"):
        return None
    return read_user(metadata, "user_id")


class _Facts:
    """What a model will read, gathered in one walk over the body."""

    __slots__ = ("bytes", "hosted", "media", "names_files", "others", "system", "turns")

    def __init__(self) -> None:
        self.bytes = 0
        self.others = 0  # parts that are no text
        self.media: MediaGauge | None = None
        self.names_files = False  # that a provider keeps
        self.hosted: list[str] | None = None  # of the tools, where there are any
        self.system: list[str] = []
        self.turns: list[PromptTurn] = []

    def features(self, *, schema: bool) -> frozenset[str]:
        """What a backend must be able to do."""
        if self.hosted is None and not (self.others or self.names_files or schema):
            return NO_FEATURES
        features = set(self.hosted or ())
        if self.hosted is not None:
            features.add("tools")
        if self.others:
            features.add("vision")  # of any kind: what is no text counts alike
        if self.media is not None and self.media.files:
            features.add("files")
        if schema:
            features.add("json_schema")
        if self.names_files:
            features.add(NAMED_FILES)
        return frozenset(features)

    def read_system(self, system: Any) -> None:
        if system is not None:
            self.system += self._texts(system, "system")

    def read_messages(self, messages: Any) -> None:
        if not isinstance(messages, list):
            raise wrong_type("messages", "an array of objects")
        if not messages:
            raise BadRequest("messages: at least one message is required", param="messages")
        for index, message in enumerate(messages):
            if not isinstance(message, dict):
                raise wrong_type(f"messages[{index}]", "an object")
            self._read_message(message, index)

    def _read_message(self, message: dict[str, Any], index: int) -> None:
        role, content, turns = message.get("role"), message.get("content"), self.turns
        if type(content) is str:
            self.bytes += len(content) if content.isascii() else utf8_size(content)
            text, talks = content, True
        else:
            before = len(turns)
            text = _together(self._texts(content, index))
            talks = bool(text) or len(turns) == before  # it holds more than results of tools
        if role == "user":
            if talks:
                turns.append(PromptTurn(role, text))
        elif role == "assistant":
            turns.append(PromptTurn(role, text))
        elif role == "system":
            self.system.append(text)
        else:
            raise BadRequest(
                f"messages[{index}].role: Input should be 'user', 'assistant' or 'system'",
                param=f"messages[{index}].role",
            )

    def _texts(self, content: Any, where: int | str) -> list[str]:
        """The texts of content: a string, or blocks; other blocks are counted. `where` is the
        parameter it belongs to, or the number of the message."""
        if isinstance(content, str):
            self.bytes += len(content) if content.isascii() else utf8_size(content)
            return [content]
        if content is None:
            return []
        if not isinstance(content, list):
            raise wrong_type(_named(where), "a string or an array of objects")
        texts: list[str] = []
        for block in content:
            if not isinstance(block, dict):
                raise wrong_type(_named(where), "a string or an array of objects")
            if block.get("type") == "text":
                text = block.get("text")
                if not isinstance(text, str):
                    raise wrong_type(_named(where), "text blocks with a string each")
                self.bytes += len(text) if text.isascii() else utf8_size(text)
                texts.append(text)
            else:
                self._other(block, where)
        return texts

    def _other(self, block: dict[str, Any], where: int | str) -> None:
        """A block that is no text of the turn."""
        kind = block.get("type")
        if kind == "tool_result":
            result = self._texts(block.get("content"), where)
            self.turns.append(PromptTurn("tool", _together(result)))
        elif kind == "image":
            self._medium("image", block.get("source"))
        elif kind == "document":
            self._document(block, where)
        else:
            if kind == "container_upload":
                self.names_files = True
            self.bytes += len(orjson.dumps(block))

    def _document(self, block: dict[str, Any], where: int | str) -> None:
        source = block.get("source")
        kind = source.get("type") if isinstance(source, dict) else None
        if kind == "text":
            self.bytes += len(orjson.dumps(block))
        elif kind == "content" and isinstance(source, dict):
            self._texts(source.get("content"), where)
        else:
            self._medium("file", source)

    def _medium(self, kind: str, source: Any) -> None:
        self.others += 1
        if self.media is None:
            self.media = MediaGauge()
        held = source if isinstance(source, dict) else {}
        if held.get("file_id"):
            self.names_files = True
        self.media.add(kind, held.get("data"), media_type=held.get("media_type"))

    def read_tools(self, tools: Any) -> tuple[str, ...]:
        if tools is None:
            return ()
        if not isinstance(tools, list):
            raise wrong_type("tools", "an array of objects")
        if not tools:
            return ()
        self.bytes += len(orjson.dumps(tools))
        self.hosted = []
        if plain := _plain_names(tools):
            return plain
        names = []
        for index, tool in enumerate(tools):
            if not isinstance(tool, dict):
                raise wrong_type(f"tools[{index}]", "an object")
            kind = tool.get("type") or "custom"
            if kind != "custom":
                self.hosted.append(f"hosted:{kind}"[:64])
            names.append(str(tool.get("name") or kind))
        return tuple(names)

    def read_output(self, config: Any) -> bool:
        wanted = config.get("format") if isinstance(config, dict) else None
        schema = isinstance(wanted, dict) and wanted.get("type") == "json_schema"
        if schema:
            self.bytes += len(orjson.dumps(wanted))
        return schema


def _plain_names(tools: list[Any]) -> tuple[str, ...]:
    """The names of tools where the client runs all of them and names each; else none.

    Nearly always so, and by the dozen.
    """
    try:
        names = tuple(map(_name_of, tools))
        others = [tool for tool in tools if "type" in tool]
    except (KeyError, TypeError):  # no name; no object
        return ()
    plain = not others and _TEXT.issuperset(map(type, names)) and all(names)
    return names if plain else ()


def _together(texts: list[str]) -> str:
    """Texts as one; empty ones leave no line."""
    return texts[0] if len(texts) == 1 else "\n".join(filter(None, texts))


def _named(where: int | str) -> str:
    """What a content belongs to, as a client finds it."""
    return f"messages[{where}].content" if isinstance(where, int) else where
