"""How a connection ends: behind an answer that the client has yet to read, and when it listens."""

import socket
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from router.api.farewell import (
    DROPPED_A_SECOND,
    IDLE_SECONDS,
    LINGER_SECONDS,
    Drain,
    Lingering,
    Listening,
)


class Loop:
    """A clock and its timers; `pass_by` lets time go by."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Any] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, ring: Any) -> Any:
        timer = SimpleNamespace(at=self.now + seconds, ring=ring)
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer

    def pass_by(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.at <= end]:
            timer = min(due, key=lambda each: each.at)
            self.timers.remove(timer)
            self.now = timer.at
            timer.ring()
        self.now = end


class Line:
    """A connection, seen from here."""

    def __init__(self, real: socket.socket | None = None) -> None:
        self.said: list[str] = []
        self._real = real

    def get_extra_info(self, _name: str) -> Any:
        return self._real

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & set(self.said))

    def __getattr__(self, name: str) -> Any:
        return lambda: self.said.append(name)


def test_the_client_sees_the_end_at_once_and_is_read_while_it_sends():
    loop, line = Loop(), Line()
    lingering = Lingering(line, loop, line.close)
    assert line.said == ["write_eof"]
    for _ in range(4):
        lingering.take(1_000)
        loop.pass_by(IDLE_SECONDS)
    assert set(line.said) == {"write_eof", "pause_reading", "resume_reading"}
    loop.pass_by(IDLE_SECONDS)
    assert line.said[-1] == "close"


def test_a_client_that_never_stops_is_read_for_a_bounded_time():
    loop, line = Loop(), Line()
    lingering = Lingering(line, loop, line.close)
    while loop.now < LINGER_SECONDS:
        lingering.take(1)
        loop.pass_by(IDLE_SECONDS / 2)
    assert line.said[0] == "write_eof"
    assert line.said[-1] == "close"
    assert loop.timers == []


def test_however_many_send_on_what_is_dropped_of_all_together_has_a_pace():
    loop, drain, dropped = Loop(), Drain(), 0
    lines = [Line() for _ in range(80)]
    lingering = [Lingering(line, loop, line.close, drain) for line in lines]
    while loop.now < 4:
        for line, one in zip(lines, lingering, strict=True):
            if line.said[-1] != "pause_reading":
                one.take(256_000)
                dropped += 256_000
        loop.pass_by(0.001)
    assert dropped <= 4 * DROPPED_A_SECOND + len(lines) * 256_000
    assert dropped >= 3 * DROPPED_A_SECOND
    for one in lingering:
        one.stop()
    assert loop.timers == []


def test_a_connection_that_is_gone_is_not_looked_at():
    loop, line = Loop(), Line()
    Lingering(line, loop, line.close).stop()
    Listening(line, loop, lambda: None).stop()
    assert loop.timers == []


def test_a_client_that_listens_is_written_to_ever_more_seldom():
    loop, line, written = Loop(), Line(), []
    Listening(line, loop, lambda: written.append(loop.now))
    loop.pass_by(60)
    assert written[0] == 0.2  # an answer that is there by then is all that such a client sees
    pauses = [round(later - earlier, 6) for earlier, later in pairwise(written)]
    assert min(pauses) > 10
    assert max(pauses) < 12
    assert line.said == []


def _listening(loop: Loop) -> tuple[socket.socket, socket.socket, Line]:
    """A real connection whose client has ended its half; what is written goes to the client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    line = Line(ours)
    client.shutdown(socket.SHUT_WR)
    Listening(line, loop, lambda: ours.send(b": \n\n"))
    return client, ours, line


def test_a_client_that_is_gone_is_found_out_by_its_reset():
    loop = Loop()
    client, ours, line = _listening(loop)
    client.close()
    with ours:
        loop.pass_by(1)
    assert line.said == ["abort"]
    assert loop.timers == []


def test_a_client_that_only_ended_its_half_is_left_alone():
    loop = Loop()
    client, ours, line = _listening(loop)
    with ours, client:
        loop.pass_by(60)
        assert client.recv(4) == b": \n\n"
    assert line.said == []
