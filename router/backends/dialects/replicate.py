"""Replicate's predictions API: how a chat request is asked there, and read.

A prediction is made and waited for in one exchange (`Prefer: wait`); one that takes longer is
cancelled by its deadline (`Cancel-After`) and counts as late, since asking for it again is another
exchange. Its stream has an address of its own, too: a streamed answer is therefore asked for whole
and told as one chunk.

Mapping, OpenAI's on the left:
    system, developer            `system_prompt`
    one user message             `prompt`
    more messages                `messages`, where the model's input knows it (quirk
                                 `rename: {prompt: messages}`); else it cannot be said
    max_tokens                   `max_tokens`, or as the quirk `token_param` names it
    temperature, top_p, ...      the same names
"""

from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import ErrorInside, Failure, MalformedReply, Reply, Translator
from router.backends.dialects.chunks import ChunkStream, choice, completion, parse_reply
from router.backends.dialects.conversation import Unsupported, parts, system_text, turns
from router.backends.dialects.failure import read_failure
from router.backends.dialects.usage import count, estimate_output, estimate_usage, is_impossible
from router.backends.transport.transport import Call, Target
from router.domain import Usage

WAIT: Final = 60  # seconds: the longest that the API holds a request open
_CANCEL_AFTER: Final = "1m"
_LARGEST: Final = 16 * 1024 * 1024  # bytes of an answer that is told as a stream
_PASSED_ON: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_CANNOT_SAY: Final = ("tools", "functions", "stop", "logprobs", "audio")
_LATE: Final = frozenset({"starting", "processing", "aborted", "canceled"})
_STATUS_OF: Final = MappingProxyType(dict.fromkeys(_LATE, 504))


class Replicate:
    """The dialect of Replicate's predictions."""

    stream_type = "application/json"

    def call(self, deployment: Deployment, backend: Backend, request: Ask, request_id: str) -> Call:
        """POST {base_url}/models/{owner}/{name}/predictions."""
        headers = [
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "identity"),
            ("Prefer", f"wait={WAIT}"),
            ("Cancel-After", _CANCEL_AFTER),
            *backend.headers,
        ]
        if deployment.api_key is not None:
            headers.append(("Authorization", f"Bearer {deployment.api_key}"))
        url = f"{deployment.base_url}/models/{quote(backend.model, safe='/')}/predictions"
        return Call(
            Target(url, tuple(headers)),
            orjson.dumps({"input": _input(backend, request)}),
            backend.timeouts,
            request_id,
        )

    def reply(self, raw: bytes, request: Ask) -> Reply:
        """A whole prediction."""
        reply: Reply = parse_reply(raw, lambda body: _read(body, request))
        return reply

    def translator(self, request: Ask) -> Translator:
        """The prediction as one chunk."""
        return ReplicateStream(request)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"title", "detail", "status"}`."""
        return read_failure(status, raw)


def _input(backend: Backend, request: Ask) -> dict[str, Any]:
    """The model's input; its fields differ from model to model, which is what quirks are for."""
    for name in _CANNOT_SAY:
        if request.body.get(name):
            raise Unsupported(name)
    if request.choices > 1:
        raise Unsupported("n")
    wanted = request.body.get("response_format")
    if wanted is not None and wanted.get("type") != "text":
        raise Unsupported("response_format")
    quirks = backend.quirks
    told = _conversation(request, as_messages=quirks.rename.get("prompt") == "messages")
    for name in _PASSED_ON:
        if request.body.get(name) is not None and name not in quirks.drop:
            told[quirks.rename.get(name, name)] = request.body[name]
    if request.max_output_tokens is not None:
        told[quirks.token_param or "max_tokens"] = request.max_output_tokens
    return told | dict(quirks.extra)


def _conversation(request: Ask, *, as_messages: bool) -> dict[str, Any]:
    said = [(turn["role"], _text(turn)) for turn in turns(request)]
    system = system_text(request)
    if as_messages:
        messages = [{"role": role, "content": text} for role, text in said]
        first = [{"role": "system", "content": system}] if system else []
        return {"messages": [*first, *messages]}
    if len(said) != 1 or said[0][0] != "user":
        raise Unsupported("messages: more than one turn")
    return {"prompt": said[0][1]} | ({"system_prompt": system} if system else {})


def _text(turn: Any) -> str:
    if turn["role"] not in ("user", "assistant") or turn.get("tool_calls"):
        raise Unsupported("messages: tool calls and their results")
    texts = list(parts(turn.get("content")))
    if not all(isinstance(text, str) for text in texts):
        raise Unsupported("messages: content of type 'image_url'")
    return "\n".join(str(text) for text in texts)


def _answer(body: dict[str, Any], request: Ask) -> tuple[str, str, Usage]:
    """The text of a prediction that succeeded, how it ended, what it used."""
    status = body["status"]
    if status != "succeeded":
        reason = body.get("error") or f"the prediction is {status} after {WAIT} seconds"
        raise ErrorInside(str(reason)[:500], _STATUS_OF.get(status, 502))
    output = body["output"]
    text = "".join(output) if isinstance(output, list) else output
    if not isinstance(text, str):
        raise TypeError
    usage = _usage(body.get("metrics"), request)
    if usage is None:
        usage = estimate_usage(request, estimate_output(len(text.encode())))
    limit = request.max_output_tokens
    cut = limit is not None and not usage.estimated and usage.output_tokens >= limit
    return text, "length" if cut else "stop", usage


def _usage(metrics: Any, request: Ask) -> Usage | None:
    """Token counts, which only some models tell."""
    if not isinstance(metrics, dict):
        return None
    prompt = count(metrics.get("input_token_count"))
    output = count(metrics.get("output_token_count"))
    if prompt is None or output is None or is_impossible(output, request):
        return None
    return Usage(prompt, output)


def _read(body: dict[str, Any], request: Ask) -> Reply:
    _refuse_error(body)
    text, finish, usage = _answer(body, request)
    model = body.get("model")
    told = [choice(0, text, "", [], finish)]
    whole = completion(body.get("id") or "chatcmpl-turnout", model, told, usage)
    return Reply(orjson.dumps(whole), usage, model)


def _refuse_error(body: dict[str, Any]) -> None:
    if "status" not in body and (body.get("detail") or body.get("title")):
        raise ErrorInside(str(body.get("detail") or body["title"])[:500])


class ReplicateStream(ChunkStream):
    """One prediction told as a stream: the bytes are its JSON, not events."""

    def __init__(self, request: Ask) -> None:
        super().__init__(request)
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Gather the body; translate it once it is whole."""
        if self.finished:
            return b""
        self._body += data
        if len(self._body) > _LARGEST:
            raise MalformedReply(f"answered more than {_LARGEST} bytes")
        if not data.rstrip().endswith(b"}"):
            return b""
        try:
            orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return b""
        parse_reply(bytes(self._body), self._take)
        self._end()
        return self._flush()

    def _take(self, told: dict[str, Any]) -> None:
        _refuse_error(told)
        text, finish, self.usage = _answer(told, self._request)
        self.model = told.get("model")
        self._id = told.get("id") or self._id
        self._text(0, text)
        self._stop(0, finish)
