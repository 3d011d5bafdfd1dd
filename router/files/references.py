"""The files that a request names: they must be the organization's own, and pin their account.

A file is named by `file_id` or `file_ids`, whatever part or tool they stand in. What answers say of
files in their turn, and clients send back in histories (citations, what code wrote), reads none.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from router.ask import NAMED_FILES, Ask
from router.domain import Principal
from router.errors import PermissionDenied
from router.files.desk import Desk, asker_of
from router.stored.owned import Owned, OwnedKind
from router.stored.ownership import OwnershipStore
from router.world.offered import FAMILIES, members, offering
from router.world.snapshot import Snapshot

_ONE, _MANY = "file_id", "file_ids"
_SAID: Final = ("citation", "_output", "file_path")  # how the types end of what answers say
_MOST: Final = 500  # files of one request
_ASKED_WITH_OWN: Final = (
    "The files of this request are in the operator's account, and your organization asks {} with a"
    " credential of its own, which cannot read them there. Send their contents instead."
)
# A name may be spelled with escapes: then the parsed body alone tells.
_HINTS: Final = (b"file_id", b"\\u")


def named_files(body: Any) -> Iterator[str]:
    """Every file that a body names."""
    waiting = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            if not str(part.get("type", "")).endswith(_SAID):
                yield from _named(part)
            waiting += part.values()


def _named(part: Mapping[str, Any]) -> Iterator[str]:
    one, many = part.get(_ONE), part.get(_MANY)
    if isinstance(one, str):
        yield one
    if isinstance(many, list):
        yield from [name for name in many if isinstance(name, str)]


def _known(of: str, family: str, ids: list[str], store: OwnershipStore) -> list[Owned]:
    return store.known(of, family, OwnedKind.FILE, ids)


class References:
    """See `router.pipeline.serving.Owns`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def pinned(self, world: Snapshot, principal: Principal, ask: Ask) -> Ask:
        """Return the request, sent to the account that keeps the files it names, if it names any.

        Costs a search for a name in its bytes, and one look-up where there is one.
        """
        if ask.form or not any(hint in ask.raw for hint in _HINTS):
            return ask
        ids = list(dict.fromkeys(named_files(ask.body)))
        return await self._pinned(world, principal, ask, ids) if ids else ask

    async def _pinned(self, world: Snapshot, principal: Principal, ask: Ask, ids: list[str]) -> Ask:
        of, readers = principal.organization, frozenset[str]()
        unknown, own, every = set(ids), self._desk.own(principal), frozenset[str]()
        world = self._desk.serving.snapshot if world.owned else world  # files are the operator's
        for family in dict.fromkeys(FAMILIES.values()):
            backend = offering(world.backends.values(), family, "files")
            if backend is None or len(ids) > _MOST:
                continue
            known = await self._desk.registry.ask(partial(_known, of, family, ids), customer=of)
            unknown -= {owned.id for owned in known}
            if len(known) == len(ids):
                every = members(world.backends.values(), backend)
                readers = every - own
        if every and not readers:
            raise PermissionDenied(_ASKED_WITH_OWN.format(", ".join(sorted(every))))
        if unknown or not readers:
            family = "anthropic" if ask.protocol == "messages" else "openai"
            asker = asker_of(principal, family, {})
            raise self._desk.missing(asker, OwnedKind.FILE, next(iter(sorted(unknown)), ids[0]))
        return ask._replace(pinned=readers, features=ask.features | {NAMED_FILES})
