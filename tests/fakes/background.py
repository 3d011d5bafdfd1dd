"""Work in the background over fakes: a corridor whose responses are kept on a fake shelf."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson

from fakes.backends import FakeUpstream
from fakes.caller import REQUEST_ID, FakeCaller
from fakes.corridor import FakeCorridor
from fakes.parts import FakeClassifier
from fakes.shelf import FakeShelf
from fakes.talks import FakeTalks
from fakes.world import FIXED, ODDS, new_world
from router.operations.table import OPERATIONS
from router.pipeline.background import Background
from router.pipeline.serve import serve
from router.pipeline.stored import KeptResponses
from router.protocols.responses.kept import kept_id
from router.protocols.sse import data_of, encode, events

RESPONSE = next(row for row in OPERATIONS if row.name == "response")
ID = kept_id(REQUEST_ID)
ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
BEGUN = {"id": "resp_1", "status": "in_progress", "model": "m", "output": []}
ROOM = 1_000_000


def event(kind: str, **fields: Any) -> bytes:
    return encode(orjson.dumps({"type": kind} | fields), kind.encode())


CREATED = event("response.created", response=BEGUN)
DONE = event("response.output_item.done", output_index=0, item=ITEM)
WHOLE = BEGUN | {"status": "completed", "output": [ITEM]}
COMPLETED = event("response.completed", response=WHOLE)


class Waiting(FakeUpstream):
    """An answer whose second half comes when it is let go."""

    def __init__(self) -> None:
        super().__init__(blocks=(CREATED + DONE, COMPLETED))
        self.half = asyncio.Event()
        self.gate = asyncio.Event()

    async def stream(self, put: Any = None) -> AsyncIterator[bytes]:
        """Hand out a half, wait, and hand out the other."""
        async for block in super().stream(None):
            yield block
            self.half.set()
            await self.gate.wait()


class Stage:
    """A corridor whose responses are kept on a fake shelf."""

    def __init__(self, *script: Any, policy: str = FIXED, **most: int) -> None:
        self.shelf = FakeShelf()
        self.background = Background(self.shelf, **({"most": 2, "most_each": 2} | most))
        home = frozenset({"local"})
        terms: dict[str, Any] = {"by_default": True, "home": home, "most_bytes": ROOM}
        kept = KeptResponses(self.shelf, self.background, FakeTalks(), **terms)
        self.corridor = FakeCorridor.answering(*script, world=new_world(policy), kept=kept)
        self.corridor.classifier = FakeClassifier(**ODDS)
        self.serving = self.corridor.serving()
        self.tasks: set[asyncio.Task[None]] = set()
        self.background.attend(self.tasks)

    async def ask(self, caller: FakeCaller | None = None, **body: Any) -> FakeCaller:
        """Ask for a response in the background."""
        caller = caller or FakeCaller()
        caller.raw = orjson.dumps({"model": "auto", "input": "Hello", "background": True} | body)
        await serve(self.serving, RESPONSE, caller)
        return caller

    async def settled(self) -> None:
        """Wait until the corridor has unwound."""
        await asyncio.gather(*self.tasks)

    def stored(self, id_: str = ID) -> dict[str, Any]:
        """The response as it is stored."""
        response: dict[str, Any] = json.loads(self.shelf.there["acme", id_].document)["response"]
        return response

    async def over(self, id_: str = ID) -> dict[str, Any]:
        """The response once it is over."""
        async with aclosing(self.background.follow("acme", id_, -1)) as told:
            async for _ in told:
                pass
        return self.stored(id_)

    async def told(self, after: int = -1, id_: str = ID) -> list[dict[str, Any]]:
        """The events behind a number, to the end."""
        async with aclosing(self.background.follow("acme", id_, after)) as told:
            return read(b"".join([block async for block in told]))


def read(block: bytes) -> list[dict[str, Any]]:
    return [json.loads(data_of(one) or b"") for one in events(block)]
