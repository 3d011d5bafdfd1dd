"""Backends that fail in one way, for the tests of what the gateway makes of it."""

from collections.abc import Callable

from modelservers import RunningSimulator

from router.ask import Ask
from router.backends.backend import Backend, Timeouts
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy

Chat = Callable[..., Ask]
PATIENT = Timeouts(connect=10.0, first_byte=10.0, between_chunks=10.0, total=20.0)
QUICK = Timeouts(connect=0.2, first_byte=0.1, between_chunks=0.15, total=5.0)
SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
TEXT = b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def no_retries() -> RetryPolicy:
    return RetryPolicy(rounds=0, saved=0.0)


def faulty(simulator: RunningSimulator, fault: str, **fields: object) -> Backend:
    """A backend with this fault; impatience only where the fault is to be slow."""
    timeouts = QUICK if fault.startswith(("slow", "stall")) else PATIENT
    return Backend("faulty", simulator.base_url, f"sim?fault={fault}", timeouts=timeouts, **fields)  # type: ignore[arg-type]


def sound(simulator: RunningSimulator) -> Backend:
    return Backend("sound", simulator.base_url, "sim")


async def answer(
    dispatcher: Dispatcher, backends: list[Backend], request: Ask, customer: str = ""
) -> tuple[str, bytes]:
    async with dispatcher.open(backends, request, "r1", customer=customer) as upstream:
        if not request.stream:
            return upstream.backend.name, upstream.body
        return upstream.backend.name, b"".join([block async for block in upstream.stream()])
