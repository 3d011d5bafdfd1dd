"""What a policy wants redacted of a request before it leaves, and for whom."""

from typing import Final

from policies import plugins
from policies.pii.found import OWN_KINDS
from policies.value import value

# The kinds that something here finds: a policy that names another would promise what nobody does.
KINDS: Final = (*OWN_KINDS, *plugins.names(plugins.DETECTORS))


@value
class Redaction:
    """Finds of these kinds are replaced by placeholders; `kinds` is None for all of them.

    `spared` are the backends that are sent the request as it came; `restore`: the client is
    answered with its own values in the place of the placeholders.
    """

    kinds: frozenset[str] | None = None
    spared: frozenset[str] = frozenset()
    restore: bool = True

    def wants(self, kind: str) -> bool:
        """Whether a find of this kind is to be replaced."""
        return self.kinds is None or kind in self.kinds

    def and_also(self, other: "Redaction") -> "Redaction":
        """Both at once: whatever one of them wants, and none spared that one does not spare."""
        kinds = None if self.kinds is None or other.kinds is None else self.kinds | other.kinds
        restore = self.restore and other.restore
        return Redaction(kinds, self.spared & other.spared, restore)

    def __str__(self) -> str:
        kinds = "all kinds" if self.kinds is None else ", ".join(sorted(self.kinds))
        spared = f" for all but {', '.join(sorted(self.spared))}" if self.spared else ""
        return f"{kinds}{spared}{'' if self.restore else ', not restored'}"
