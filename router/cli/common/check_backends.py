"""What `turnout check` says of backends: those of which nobody said what they can take."""

from policies.findings import Finding
from policies.language.source import parse
from router.backends.backend import FEATURES, Backend
from router.world.documents import Documents


def backend_findings(documents: Documents) -> list[Finding]:
    """A warning for each backend that no preset knows and that does not say what it `supports`."""
    source = parse(documents.config_path.read_text("utf-8"), str(documents.config_path))
    return [
        source.warning(
            ("backends", name),
            f"`{name}` does not say what it supports: requests with tools, images or JSON schemas "
            "are sent there last, where no other candidate may take them",
            f"write `supports: [{', '.join(sorted(FEATURES))}]` with what its model takes, or []",
            rule="unsaid-support",
        )
        for name, backend in documents.backends.items()
        if backend.unsaid == FEATURES and _may_chat(backend, documents)
    ]


def _may_chat(backend: Backend, documents: Documents) -> bool:
    """Whether anything is asked of it that the operator did not declare."""
    declared = documents.loaded.declared.operations
    return backend.serves is None or not backend.serves <= declared.keys()
