"""A simulated model server: it stands for the demo's larger backends, and tests use its faults.

It serves OpenAI's chat completions (with realistic timing, usage, streaming, tool calls, JSON
schemas, `n` and logprobs), responses, embeddings and completions. Every answer says that it is
simulated: in its text, its model name, its fingerprint and the header `x-simulated`. The model's
name asks for a fault, as in `simulated-moe?fault=reset&after=3`; faults.py lists them. Where it
asks for none, what was last sent to `POST /wish` counts: `fault=reset&after=3`, or nothing.

    python -m router.simulator.server --name moe --port 8082
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl

import click
import orjson

from router.children.child import serve_until_orphaned
from router.errors import BadRequest
from router.protocols.multipart import read_form
from router.protocols.sse import encode
from router.simulator.answer import SimulatedAnswer, compose, prompt_tokens
from router.simulator.exchange import Gone, SimulatedExchange
from router.simulator.faults import FAULTS, NO_FAULT, CutShort, Fault
from router.simulator.google import generate
from router.simulator.keeping import Keeping
from router.simulator.other_operations import OTHER_OPERATIONS, Serve
from router.simulator.responses import compact, respond

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Profile:
    """How fast a simulated model is, in seconds."""

    first_token: float
    per_token: float


PROFILES: Final = MappingProxyType(
    {
        "moe": Profile(first_token=0.18, per_token=0.008),
        "premium": Profile(first_token=0.40, per_token=0.014),
        "instant": Profile(first_token=0.0, per_token=0.0),
        "drill": Profile(first_token=0.02, per_token=0.01),
    }
)


_OTHERS: Final[Mapping[str, Serve]] = MappingProxyType(
    {**OTHER_OPERATIONS, "/responses": respond, "/compact": compact}
)


class Simulator:
    """The ASGI application. `served`, `running` and `left` count its requests, for tests."""

    def __init__(self, name: str, profile: Profile | None = None) -> None:
        self.name = name
        self.profile = profile or PROFILES.get(name, PROFILES["instant"])
        self.served = 0
        self.running = 0
        self.left = 0  # clients that left before their answer was complete
        self.last_raw = b""
        self.last_body: dict[str, Any] = {}
        self.last_headers: dict[str, str] = {}
        self.wish = ""  # the fault of requests whose model asks for none
        self.keeping = Keeping(self._answer_to)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = SimulatedExchange(receive, send)
        if self.keeping.has(scope["path"]):
            await self.keeping.serve(scope, exchange)
            return
        if scope["method"] != "POST":
            await exchange.reply(200, self._status(scope["path"]))
            return
        if scope["path"] == "/wish":
            self.wish = (await exchange.body()).decode()
            await exchange.reply(200, {"wish": self.wish})
            return
        self.served += 1
        self.running += 1
        try:
            await self._answer(scope, exchange)
        except Gone:
            self.left += 1
        finally:
            self.running -= 1

    def _status(self, path: str) -> Any:
        if path.endswith("/models"):
            return {"object": "list", "data": [{"id": f"simulated-{self.name}", "object": "model"}]}
        return {"status": "ok", "served": self.served, "running": self.running, "left": self.left}

    async def _answer(self, scope: Scope, exchange: SimulatedExchange) -> None:
        raw = await exchange.body()
        self.last_headers = {k.decode(): v.decode("latin-1") for k, v in scope["headers"]}
        await self._answer_to(scope["path"], raw, exchange)

    async def _answer_to(self, path: str, raw: bytes, exchange: SimulatedExchange) -> None:
        self.last_raw = raw
        try:
            body = _read(raw, self.last_headers.get("content-type", ""))
        except (orjson.JSONDecodeError, BadRequest):
            await exchange.reply(400, {"error": {"message": "not JSON", "type": "invalid"}})
            return
        self.last_body = body
        if "enerateContent" in path:
            await generate(path, body, exchange)
            return
        model, _, query = str(body.get("model", "")).partition("?")
        options = dict(parse_qsl(query or self.wish))
        seen = orjson.dumps(body | {"model": ""}, default=repr)  # a form's files are bytes
        strikes = options.get("only", "").encode() in seen
        fault = FAULTS.get(options.get("fault", ""), NO_FAULT) if strikes else NO_FAULT
        if fault.instead is not None and await fault.instead(exchange, options):
            return
        if not path.endswith("/chat/completions"):
            serve = _OTHERS.get(path[path.rfind("/") :])
            if serve is not None:
                await self._serve_other(serve, body, model, fault, exchange)
                return
        job = _Job(body, model, self._compose(body), fault, int(options.get("after", "0")))
        try:
            await (self._stream if body.get("stream") else self._reply)(job, exchange)
        except CutShort:
            return

    async def _serve_other(
        self,
        serve: Serve,
        body: dict[str, Any],
        model: str,
        fault: Fault,
        exchange: SimulatedExchange,
    ) -> None:
        await exchange.wait(self.profile.first_token)
        try:
            await serve(body, _head(model, ""), fault, exchange)
        except CutShort:
            return

    async def _reply(self, job: "_Job", exchange: SimulatedExchange) -> None:
        longest = max(len(answer.tokens) for answer in job.answers)
        await exchange.wait(self.profile.first_token + longest * self.profile.per_token)
        if job.fault.midway is not None:
            await exchange.head(200, "application/json", (("content-length", "4096"),))
            await exchange.write(b'{"id":')
            await job.fault.midway(exchange)
        choices = [
            {
                "index": index,
                "message": _message(answer),
                "logprobs": _logprobs(answer.tokens) if job.body.get("logprobs") else None,
                "finish_reason": answer.finish,
            }
            for index, answer in enumerate(job.answers)
        ]
        body = _head(job.model, "chat.completion") | {"choices": choices}
        usage = job.usage()
        if usage is not None:
            body["usage"] = usage
        await exchange.reply(200, body, (("x-simulated", "true"),))

    async def _stream(self, job: "_Job", exchange: SimulatedExchange) -> None:
        head = _head(job.model, "chat.completion.chunk")
        wants_usage = bool((job.body.get("stream_options") or {}).get("include_usage"))
        if wants_usage:
            head["usage"] = None
        await exchange.wait(self.profile.first_token)
        await exchange.begin_stream()
        for index in range(len(job.answers)):
            await self._stream_choice(job, index, head, exchange)
        usage = job.usage()
        if wants_usage and usage is not None:
            await exchange.event(orjson.dumps(head | {"choices": [], "usage": usage}))
        await exchange.write(encode(b"[DONE]") if job.fault.done else b"", more=False)

    async def _stream_choice(
        self, job: "_Job", index: int, head: dict[str, Any], exchange: SimulatedExchange
    ) -> None:
        async def say(delta: Any, finish: str | None = None, logprobs: Any = None) -> None:
            choice = {"index": index, "delta": delta, "finish_reason": finish}
            if logprobs is not None:
                choice["logprobs"] = logprobs
            await exchange.event(orjson.dumps(head | {"choices": [choice]}))

        answer, logprobs = job.answers[index], bool(job.body.get("logprobs"))
        await say({"role": "assistant", "content": None if answer.calls else ""})
        for number, token in enumerate(answer.tokens):
            if job.fault.midway is not None and number == job.after:
                await job.fault.midway(exchange)
            await exchange.wait(self.profile.per_token)
            await say({"content": token}, logprobs=_logprobs((token,)) if logprobs else None)
        for number, call in enumerate(answer.calls):
            for delta in _call_deltas(number, call):
                await exchange.wait(self.profile.per_token)
                await say({"tool_calls": [delta]})
        await say({}, answer.finish)

    def _compose(self, body: dict[str, Any]) -> list[SimulatedAnswer]:
        label = f"simulated {self.name}"
        return [compose(body, label, choice) for choice in range(body.get("n") or 1)]


def _read(raw: bytes, content_type: str) -> dict[str, Any]:
    """A body: JSON, or the fields of a form and its files by their fields."""
    if not content_type.startswith("multipart/"):
        body: dict[str, Any] = orjson.loads(raw)
        return body
    form = read_form(raw, content_type)
    return form.texts | {"files": {file.field: raw[file.start : file.end] for file in form.files}}


@dataclass(frozen=True, slots=True)
class _Job:
    """One request and its answers; the fault's `midway` comes after `after` tokens."""

    body: dict[str, Any]
    model: str
    answers: list[SimulatedAnswer]
    fault: Fault
    after: int = 0

    def usage(self) -> dict[str, Any] | None:
        """The usage in the answer, if any."""
        return self.fault.usage(_usage(self.body, self.answers))


