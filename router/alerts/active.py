"""Who was active since the last look: the one thing that alerts add to a request, after its end."""

from typing import Final, NamedTuple

from router.domain import Principal
from router.errors import LimitExceeded
from router.ledger.rate_limit_headers import SPOKE
from router.pipeline.observers.observer import Finished, Observer
from router.world.snapshot import Snapshot

_MOST: Final = 10_000


class Seen(NamedTuple):
    """A key and what it asked for, the world in which it did, and the budgets that refused it."""

    principal: Principal
    model: str
    world: Snapshot
    refused: frozenset[str] = frozenset()


class Active:
    """The keys and models that were asked with lately, bounded. One that finds no room is noted by
    its next request.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], Seen] = {}

    def take(self) -> list[Seen]:
        """Who was active since the last time."""
        seen, self._seen = self._seen, {}
        return list(seen.values())

    def put_back(self, seen: list[Seen]) -> None:
        """Let them be taken again: they could not be looked at."""
        for one in seen:
            self._seen.setdefault((one.principal.key_id, one.model), one)

    def note(self, principal: Principal, model: str, world: Snapshot, refused: str) -> None:
        """A request ended; `refused` names the limit that refused it, empty for none."""
        key = principal.key_id, model
        before = self._seen.get(key)
        if before is None:
            if len(self._seen) >= _MOST:
                return
            before = Seen(principal, model, world)
        elif before.world is world and not refused:
            return
        why = before.refused | {refused} if refused else before.refused
        self._seen[key] = Seen(principal, model, world, why)


def notes_activity(active: Active) -> Observer:
    """Return the observer that notes who was active."""
    note = active.note

    def observe(finished: Finished) -> None:
        context, error = finished.context, finished.error
        refused = ""
        if isinstance(error, LimitExceeded):
            refused = next((value for name, value in error.headers if name == SPOKE), "")
        elif finished.charge is None:
            return  # it was not admitted, for another reason: nothing was used
        model = context.hints.route or context.ask.model
        note(context.principal, model, context.world, refused)

    return observe
