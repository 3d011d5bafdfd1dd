"""Asks the server that would serve a request how large it is; the gateway's estimate is never far.

Nothing here may keep a client waiting for long or cost a customer's quota: a server gets a few
seconds, one that fails rests, and each customer's questions have an allowance by the minute. What
becomes of them is held against no deployment: that it does not count says nothing of its answers.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from policies.value import value
from router.ask import Ask
from router.backends.backend import Backend
from router.backends.counting.allowance import Allowance
from router.backends.counting.question import question
from router.backends.counting.table import Counting, ways_of
from router.backends.dispatch.attempt import read_all
from router.backends.dispatch.inflated import uncompressed
from router.backends.health.health import DeploymentState, Health
from router.backends.health.voice import Voice, kind_of
from router.backends.transport.transport import TransportError
from router.protocols.beside import beside_if_large
from router.protocols.passage import MalformedReply, read_object
from router.protocols.unsupported import Unsupported

_LOG = logging.getLogger(__name__)
_REST: Final = 30.0  # seconds without a question, after a failure that is not the request's
_ANSWER_CAP: Final = 16 * 1024 * 1024  # bytes: vLLM tells every token
_SHAPES: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
_OF_THE_REQUEST: Final = frozenset((400, 413, 422))


@value
class Counted:
    """What a server counted; `body` is its own answer, where that is in the client's words."""

    tokens: int
    body: bytes | None


@value
class _Question:
    """Who asks, as health sees it."""

    request: Ask
    voice: Voice
    tried: frozenset[str] = frozenset()


class Counter:
    """Asks for sizes. One for the gateway's life."""

    def __init__(
        self,
        health_of: Callable[[Backend], Health],
        *,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`health_of` tells the health of a backend; `per_minute` is how many questions of
        one customer are passed on."""
        self._health_of = health_of
        self._allowance = Allowance(per_minute)
        self._clock = clock
        self._rests: dict[str, float] = {}  # until when, by deployment

    async def count(
        self, backend: Backend, ask: Ask, request_id: str, customer: str
    ) -> Counted | None:
        """The size of a request at this backend; None where its server does not tell."""
        way = ways_of(backend.dialect).get(backend.counts)
        if way is None or not self._allowance.take(customer, self._clock()):
            return None
        state = self._free(backend, ask, customer)
        if state is None:
            return None
        try:
            return await _ask(way, backend, state, ask, request_id)
        except Unsupported:
            return None
        except (TransportError, MalformedReply) as error:
            self._rest(state, str(error))
            return None

    def _free(self, backend: Backend, ask: Ask, customer: str) -> DeploymentState | None:
        """The deployment that would be asked; None where none may be now."""
        question = _Question(ask, Voice(customer, kind_of(ask)))
        now = self._clock()
        for state in self._health_of(backend).open_deployments(question):
            if self._rests.get(state.deployment.id, 0.0) <= now:
                return state
        return None

    def _rest(self, state: DeploymentState, why: str) -> None:
        self._rests[state.deployment.id] = self._clock() + _REST
        _LOG.warning(
            "a backend did not count tokens; the gateway estimates them for a while",
            extra={"deployment": state.deployment.id, "reason": why},
        )


async def _ask(
    way: Counting, backend: Backend, state: DeploymentState, ask: Ask, request_id: str
) -> Counted | None:
    """What the server says; None where it finds the request wrong.

    Raises Unsupported where it cannot be told of the request, TransportError or MalformedReply
    where it did not count.
    """
    asking = partial(question, way, state.deployment, backend, ask, request_id)
    call = await beside_if_large(len(ask.raw), asking)
    answer = await state.client.send(call)
    try:
        if answer.status in _OF_THE_REQUEST:
            return None
        if not 200 <= answer.status < 300:
            raise MalformedReply(f"answered {answer.status}")
        plain = uncompressed(answer, answer.header("content-encoding"))
        raw = await read_all(plain, _ANSWER_CAP)
    finally:
        answer.close()
    try:
        told = await beside_if_large(len(raw), partial(read_object, raw))
        tokens = way.size(told)
    except _SHAPES:
        tokens = None
    if type(tokens) is not int or tokens < 0:
        raise MalformedReply("answered without a number")
    return Counted(tokens, raw.strip() if way.protocol == ask.protocol else None)
