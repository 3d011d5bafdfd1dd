"""What a detector of a plugin is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one kind of private data in a piece of text (docs/plugins.md).

    `finds` says whether the text holds any; it runs for every prompt of a policy that asks for
    `request.pii`, so it has to be quick. `begins` are texts without one of which there is nothing
    to find: a plain search for them comes first. Empty: every text is looked at. `places` says
    where it stands in a text, as pairs of start and end in characters, for a policy that redacts;
    without it such a request cannot be redacted.
    """

    finds: Callable[[str], bool]
    begins: tuple[str, ...] = ()
    places: Callable[[str], Iterable[tuple[int, int]]] | None = None

    def may_find(self, text: str) -> bool:
        """Whether it is worth looking."""
        return not self.begins or any(map(text.__contains__, self.begins))
