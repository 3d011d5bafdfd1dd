"""The texts of both documents: files, and the policies that ship with Turnout."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from policies.language.source import MAX_BYTES
from router.regular_files import read_regular

_SHIPPED: Final = files("policies") / "shipped"


def shipped_policies() -> list[str]:
    """Return the names of the policies that ship with Turnout."""
    names = (entry.name for entry in _SHIPPED.iterdir())
    return sorted(
        name.removesuffix(".yaml")
        for name in names
        if name.endswith(".yaml") and not name.endswith(".probes.yaml")
    )


def read_shipped_policy(name: str) -> str:
    """Return the text of a shipped policy; `name.probes` for that of its probes."""
    return (_SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")


def read_text(path: Path) -> str:
    """Return the text of a file, or as much of it as is too much.

    Raises OSError, and UnicodeDecodeError where it is not UTF-8.
    """
    raw = read_regular(path, MAX_BYTES)
    return raw.decode("utf-8", "replace" if len(raw) > MAX_BYTES else "strict")