def _call_deltas(number: int, call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a tool call as it is streamed: its name first, then its arguments in pieces."""
    yield call | {"index": number, "function": call["function"] | {"arguments": ""}}
    arguments = call["function"]["arguments"]
    for start in range(0, len(arguments), 8):
        yield {"index": number, "function": {"arguments": arguments[start : start + 8]}}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-simulated-{time.time_ns():x}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": "simulated",
    }


def _message(answer: SimulatedAnswer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.calls:
        message["tool_calls"] = list(answer.calls)
    return message


def _logprobs(tokens: tuple[str, ...]) -> dict[str, Any]:
    content = [
        {"token": token, "logprob": -0.1, "bytes": list(token.encode()), "top_logprobs": []}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _usage(body: dict[str, Any], answers: list[SimulatedAnswer]) -> dict[str, Any]:
    prompt = prompt_tokens(body)
    output = sum(
        len(answer.tokens) + sum(len(str(call)) // 8 for call in answer.calls) for answer in answers
    )
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


@click.command()
@click.option("--name", default="moe", help="Profile and label: moe, premium, drill or instant.")
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=0, help="0 takes a free port; the ready line names it.")
def main(name: str, host: str, port: int) -> None:
    """Run a simulated model server until its parent closes standard input."""
    asyncio.run(serve_until_orphaned(Simulator(name), host, port))


if __name__ == "__main__":
    main()
