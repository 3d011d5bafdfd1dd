"""Google's generateContent as its clients ask for it: read once, for what routing needs.

The path names the model and the verb. A stream without `alt=sse` is an array of responses.
"""

import re
from typing import Any, Final

import orjson

from classifiers.prompt import Prompt, PromptTurn
from router.ask import NAMED_FILES, NO_MEDIA, STORED_STATE, Ask
from router.errors import BadRequest
from router.protocols import known_keys
from router.protocols.ahead import LARGE, utf8_size, was_read
from router.protocols.beside import json_of
from router.protocols.document import parse_members, refuse_aliases
from router.protocols.fields import MOST_TOKENS, read_integer, read_model, wrong_type
from router.protocols.headers import NO_HEADERS, Fields
from router.protocols.media.gauge import MediaGauge
from router.protocols.texts import content_texts
from router.protocols.tolerant_json import loads

MAX_CANDIDATES: Final = 128
PROTOCOL: Final = "gemini"
ARRAY: Final = "gemini_array"
_NAMED: Final = "models/"
_WHOLE: Final = "generateContentRequest"
# Addresses of what the operator's account alone can read.
_KEPT_FILE: Final = re.compile(r"(?:https?://generativelanguage\.googleapis\.com/|files/|gs://)")
_KINDS: Final = {"image": "image", "audio": "audio", "video": "video"}


def parse_content(
    raw: bytes,
    _headers: Fields = NO_HEADERS,
    *,
    model: str = "",
    stream: bool = False,
    protocol: str = PROTOCOL,
) -> Ask:
    """Read the body of .../models/MODEL:generateContent; BadRequest where it is wrong.

    `model` is the path's; without one, the body's `model` counts.
    """
    body, members, unknown = parse_members(raw, known_keys.CONTENT, known_keys.METERED_OF_CONTENT)
    named = {"model": model} if model else body
    config = _object(body, "generationConfig")
    refuse_aliases(config, known_keys.GENERATION_CONFIG)
    facts = _Facts()
    facts.read_system(body.get("systemInstruction"))
    facts.read_contents(body.get("contents"))
    tools = facts.read_tools(body.get("tools"))
    schema = facts.read_schema(config)
    media = facts.media.media() if facts.media else NO_MEDIA
    return Ask(
        operation="content",
        protocol=protocol,
        path="/models",
        raw=raw,
        body=body,
        members=members,
        model=read_model(named).removeprefix(_NAMED),
        stream=stream,
        include_usage=True,
        max_output_tokens=read_integer(config, "maxOutputTokens", 1, MOST_TOKENS),
        choices=read_integer(config, "candidateCount", 1, MAX_CANDIDATES) or 1,
        user=None,
        tools=tools,
        images=facts.others,
        json_schema=schema,
        text_bytes=facts.bytes,
        prompt=Prompt("\n".join(facts.system), tuple(facts.turns), tools),
        features=facts.features(body, config, schema=schema),
        media=media,
        read_texts=content_texts,
        unknown=unknown,
    )


def parse_content_count(raw: bytes, headers: Fields = NO_HEADERS, *, model: str = "") -> Ask:
    """Read the body of :countTokens: contents, or a whole request in `generateContentRequest`.

    Of a large body that was read ahead `the_request_in_it` has made that request.
    """
    if len(raw) > LARGE and was_read(raw):
        return parse_content(raw, headers, model=model)
    try:
        body = loads(raw)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not valid JSON.") from None
    asked = body.get(_WHOLE) if isinstance(body, dict) else None
    whole = orjson.dumps(asked) if isinstance(asked, dict) else raw
    return parse_content(whole, headers, model=model)


def the_request_in_it(raw: bytes, small: bytes) -> bytes:
    """The whole request that a large body of :countTokens holds; the body where it holds none."""
    try:
        held = orjson.loads(small)
        if not isinstance(held, dict) or not isinstance(held.get(_WHOLE), dict):
            return raw
        return json_of(loads(raw)[_WHOLE], len(raw))
    except orjson.JSONDecodeError:
        return raw


