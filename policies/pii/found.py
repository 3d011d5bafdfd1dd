"""What was found in a text and where: the shared noun of everything that finds private data."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

# The kinds that Turnout's own patterns find, and those that stronger finders add. A finder may
# have others of its own: lower case, letters, digits and `_`, as KIND has them.
OWN_KINDS: Final = ("email", "phone", "card", "iban", "national_id", "secret")
FURTHER_KINDS: Final = ("person", "location", "organization", "date", "address", "health")
KIND: Final = r"[a-z][a-z0-9_]{0,31}"


class Found(NamedTuple):
    """One find: `text[start:end]` of the decoded text that was searched, in characters, and its
    kind. Never empty: `start < end`.
    """

    start: int
    end: int
    kind: str


class Finder(Protocol):
    """Finds private data in one text. Holds nothing of it when it has returned."""

    def find(self, text: str) -> Sequence[Found]:
        """Return what was found, in any order; finds may overlap.

        Called in a thread, of several at a time. Whatever it raises means that the text was not
        read, and counts as private.
        """
