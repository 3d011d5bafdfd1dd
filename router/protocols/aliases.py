"""Keys that only a server which folds them would take for a known one, and that nobody meters."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.twins import AliasKey, fold

_NO_OTHERS: Final[Mapping[str, str]] = MappingProxyType({})


class KnownKeys:
    """The keys that a protocol knows in one object.

    `MAX_TOKENS` alone would be no limit to the gateway and one to a server written in Go. Keys that
    resemble none of the known ones are the backend's affair. Build it once a protocol.
    """

    def __init__(self, keys: Iterable[str], others: Mapping[str, str] = _NO_OTHERS) -> None:
        """`others` are words that only some servers know, and the key that they mean by them."""
        self.keys: Final = frozenset(keys)
        self._meant: Final = {fold(key): key for key in sorted(self.keys)} | {
            fold(word): key for word, key in others.items()
        }

    def refuse_aliases(self, members: Mapping[str, Any]) -> None:
        """Raise AliasKey for the first key of `members` that folds to a known one and is not it."""
        if members.keys() <= self.keys:
            return
        for key in members:
            meant = self._meant.get(fold(key))
            if meant is not None and key not in self.keys:
                raise AliasKey(key, meant)
