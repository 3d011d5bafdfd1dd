"""Faults beside the gateways: of a backend's stand-in, and of clients that stop reading."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections import Counter
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from router.drills.clients import Caller, Note
from router.drills.fault_tools import AWAY_SECONDS, NotRun, Scene
from router.drills.processes import DrillGateway, until
from router.pipeline.response_headers import DECISION

_WRONG: Final = (
    ("429", "fault=status&status=429&retry_after=1"),
    ("500", "fault=status&status=500"),
    ("garbage", "fault=garbage"),
    ("half streams", "fault=reset&after=5"),
    ("a late answer", "fault=slow&seconds=1"),
)
_WORD: Final = "a-long-story"  # what asks a stand-in for more than buffers take
_LONG: Final = f"fault=long&megabytes=64&only={_WORD}"
_STALLED: Final = "turnout_stalled_clients_total"


async def stall_a_backend(scene: Scene) -> None:
    """SIGSTOP, then SIGCONT, of the stand-in of the backend that serves most."""
    child = scene.stack.stand_ins[scene.busiest]
    async with scene.busy():
        await asyncio.sleep(0.5)
        os.kill(child.pid, signal.SIGSTOP)
        down = time.monotonic()
        try:
            await asyncio.sleep(AWAY_SECONDS)
            statuses = [(await gateway.readiness())[0] for gateway in scene.gateways]
        finally:
            os.kill(child.pid, signal.SIGCONT)
        mended = time.monotonic()
        await scene.comes_back(mended)
    ready = set(statuses) == {200}
    text = "gateways stay ready: one backend is not the gateway"
    scene.findings.promise(text, f"{statuses}", kept=ready)
    meanwhile = [note for note in scene.notes() if down < note.began < mended]
    fared = Counter(_fared(note, mended) for note in meanwhile)
    said = ", ".join(f"{count} {how}" for how, count in fared.most_common())
    scene.findings.notes.append(f"while `{scene.busiest}` stood still: {said or 'nobody asked'}")


def _fared(note: Note, mended: float) -> str:
    if note.whole:
        return "were served meanwhile" if note.over < mended else "waited and were served"
    return f"got {note.status or 'no answer'} ({note.code or note.ended})"


async def answer_wrongly(scene: Scene) -> None:
    """One kind of wrong answer after the other, from the backend that serves most."""
    clients, each = scene.stack.clients, max(2, scene.requests // len(_WRONG))
    try:
        for name, wish in _WRONG:
            await scene.stack.wish(scene.busiest, wish)
            before = len(clients.notes)
            async with clients.busy(scene.callers, each):
                pass
            notes = clients.notes[before:]
            fared = Counter(_ended(note) for note in notes)
            said = ", ".join(f"{count} {how}" for how, count in fared.most_common())
            scene.findings.notes.append(f"`{scene.busiest}` answers {name}: {said}")
    finally:
        await scene.stack.wish(scene.busiest, "")
    await scene.comes_back(time.monotonic())
    silent = sum(note.ended == "cut" for note in scene.notes())
    text = "every answer ends, or says why it does not"
    scene.findings.promise(text, f"{silent} were cut without a word", kept=silent == 0)


def _ended(note: Note) -> str:
    if note.whole:
        return "whole answers"
    return f"x {note.status or 'no answer'} {note.code or note.ended}"


async def stall_a_client(scene: Scene) -> None:
    """Clients of each gateway ask for a long stream, read its beginning, and no more."""
    stack = scene.stack
    before = [await gateway.metric(_STALLED) for gateway in scene.gateways]
    for backend in stack.stand_ins:
        await stack.wish(backend, _LONG)
    stalled: list[socket.socket] = []
    try:
        async with scene.busy():
            asked = [
                (gateway, await _begin(scene, scene.roomiest, gateway, stalled))
                for gateway in scene.gateways
            ]
            begun = [gateway for gateway, note in asked if note.admitted]
            if not begun:
                raise NotRun("the tier with the widest limits was refused a long stream")

            async def cut_off() -> bool:
                now = [await gateway.metric(_STALLED) for gateway in scene.gateways]
                return sum(now) - sum(before) >= len(begun)

            took = await until(cut_off, 20)
    finally:
        for each in stalled:
            each.close()
        for backend in stack.stand_ins:
            await stack.wish(backend, "")
    await scene.comes_back(time.monotonic())
    figure = "never" if took is None else f"{len(begun)} after {took:.1f} s"
    text = "clients that stop reading are cut off, settled, and stop nobody else"
    scene.findings.promise(text, figure, kept=took is not None)


async def _begin(
    scene: Scene, caller: Caller, gateway: DrillGateway, stalled: list[socket.socket]
) -> Note:
    """Ask for a long stream, read its head, and stop; note what the head said."""
    note = Note(caller.organization, caller.tier, gateway.name, time.monotonic(), stream=True)
    scene.stack.clients.notes.append(note)
    client = socket.socket()
    stalled.append(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    with contextlib.suppress(OSError, ValueError, IndexError):
        read = await asyncio.to_thread(_asked, client, gateway.root, caller)
        note.status = int(read.split(b" ", 2)[1])
        heads = dict(line.lower().split(b": ", 1) for line in read.split(b"\r\n") if b": " in line)
        note.decision = heads.get(DECISION.encode(), b"").decode()
        note.ended = "left" if note.admitted else "refused"
        note.code = "" if note.admitted else "in the head"
    note.over = time.monotonic()
    return note


def _asked(client: socket.socket, root: str, caller: Caller) -> bytes:
    """Send the request; return the head of the answer."""
    said: dict[str, Any] = {"role": "user", "content": f"Tell {_WORD}."}
    body = {"model": caller.model, "messages": [said], "stream": True}
    if caller.user is not None:
        body["user"] = caller.user
    sent = orjson.dumps(body)
    place = urlsplit(root)
    client.connect((place.hostname, place.port))
    client.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: drill\r\nauthorization: Bearer "
        + caller.key.encode()
        + b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(sent)
        + sent
    )
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(1024)
        if not piece:
            break
        head += piece
    return head.partition(b"\r\n\r\n")[0]
