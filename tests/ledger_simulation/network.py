"""The network between gateways and their ledger: late, cut, deaf or mute; behind it a real Valkey.

A command is run when it arrives. Each direction of a connection keeps its order, as TCP does; what
a broken connection had on its way may still arrive, behind what the next one brings. Its server's
clock is virtual, and so are its restarts: another run id, every connection gone.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import hiredis
import redis

from ledger_simulation.loop import OWNER, Mortal, SimulatedLoop

CLOCK = "redis.call('HMGET', 'virtual', 's', 'us')"
START_MS = 1_795_000_000_000
_SECOND = 1_000_000  # in microseconds


class Server:
    """The ledger's server. `shift_ms`: how wrong its clock is. `admitted`: when each hold was
    first reserved, by the true time in seconds.
    """

    def __init__(self, loop: SimulatedLoop, client: "redis.Redis[bytes]") -> None:
        self._loop = loop
        self._client = client
        self._connection = client.connection_pool.get_connection()
        self._pool = client.connection_pool
        self._used: set[bytes] = set()  # hashes of holds that ever had one
        self.links: list[Link] = []
        self.run = 1
        self.shift_ms = 0
        self.stands_until = 0.0
        self.down_until = 0.0
        self.refusal = b""
        self.admitted: dict[str, float] = {}
        self.commands = 0

    def close(self) -> None:
        """Give the real connection back."""
        self._pool.release(self._connection)

    def now_us(self) -> int:
        """The server's time."""
        return (START_MS + self.shift_ms) * 1000 + int(self._loop.time() * _SECOND)

    def move_clock(self, ms: int) -> None:
        """Set the clock: what has a time to live is nearer to its end by as much."""
        self.shift_ms += ms
        for key in self._client.scan_iter() if ms else ():
            left = self._client.pttl(key)
            if left > 0:
                self._client.pexpire(key, max(1, left - ms))

    def execute(self, parts: list[bytes]) -> bytes:
        """Run one command now; its reply as bytes of the wire."""
        self.commands += 1
        name = parts[0].upper()
        if name == b"TIME":
            second, micro = divmod(self.now_us(), _SECOND)
            return _array(b"%d" % second, b"%d" % micro)
        if name in {b"EVAL", b"EVALSHA"} and self.refusal:
            return b"-%b\r\n" % self.refusal
        if name == b"EXISTS" and parts[1] not in self._used:
            return b":0\r\n"  # most of what reapers ask
        reply = self._ask(*parts)
        if name == b"INFO":
            reply = _bulk(_with_run(reply, self.run))
        elif name in {b"EVAL", b"EVALSHA"} and reply[:1] == b"$":
            self._note(parts)
        return reply

    def _note(self, parts: list[bytes]) -> None:
        """A script that answers with bytes is a reserve that admits."""
        self._used.add(parts[3])
        hold_id = parts[3 + int(parts[2])].decode()
        self.admitted.setdefault(hold_id, self._loop.time())

    def _ask(self, *parts: bytes) -> bytes:
        """What the real server replies, in bytes, once it was told the time."""
        second, micro = divmod(self.now_us(), _SECOND)
        time = hiredis.pack_command((b"HSET", b"virtual", b"s", second, b"us", micro))
        sock = self._connection._sock
        sock.sendall(time + hiredis.pack_command(parts))
        reader, raw, replies = hiredis.Reader(), b"", 0
        while True:
            piece = sock.recv(1 << 20)
            raw += piece
            reader.feed(piece)
            while reader.gets() is not False:
                replies += 1
            if replies == 2:  # to the time, which is ":0" or ":2", and to this
                return raw[4:]


