"""Header names in lower case, put so once: a server sends the same ones with every answer."""

from collections.abc import Iterable, Mapping
from typing import Final

_KEPT: Final = 64
_spellings: dict[tuple[bytes, ...], dict[str, bytes]] = {}  # by the names of a whole head


def spelling(names: Iterable[bytes]) -> Mapping[str, bytes]:
    """Return the names as they were sent, by the same in lower case; of two alike, the last."""
    head = tuple(names)
    found = _spellings.get(head)
    if found is None:
        if len(_spellings) >= _KEPT:
            _spellings.clear()
        found = _spellings[head] = {name.decode("latin-1").lower(): name for name in head}
    return found
