"""Backends as customers ask them who have a credential of their own there.

Such a backend is the operator's in all but the key: its address, model and price stay. What is held
against it (rests, breakers, failures) is held against this customer's credential alone, and what is
held against the operator's does not concern it: its health lives with it, and goes with it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from router.ask import KEPT_ELSEWHERE, Ask
from router.backends.backend import Backend, Own
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.backends.health.health import Health, HealthBoard

_UNREADABLE: Final = "cannot be asked: your own credential for it cannot be read here"

_CLOUDS: Final = (
    "is authorized by the operator's identity at a cloud (`credentials` in turnout.yaml), which a"
    " single key cannot stand in for; add a backend that is authorized by a key"
)


def why_no_own(backend: Backend) -> str | None:
    """Why no credential of a customer's can be used there; None where one can."""
    return None if backend.credentials is None else _CLOUDS


def with_own(
    house: Backend,
    organization: str,
    secret: str | None,
    tell: Callable[[str, str, str | None], None],
    *,
    fallback: bool,
) -> Backend:
    """The operator's backend, asked with a customer's credential (None: nobody can read it)."""
    unreadable = secret is None
    own = Own(
        organization, house, tell, fallback=fallback and not unreadable, unreadable=unreadable
    )
    if unreadable:
        own.refused = AttemptFailed(Kind.CREDENTIAL, _UNREADABLE)
    return replace(house, api_key=secret, api_keys=(), own=own)


def with_fallbacks(backends: Iterable[Backend], ask: Ask) -> tuple[Backend, ...]:
    """Candidates, each customer's own followed by the operator's where that may serve instead: not
    where the request names what one account keeps."""
    if not ask.features.isdisjoint(KEPT_ELSEWHERE):
        return tuple(backends)
    return tuple(_each(backends))


def _each(backends: Iterable[Backend]) -> Iterator[Backend]:
    for backend in backends:
        yield backend
        if backend.own is not None and backend.own.fallback:
            yield backend.own.house


class OwnHealth(Mapping[str, Health]):
    """The health of backends as one customer asks them, by name: live."""

    def __init__(self, board: HealthBoard, backends: Mapping[str, Backend]) -> None:
        self._board = board
        self._backends = backends

    def __getitem__(self, name: str) -> Health:
        house, backend = self._board.view()[name], self._backends.get(name)
        if backend is None or backend.own is None:
            return house
        health = self._board.own(backend)
        return house if backend.own.fallback and not health.healthy else health

    def __iter__(self) -> Iterator[str]:
        return iter(self._board.view())

    def __len__(self) -> int:
        return len(self._board.view())
