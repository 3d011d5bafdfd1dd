"""What a detector of a plugin is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one kind of private data in a piece of text (docs/plugins.md).

    `finds` says whether the text holds any; it runs for every prompt of a policy that asks for
    `request.pii`, so it has to be quick. `begins` are texts without one of which there is nothing
    to find: a plain search for them comes first. Empty: every text is looked at.
    """

    finds: Callable[[str], bool]
    begins: tuple[str, ...] = ()

    def may_find(self, text: str) -> bool:
        """Whether it is worth looking."""
        return not self.begins or any(map(text.__contains__, self.begins))
