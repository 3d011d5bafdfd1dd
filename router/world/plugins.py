"""Loading what installed packages add, before any document is read that may name it."""

from policies.pii.reading import DETECTORS
from policies.verifiers import VERIFIERS
from router.backends.dialects.table import DIALECTS


def load_plugins() -> None:
    """Load every row of every plugin that documents or prompts may meet. Raises PluginError."""
    for table in (DETECTORS, VERIFIERS, DIALECTS):
        table.load()