class Link(asyncio.Transport):
    """One connection of a gateway to the server."""

    def __init__(self, net: "Network", factory: Callable[[], asyncio.BaseProtocol]) -> None:
        super().__init__()
        self._net = net
        self._owner = OWNER.get()
        self._commands = hiredis.Reader()
        self._run = net.server.run
        self._arrives = 0.0
        self._returns = 0.0
        self._is_lost = False
        self._unheard = False
        self._unanswered = False
        self.open = True
        self._protocol: Any = factory()
        self._protocol.connection_made(self)

    @property
    def owner(self) -> Mortal | None:
        """Whose connection it is."""
        return self._owner

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The gateway's end."""
        return self._protocol  # type: ignore[no-any-return]

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing is known of it."""
        return default

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return not self.open

    def write(self, data: Any) -> None:
        """Send; it arrives later, in order."""
        self._unheard = self._unheard or not self._net.hears(self._owner)
        if not self.open or self._unheard:  # TCP loses nothing in the middle: nothing follows
            return
        self._arrives = max(self._net.later(self._arrives), self._net.passes(self._owner))
        self._net.at(self._arrives, self._arrived, bytes(data))

    def close(self) -> None:
        """Close the gateway's end; what is on its way arrives."""
        self.abort()

    def abort(self) -> None:
        """As `close`."""
        if self.open:
            self.open = False
            self._net.server.links.remove(self)
            self._net.loop.call_soon(self._protocol.connection_lost, None)

    def cut(self, *, lost: bool) -> None:
        """Break it; `lost`: with all that is on its way."""
        if self.open:
            self.open = False
            self._net.server.links.remove(self)
            self._is_lost = lost
            self._net.at(self._net.later(0.0), self._tell_lost)

    def _tell_lost(self) -> None:
        self._tell(self._protocol.connection_lost, None)

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        if self._owner is None:
            callback(*args)
        else:
            self._owner.does(callback, *args)

    def _arrived(self, data: bytes) -> None:
        server, now = self._net.server, self._net.loop.time()
        if self._is_lost or self._run != server.run or now < server.down_until:
            return
        if now < server.stands_until:
            self._arrives = max(self._arrives, server.stands_until) + 1e-6
            self._net.at(self._arrives, self._arrived, data)
            return
        self._commands.feed(data)
        replies = b""
        while (command := self._commands.gets()) is not False:
            replies += server.execute(command)
        self._unanswered = self._unanswered or not self._net.speaks(self._owner)
        if replies and not self._unanswered:
            self._returns = max(self._net.later(self._returns), self._net.passes(self._owner))
            self._net.at(self._returns, self._returned, replies)

    def _returned(self, data: bytes) -> None:
        if self.open:
            self._tell(self._hear, data)

    def _hear(self, data: bytes) -> None:
        if self.open:
            self._protocol.data_received(data)


class Network:
    """Delays by chance; until when a gateway is deaf (what it says is lost), mute (what is said to
    it is) or slow (either comes later).
    """

    def __init__(self, loop: SimulatedLoop, server: Server, chance: random.Random) -> None:
        self.loop = loop
        self.server = server
        self._chance = chance
        self.deaf: dict[str, float] = {}
        self.mute: dict[str, float] = {}
        self.slow: dict[str, float] = {}
        self.is_over = False
        loop.connect = self.connect

    def end(self) -> None:
        """Nothing reaches the server any more."""
        self.is_over = True
        for link in list(self.server.links):
            link.cut(lost=True)

    def connect(self, factory: Callable[[], asyncio.BaseProtocol]) -> Link:
        """Open a connection. Raises ConnectionRefusedError while the server is down."""
        if self.loop.time() < self.server.down_until or self.is_over:
            raise ConnectionRefusedError("the ledger's server is down")
        link = Link(self, factory)
        self.server.links.append(link)
        return link

    def later(self, after: float) -> float:
        """When something that leaves now comes to the other end, behind what left before."""
        chance = self._chance
        delay = chance.uniform(0.0001, 0.003)
        if chance.random() < 0.03:
            delay += chance.choice((0.03, 0.2, 0.7, 1.5))
        return max(after + 1e-6, self.loop.time() + delay)

    def at(self, when: float, callback: Callable[..., None], *args: Any) -> None:
        """Let something happen on the wire, whoever is dead by then."""
        token = OWNER.set(None)
        try:
            self.loop.call_at(when, callback, *args)
        finally:
            OWNER.reset(token)

    def hears(self, owner: Mortal | None) -> bool:
        """Whether the server hears a gateway."""
        return owner is None or self.deaf.get(owner.name, 0.0) <= self.loop.time()

    def passes(self, owner: Mortal | None) -> float:
        """When at the earliest something of a gateway passes."""
        return 0.0 if owner is None else self.slow.get(owner.name, 0.0)

    def speaks(self, owner: Mortal | None) -> bool:
        """Whether a gateway hears the server."""
        return owner is None or self.mute.get(owner.name, 0.0) <= self.loop.time()


def _array(*parts: bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(map(_bulk, parts))


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def _with_run(reply: bytes, run: int) -> bytes:
    """What INFO says, of another process."""
    text = reply.partition(b"\r\n")[2][:-2]
    lines = [
        b"run_id:%040d" % run if line.startswith(b"run_id:") else line
        for line in text.split(b"\r\n")
    ]
    return b"\r\n".join(lines)
