"""The clients of a drill: they send, read or leave, and note for each request what came of it."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

from router.drills.processes import DrillGateway
from router.pipeline.response_headers import BACKEND, DECISION

LONGEST_SECONDS: Final = 60.0  # for one request
_PAUSE_SECONDS: Final = 0.03
_REST_SECONDS: Final = 0.15
_SUBJECTS: Final = ("tides", "bridges", "harvests", "glass", "maps", "clocks", "whales", "salt")


@dataclass(frozen=True, slots=True)
class Caller:
    """A customer of the drill: its tier, its organization, its key, the model it asks for."""

    tier: str
    organization: str
    key: str = field(repr=False)
    model: str = ""
    user: str | None = None  # where the tier demands one


@dataclass(slots=True)
class Note:
    """What a client saw of one request. Instants are of the monotonic clock.

    `decision` is the name under which the books have it, empty where no head of an answer told it.
    `ended`: `whole`; `refused` with an error; `told` in a stream, by an error event; `cut`, without
    an end; `left` by the client; `nothing` came.
    """

    organization: str
    tier: str
    gateway: str
    began: float
    stream: bool = False
    status: int = 0
    decision: str = ""
    backend: str = ""
    code: str = ""
    ended: str = "nothing"
    usage: tuple[int, int] | None = None
    over: float = 0.0

    @property
    def admitted(self) -> bool:
        """Whether an answer began."""
        return self.status == 200

    @property
    def whole(self) -> bool:
        """Whether the whole answer came."""
        return self.ended == "whole"


class Clients:
    """Sends requests to gateways and keeps a note of each. `seed` decides what is asked."""

    def __init__(self, gateways: Sequence[DrillGateway], seed: int) -> None:
        self.gateways = gateways
        self.notes: list[Note] = []
        self._chance = random.Random(seed)  # noqa: S311 # a drill, not a secret
        self._turns = itertools.cycle(range(len(gateways)))
        self._http = httpx.AsyncClient(
            timeout=LONGEST_SECONDS,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def tell(self, url: str, text: str) -> None:
        """Tell a stand-in something."""
        (await self._http.post(url, content=text)).raise_for_status()

    def next_gateway(self) -> DrillGateway:
        """Whose turn it is."""
        return self.gateways[next(self._turns)]

    async def ask(
        self,
        caller: Caller,
        gateway: DrillGateway | None = None,
        *,
        stream: bool | None = None,
        tokens: int = 24,
    ) -> Note:
        """Send one request, read the answer to its end, note it."""
        gateway = gateway or self.next_gateway()
        if stream is None:
            stream = self._chance.random() < 0.5
        note = Note(caller.organization, caller.tier, gateway.name, time.monotonic(), stream)
        self.notes.append(note)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._send(note, gateway, self._request(caller, tokens, stream), caller.key)
        except (httpx.HTTPError, TimeoutError, ValueError):
            if note.admitted:
                note.ended = "cut"
        except asyncio.CancelledError:
            note.ended = "left"
            raise
        finally:
            note.over = time.monotonic()
        return note

    def _request(self, caller: Caller, tokens: int, stream: bool) -> dict[str, Any]:
        subject = self._chance.choice(_SUBJECTS)
        said = f"Tell of {subject}, number {self._chance.randrange(10**6)}."
        body: dict[str, Any] = {
            "model": caller.model,
            "messages": [{"role": "user", "content": said}],
            "max_tokens": tokens,
        }
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body if caller.user is None else body | {"user": caller.user}

    async def _send(
        self, note: Note, gateway: DrillGateway, body: dict[str, Any], key: str
    ) -> None:
        headers = {"authorization": f"Bearer {key}"}
        url = f"{gateway.root}/v1/chat/completions"
        async with self._http.stream("POST", url, json=body, headers=headers) as answer:
            note.status = answer.status_code
            note.decision = answer.headers.get(DECISION, "")
            note.backend = answer.headers.get(BACKEND, "")
            if not note.admitted:
                note.code = code_of(await answer.aread())
                note.ended = "refused"
            elif note.stream:
                await read_stream(note, answer)
            else:
                note.usage = usage_of(orjson.loads(await answer.aread()))
                note.ended = "whole"

    @contextlib.asynccontextmanager
    async def busy(
        self, callers: Sequence[Caller], requests: int, *, each: int = 2
    ) -> AsyncIterator[None]:
        """Send all the time while the block runs, and so many requests of each caller at least."""
        over = asyncio.Event()

        async def client(caller: Caller, least: int) -> None:
            sent = 0
            while sent < least or not over.is_set():
                note = await self.ask(caller)
                sent += 1
                # Nobody gains by asking who is not there again and again.
                await asyncio.sleep(_PAUSE_SECONDS if note.status in {200, 429} else _REST_SECONDS)

        async with asyncio.TaskGroup() as group:
            for caller in callers:
                for _ in range(each):
                    group.create_task(client(caller, -(-requests // each)))
            try:
                yield
            finally:
                over.set()


async def read_stream(note: Note, answer: httpx.Response) -> None:
    """Read a stream to its end, and how it ended; it is cut where it has none."""
    note.ended = "cut"
    async for line in answer.aiter_lines():
        data = line.removeprefix("data: ")
        if data == line or not data:
            continue
        if data == "[DONE]":
            note.ended = note.ended if note.ended == "told" else "whole"
            continue
        event = orjson.loads(data)
        if "error" in event:
            note.code, note.ended = str(event["error"].get("code")), "told"
        note.usage = usage_of(event) or note.usage


def usage_of(answer: dict[str, Any]) -> tuple[int, int] | None:
    """The tokens that an answer, or an event of one, tells: in and out."""
    usage = answer.get("usage")
    return None if usage is None else (usage["prompt_tokens"], usage["completion_tokens"])


def code_of(body: bytes) -> str:
    """Why a request was refused, as clients are told; empty where this is no such error."""
    try:
        error = orjson.loads(body)["error"]
        return str(error["code"] or error["type"])
    except (ValueError, KeyError, TypeError):
        return ""
