"""Types of the C extension in native/scan.c; protocols/scan.py says what it does."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

EDITION: Final[int]

class Scanner:
    """Scans bodies with the rules it is given.

    `refuse_twins` checks the keys of one object, `too_deep` is raised beyond `max_depth` levels (at
    most 254), `decode` turns a JSON string into a str. Of an object with more than `max_keys` keys,
    `refuse_twins` gets one more than that. Raises ValueError for bounds that are out of range.
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
