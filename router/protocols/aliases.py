"""Keys that a client must not use: nobody would meter them, or they are the operator's to set."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.twins import AliasKey, ForbiddenKey, fold

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class KnownKeys:
    """The keys that a protocol knows in one object, and those that it refuses there by name.

    `MAX_TOKENS` alone would be no limit to the gateway and one to a server written in Go. Keys that
    resemble none of the known or refused ones are the backend's affair. Build it once a protocol.
    """

    def __init__(
        self,
        keys: Iterable[str],
        others: Mapping[str, str] = _NONE,
        forbidden: Mapping[str, str] = _NONE,
    ) -> None:
        """`others` are words that only some servers know, and the key that they mean by them: a
        word that means itself passes in that spelling. `forbidden` are words and why they are.
        """
        self.keys: Final = frozenset(keys)
        self.plain: Final = self.keys - {"metadata"}  # that hold nothing of which nobody knows
        self._meant: Final = {fold(word): key for word, key in others.items()} | {
            fold(key): key for key in sorted(self.keys)
        }
        self._forbidden: Final = {fold(word): why for word, why in forbidden.items()}

    def refuse_aliases(self, members: Mapping[str, Any]) -> None:
        """Raise ForbiddenKey or AliasKey for the first key of `members` that is refused."""
        if members.keys() <= self.keys:
            return
        for key in members:
            if key in self.keys:
                continue
            folded = fold(key)
            why = self._forbidden.get(folded)
            if why is not None:
                raise ForbiddenKey(key, why)
            meant = self._meant.get(folded)
            if meant is not None and meant != key:
                raise AliasKey(key, meant)
