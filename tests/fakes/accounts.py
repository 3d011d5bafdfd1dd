"""An account at a simulated server, in memory, and holds that outlive their gateway."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from router.backends.backend import Backend
from router.backends.dispatch.account import AccountCall
from router.domain import Charge, Usage
from router.errors import TurnoutError, UpstreamFailed, UpstreamRejected
from router.ledger.reserve_request import ReserveRequest
from router.simulator.keeping import Keeping
from router.simulator.server import Simulator


class FakeAnswer:
    """An answer that is there as a whole, given in pieces of seven bytes; many in larger ones."""

    status = 200

    def __init__(self, body: bytes) -> None:
        each = 7 if len(body) < 1_000_000 else 1_000_000
        self._pieces = [body[at : at + each] for at in range(0, len(body), each)]
        self.headers: Mapping[str, str] = {}
        self.closed = False

    def header(self, name: str) -> str:
        """Return one header."""
        return self.headers.get(name, "")

    async def read(self) -> bytes:
        """Return the next bytes."""
        return self._pieces.pop(0) if self._pieces else b""

    async def flow(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on what there is."""
        return all(take(piece) for piece in self._pieces)

    def rest(self) -> bytes | None:
        """Return what is left."""
        return b"".join(self._pieces)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class FakeAccount:
    """The account of a backend at a simulator: see `router.backends.dispatch.account.Account`."""

    def __init__(
        self,
        backend: Backend,
        simulator: Simulator,
        breaks: TurnoutError | None,
        disbelieved: list[str],
    ) -> None:
        self.backend = backend
        self._simulator = simulator
        self._breaks = breaks
        self.disbelieved: list[str] = disbelieved

    def disbelieve(self, _told: Usage, _taken: Usage, batch: str) -> None:
        """Note whose results told more than can be true."""
        self.disbelieved.append(batch)

    async def ask(self, call: AccountCall) -> bytes:
        """Return a whole answer."""
        body = call.body if isinstance(call.body, bytes) else b"".join(call.body)
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        headers = [("content-type", call.content_type), *call.headers]
        if self.backend.dialect == "anthropic":
            headers.append(("anthropic-version", "2023-06-01"))
        scope = {
            "type": "http",
            "path": "/v1" + call.path.partition("?")[0],
            "method": call.method,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
        await self._simulator(scope, receive, send)
        if self._breaks is not None:
            raise self._breaks
        answer = b"".join([message.get("body", b"") for message in told])
        status: int = told[0]["status"]
        if status >= 500:
            raise UpstreamFailed("It went wrong.")
        if status >= 400:
            words = orjson.loads(answer)["error"]["message"]
            raise UpstreamRejected(words, status=status)
        return answer

    async def open(self, call: AccountCall) -> FakeAnswer:
        """Return an answer to be read."""
        return FakeAnswer(await self.ask(call))


class FakeAccounts:
    """Every backend's account at one simulator. `breaks` is raised after whatever was asked."""

    def __init__(self) -> None:
        self.simulator = Simulator("instant")
        self.breaks: TurnoutError | None = None
        self.disbelieved: list[str] = []

    @property
    def keeping(self) -> Keeping:
        """What the server keeps."""
        return self.simulator.keeping

    def account(self, backend: Backend) -> Any:
        """Return the account of a backend."""
        return FakeAccount(backend, self.simulator, self.breaks, self.disbelieved)


class FakeLongHolds:
    """Holds by their ids: see `router.ledger.long_holds`. `refusal` is raised in place of one."""

    def __init__(self) -> None:
        self.refusal: TurnoutError | None = None
        self.requests: dict[str, ReserveRequest] = {}
        self.kept: dict[str, Charge] = {}
        self.renewed: list[str] = []
        self.settled: dict[str, list[Charge]] = {}
        self.forgets = False  # it knows no hold any more

    async def begin(self, request: ReserveRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Hold for a request."""
        if self.refusal is not None:
            raise self.refusal
        name = f"hold{len(self.requests)}"
        self.requests[name] = request
        return name, (("x-ratelimit-remaining-tokens", "900"),)

    async def keep(self, hold_id: str, most: Charge) -> bool:
        """Keep it for days."""
        self.kept[hold_id] = most
        return not self.forgets

    async def renew(self, hold_id: str) -> bool:
        """Prolong it."""
        self.renewed.append(hold_id)
        return True

    async def settle(self, hold_id: str, charge: Charge) -> bool:
        """Settle it."""
        self.settled.setdefault(hold_id, []).append(charge)
        return not self.forgets
