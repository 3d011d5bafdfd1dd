"""The simulator's files and batches, in OpenAI's and in Anthropic's way: kept in memory.

A batch is worked on when it is first looked at, unless it is told to wait (`waits`), so that tests
decide when it ends. Each of its requests is answered as a single one is.
"""

import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from router.errors import BadRequest
from router.protocols.multipart import read_form
from router.simulator.answer import compose, prompt_tokens
from router.simulator.exchange import SimulatedExchange

Answer = Callable[[str, bytes, SimulatedExchange], Awaitable[None]]
_PLACES: Final = ("/files", "/batches")
_DAY: Final = 86_400


@dataclass(slots=True)
class _Kept:
    """A file or a batch: what is shown of it, and what is in it or comes of it."""

    shown: dict[str, Any]
    content: bytes = b""
    kind: str = ""


@dataclass(slots=True)
class Keeping:
    """What the simulator keeps; `answer` answers one request of a batch."""

    answer: Answer
    kept: dict[str, _Kept] = field(default_factory=dict)
    waits: bool = False  # batches do not end
    loses: bool = False  # a batch is made, and its client never told
    heard: list[tuple[str, str]] = field(default_factory=list)  # method and path of each request
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @staticmethod
    def has(path: str) -> bool:
        """Whether a path is one of ours."""
        return any(place in path for place in _PLACES)

    async def serve(self, scope: Mapping[str, Any], exchange: SimulatedExchange) -> None:
        """Answer a request for files or batches."""
        path, method = scope["path"].removeprefix("/v1"), scope["method"]
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.heard.append((method, path))
        raw = await exchange.body()
        anthropics = "anthropic-version" in headers
        *_, place, rest = path.rpartition("/batches" if "/batches" in path else "/files")
        id_, _, action = rest.strip("/").partition("/")
        kind = place.strip("/") + ("-a" if anthropics else "")
        if not id_:
            await self._collection(kind, method, raw, headers.get("content-type", ""), exchange)
            return
        kept = self.kept.get(id_)
        if kept is None or kept.kind != kind:
            await _missing(exchange)
            return
        if kind.startswith("batches") and not self.waits:
            await self._work(kept)
        await self._one(kept, method, action, exchange)

    async def _collection(
        self, kind: str, method: str, raw: bytes, content_type: str, exchange: SimulatedExchange
    ) -> None:
        if method == "GET":
            data = [kept.shown for kept in self.kept.values() if kept.kind == kind]
            await exchange.reply(200, {"object": "list", "data": data[::-1], "has_more": False})
            return
        try:
            made = _MAKERS[kind](self, raw, content_type)
        except (BadRequest, KeyError, orjson.JSONDecodeError) as error:
            await exchange.reply(400, {"error": {"message": f"wrong: {error}", "type": "invalid"}})
            return
        made.kind = kind
        self.kept[made.shown["id"]] = made
        if self.loses:
            await exchange.reply(500, {"error": {"message": "it went wrong", "type": "server"}})
        else:
            await exchange.reply(200, made.shown)

    async def _one(
        self, kept: _Kept, method: str, action: str, exchange: SimulatedExchange
    ) -> None:
        if action in ("content", "results"):
            await exchange.reply_bytes(200, kept.content, "application/octet-stream")
        elif action == "cancel":
            kept.shown |= {"status": "cancelling", "processing_status": "canceling"}
            await exchange.reply(200, kept.shown)
        elif method == "DELETE":
            del self.kept[kept.shown["id"]]
            gone = {"id": kept.shown["id"], "object": "file", "deleted": True}
            if kept.kind.endswith("-a"):
                what = "file_deleted" if kept.kind == "files-a" else "message_batch_deleted"
                gone = {"id": kept.shown["id"], "type": what}
            await exchange.reply(200, gone)
        else:
            await exchange.reply(200, kept.shown)

    async def _work(self, batch: _Kept) -> None:
        """Bring a batch to its end."""
        if batch.kind == "batches-a":
            if batch.shown["processing_status"] == "in_progress":
                self._message_results(batch)
        elif batch.shown["status"] == "in_progress":
            await self._results(batch)

    async def _results(self, batch: _Kept) -> None:
        endpoint, lines = batch.shown["endpoint"], []
        for line in self.kept[batch.shown["input_file_id"]].content.splitlines():
            asked = orjson.loads(line)
            status, body = await self._answered(endpoint, orjson.dumps(asked["body"]))
            response = {"status_code": status, "request_id": "r", "body": body}
            lines.append({"custom_id": asked["custom_id"], "response": response, "error": None})
        good = [line for line in lines if line["response"]["status_code"] == 200]
        counts = {"total": len(lines), "completed": len(good), "failed": len(lines) - len(good)}
        output = self._file(b"".join([orjson.dumps(each) + b"\n" for each in good]), "batch_output")
        output.kind = "files"
        self.kept[output.shown["id"]] = output
        batch.shown |= {"status": "completed", "request_counts": counts}
        batch.shown["output_file_id"] = output.shown["id"]

    async def _answered(self, path: str, raw: bytes) -> tuple[int, Any]:
        """The answer to one request of a batch."""
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self.answer(path, raw, SimulatedExchange(receive, send))
        body = b"".join([message.get("body", b"") for message in told])
        return told[0]["status"], orjson.loads(body)

    def _message_results(self, batch: _Kept) -> None:
        lines = []
        for request in orjson.loads(batch.content)["requests"]:
            result: dict[str, Any] = {"type": "succeeded", "message": _message(request["params"])}
            if "fault" in request["params"]["model"]:
                result = {"type": "expired"}
            lines.append({"custom_id": request["custom_id"], "result": result})
        batch.content = b"".join([orjson.dumps(each) + b"\n" for each in lines])
        batch.shown |= {
            "processing_status": "ended",
            "ended_at": _stamp(),
            "results_url": f"http://provider.invalid/v1/messages/batches/{batch.shown['id']}/results",
            "request_counts": _counts(succeeded=len(lines)),
        }

    def _file(self, content: bytes, purpose: str, name: str = "results.jsonl") -> _Kept:
        made = {
            "id": f"file-simulated{next(self._numbers)}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return _Kept(made, content)

    def _uploaded(self, raw: bytes, content_type: str) -> _Kept:
        form = read_form(raw, content_type)
        (file,) = form.files
        return self._file(raw[file.start : file.end], form.texts["purpose"], "sent")

    def _uploaded_to_anthropic(self, raw: bytes, content_type: str) -> _Kept:
        (file,) = read_form(raw, content_type).files
        made = {
            "id": f"file_simulated{next(self._numbers)}",
            "type": "file",
            "filename": "sent",
            "mime_type": file.content_type or "text/plain",
            "size_bytes": file.end - file.start,
            "created_at": _stamp(),
            "downloadable": True,
        }
        return _Kept(made, raw[file.start : file.end])

    def _batch(self, raw: bytes, _content_type: str) -> _Kept:
        asked = orjson.loads(raw)
        if asked["input_file_id"] not in self.kept:
            raise BadRequest("no such file")
        made = {
            "id": f"batch_simulated{next(self._numbers)}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "status": "in_progress",
            "created_at": int(time.time()),
            "output_file_id": None,
            "error_file_id": None,
            "metadata": asked.get("metadata"),
        }
        return _Kept(made)

    def _message_batch(self, raw: bytes, _content_type: str) -> _Kept:
        made = {
            "id": f"msgbatch_simulated{next(self._numbers)}",
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": _counts(processing=len(orjson.loads(raw)["requests"])),
            "created_at": _stamp(),
            "expires_at": _stamp(_DAY),
            "ended_at": None,
            "results_url": None,
        }
        return _Kept(made, raw)


_MAKERS: Final[dict[str, Callable[[Keeping, bytes, str], _Kept]]] = {
    "files": Keeping._uploaded,  # noqa: SLF001 # a table of its own makers
    "files-a": Keeping._uploaded_to_anthropic,  # noqa: SLF001
    "batches": Keeping._batch,  # noqa: SLF001
    "batches-a": Keeping._message_batch,  # noqa: SLF001
}


def _counts(**some: int) -> dict[str, int]:
    names = ("processing", "succeeded", "errored", "canceled", "expired")
    return dict.fromkeys(names, 0) | some


def _stamp(later: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=later)).isoformat().replace("+00:00", "Z")


def _message(params: dict[str, Any]) -> dict[str, Any]:
    answer = compose(params, "simulated", 0)
    usage = {"input_tokens": prompt_tokens(params), "output_tokens": len(answer.tokens)}
    return {
        "id": f"msg_simulated_{time.time_ns():x}",
        "type": "message",
        "role": "assistant",
        "model": params["model"],
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


async def _missing(exchange: SimulatedExchange) -> None:
    error = {"message": "No such object", "type": "invalid_request_error", "code": None}
    await exchange.reply(404, {"error": error})
