"""Google's Gemini API (generateContent): how a chat request is asked there.

Mapping, OpenAI's on the left:
    system, developer            `systemInstruction`
    assistant, other roles       contents of role `model`, `user`
    tool_calls, tool messages    `functionCall`, `functionResponse` parts
    image_url                    `inlineData` for data URLs, `fileData` for addresses
    tools, tool_choice           `functionDeclarations`, `functionCallingConfig`
    response_format              `responseMimeType`, `responseJsonSchema`
    reasoning_effort             `thinkingConfig.thinkingBudget`
    n, max_tokens, stop, ...     `generationConfig`

The credential travels in a header, never in the address: addresses end up in logs.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import EVENT_STREAM, Failure, Reply, Translator
from router.backends.dialects.chunks import parse_reply
from router.backends.dialects.conversation import (
    Image,
    calls,
    chosen_tool,
    functions,
    parts,
    stops,
    system_text,
    text_of,
    turns,
    wanted_schema,
)
from router.backends.dialects.failure import read_failure
from router.backends.dialects.gemini_reply import GeminiStream, read_response
from router.backends.transport.transport import Call, Target

_SETTINGS: Final = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "n": "candidateCount",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "logprobs": "responseLogprobs",
        "top_logprobs": "logprobs",
    }
)
_MODES: Final = MappingProxyType(
    {"auto": "AUTO", "none": "NONE", "required": "ANY", "function": "ANY"}
)
_BUDGETS: Final = MappingProxyType(
    {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576}
)


class Gemini:
    """The dialect of Google's Gemini API."""

    stream_type = EVENT_STREAM

    def call(self, deployment: Deployment, backend: Backend, request: Ask, request_id: str) -> Call:
        """POST {base_url}/models/{model}:generateContent, or its streaming sister."""
        headers = [
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "identity"),
            *backend.headers,
        ]
        if deployment.api_key is not None:
            headers.append(("x-goog-api-key", deployment.api_key))
        verb = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        model = quote(backend.model.removeprefix("models/"), safe="")
        url = f"{deployment.base_url}/models/{model}:{verb}"
        return Call(
            Target(url, tuple(headers)),
            orjson.dumps(content_body(backend, request)),
            backend.timeouts,
            request_id,
        )

    def reply(self, raw: bytes, request: Ask) -> Reply:
        """A whole GenerateContentResponse."""
        reply: Reply = parse_reply(raw, lambda body: read_response(body, request))
        return reply

    def translator(self, request: Ask) -> Translator:
        """Its responses, each a piece, as OpenAI's chunks."""
        return GeminiStream(request)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"error": {"code", "message", "status"}}`, sometimes inside a list."""
        failure = read_failure(status, raw)
        if "exceeds the maximum number of tokens" in failure.message:
            return Failure(failure.message, failure.type, "context_length_exceeded")
        return failure


def content_body(backend: Backend, request: Ask) -> dict[str, Any]:
    """The body of generateContent."""
    body: dict[str, Any] = {"contents": _contents(request)}
    if system := system_text(request):
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if request.tools:
        body |= _tools(request)
    if settings := _settings(request):
        body["generationConfig"] = settings
    for name in backend.quirks.drop:
        body.get("generationConfig", {}).pop(name, None)
    return body | dict(backend.quirks.extra)


def _settings(request: Ask) -> dict[str, Any]:
    settings = {
        theirs: request.body[ours]
        for ours, theirs in _SETTINGS.items()
        if request.body.get(ours) is not None
    }
    if request.max_output_tokens is not None:
        settings["maxOutputTokens"] = request.max_output_tokens
    if stop := stops(request):
        settings["stopSequences"] = stop
    schema = wanted_schema(request)
    wanted = request.body.get("response_format")
    if schema is not None:
        settings["responseJsonSchema"] = schema
    if schema is not None or (isinstance(wanted, Mapping) and wanted.get("type") == "json_object"):
        settings["responseMimeType"] = "application/json"
    budget = _BUDGETS.get(request.body.get("reasoning_effort") or "")
    if budget is not None:
        settings["thinkingConfig"] = {"thinkingBudget": budget}
    return settings


def _tools(request: Ask) -> dict[str, Any]:
    kind, name = chosen_tool(request)
    chosen: dict[str, Any] = {"mode": _MODES.get(kind, "AUTO")}
    if name is not None:
        chosen["allowedFunctionNames"] = [name]
    return {
        "tools": [{"functionDeclarations": [_declaration(f) for f in functions(request)]}],
        "toolConfig": {"functionCallingConfig": chosen},
    }


def _declaration(function: Mapping[str, Any]) -> dict[str, Any]:
    declaration = {"name": function.get("name")}
    if function.get("description"):
        declaration["description"] = function["description"]
    if function.get("parameters"):
        declaration["parametersJsonSchema"] = function["parameters"]
    return declaration


def _contents(request: Ask) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}  # tool call id -> function name: results are told by name here
    for turn in turns(request):
        role = "model" if turn["role"] == "assistant" else "user"
        written = _parts(turn, names)
        if not written:
            continue
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"].extend(written)
        else:
            contents.append({"role": role, "parts": written})
    return contents


def _parts(turn: Mapping[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    content = turn.get("content")
    if turn["role"] in ("tool", "function"):
        call_id = str(turn.get("tool_call_id") or "")
        name = names.get(call_id) or turn.get("name") or call_id
        return [{"functionResponse": {"name": name, "response": _result(text_of(content))}}]
    written = [_part(part) for part in parts(content)]
    for call, name, given in calls(turn):
        names[str(call.get("id"))] = name
        part: dict[str, Any] = {"functionCall": {"name": name, "args": given}}
        if signature := _signature(call):
            part["thoughtSignature"] = signature
        written.append(part)
    return written


def _result(text: str) -> dict[str, Any]:
    """What a tool returned, as the object that the API demands."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"result": text}
    return value if isinstance(value, dict) else {"result": value}


def _signature(call: Mapping[str, Any]) -> Any:
    """The thought signature that the model gave with a call and wants back."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    return google.get("thought_signature") if isinstance(google, Mapping) else None


def _part(part: str | Image) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": part}
    if part.url:
        return {"fileData": {"fileUri": part.url}}
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
