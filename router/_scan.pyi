"""Types of the C extension in native/scan.c; what it finds is told in protocols/scan.py."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

EDITION: Final[int]

class Scanner:
    """Scans bodies with the rules it is given.

    `refuse_twins` judges the keys of one object, `too_deep` is raised beyond `max_depth` levels (at
    most 254), `decode` turns a JSON string into a str; of an object with more than `max_keys` keys,
    one key more than that is shown to `refuse_twins`. Raises ValueError for a depth out of bounds.
    """

    def __init__(
        self,
        refuse_twins: Callable[[list[str], bool, str | None], None],
        too_deep: type[Exception],
        decode: Callable[[bytes], str],
        max_depth: int,
        max_keys: int,
    ) -> None: ...
    def scan(
        self, raw: bytes, folded: AbstractSet[str] = ..., /
    ) -> dict[str, tuple[int, int, int]]:
        """The top-level members of `raw`; see protocols/scan.py."""