def write_content_count(tokens: int) -> bytes:
    """The answer to it."""
    return orjson.dumps({"totalTokens": tokens})


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    held = body.get(name)
    if held is not None and not isinstance(held, dict):
        raise wrong_type(name, "an object")
    return held or {}


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

    def features(
        self, body: dict[str, Any], config: dict[str, Any], *, schema: bool
    ) -> frozenset[str]:
        """What a backend must be able to do."""
        wanted = {
            "tools": self.hosted is not None,
            "vision": self.others > 0,  # of any kind: what is no text counts alike
            "files": self.media is not None and self.media.files > 0,
            "json_schema": schema,
            "logprobs": bool(config.get("responseLogprobs")),
            NAMED_FILES: self.names_files,
            STORED_STATE: bool(body.get("cachedContent")),
        }
        return frozenset(
            [*(name for name, is_wanted in wanted.items() if is_wanted), *(self.hosted or ())]
        )

    def read_system(self, system: Any) -> None:
        if isinstance(system, str):
            self._read_text(system)
            self.system.append(system)
        elif system is not None:
            self.system += self._texts(system, "systemInstruction")

    def read_contents(self, contents: Any) -> None:
        if contents is None:
            raise BadRequest("Missing required parameter: 'contents'.", param="contents")
        many = contents if isinstance(contents, list) else [contents]
        if not many:
            raise BadRequest("Invalid 'contents': expected at least one.", param="contents")
        for index, content in enumerate(many):
            where = f"contents[{index}]"
            if not isinstance(content, dict):
                raise wrong_type(where, "an object")
            role = content.get("role") or "user"
            if role not in ("user", "model", "function"):
                raise BadRequest(f"Invalid '{where}.role': expected user or model.", param=where)
            text = "\n".join(filter(None, self._texts(content, where)))
            self.turns.append(PromptTurn("assistant" if role == "model" else "user", text))

    def _texts(self, content: Any, where: str) -> list[str]:
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(parts, list | None):
            raise wrong_type(f"{where}.parts", "an array of objects")
        return [self._part(part, f"{where}.parts[{n}]") for n, part in enumerate(parts or ())]

    def _part(self, part: Any, where: str) -> str:
        if not isinstance(part, dict):
            raise wrong_type(where, "an object")
        text = part.get("text")
        if text is not None:
            if not isinstance(text, str):
                raise wrong_type(f"{where}.text", "a string")
            self._read_text(text)
            return text
        self.names_files = self.names_files or _names_file(part)
        held = part.get("inlineData") or part.get("fileData")
        if isinstance(held, dict):
            self._medium(held)
        else:
            self.bytes += len(orjson.dumps(part))
        return ""

    def _read_text(self, text: str) -> None:
        self.bytes += len(text) if text.isascii() else utf8_size(text)

    def _medium(self, held: dict[str, Any]) -> None:
        self.others += 1
        if self.media is None:
            self.media = MediaGauge()
        if "mimeType" in held and "mime_type" in held:
            raise BadRequest("Say 'mimeType' or 'mime_type', not both.", param="contents")
        named = held.get("mimeType", held.get("mime_type"))
        family = named.partition("/")[0] if isinstance(named, str) else ""
        self.media.add(_KINDS.get(family, "file"), held.get("data"), media_type=named)

    def read_tools(self, tools: Any) -> tuple[str, ...]:
        if not tools:
            return ()
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            raise wrong_type("tools", "an array of objects")
        self.bytes += len(orjson.dumps(tools))
        self.hosted = []
        names: list[str] = []
        for tool in tools:
            for kind, held in tool.items():
                if kind != "functionDeclarations":
                    self.hosted.append(f"hosted:{kind}"[:64])
                    names.append(str(kind))
                elif isinstance(held, list):
                    names += [str(one.get("name")) for one in held if isinstance(one, dict)]
        return tuple(names)

    def read_schema(self, config: dict[str, Any]) -> bool:
        wanted = config.get("responseJsonSchema") or config.get("responseSchema")
        if wanted is None:
            return False
        self.bytes += len(orjson.dumps(wanted))
        return True


def _names_file(part: dict[str, Any]) -> bool:
    """Whether a part is a file that was sent to the account before, by its address."""
    held = part.get("fileData") or part.get("file_data")
    if not isinstance(held, dict):
        return False
    uri = held.get("fileUri") or held.get("file_uri")
    return isinstance(uri, str) and _KEPT_FILE.match(uri) is not None
