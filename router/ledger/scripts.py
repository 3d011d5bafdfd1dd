"""The ledger's Lua scripts: read once, each with the shared prelude before it, named by its SHA-1.

EVALSHA rather than FUNCTION: it works on Redis 6.2 and behind managed services, and the hash is the
version, so a rolling deployment runs both.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

NAMES: Final = ("reserve", "settle", "renew", "topup", "reap", "look", "mend", "credit", "pool")
CLOCK: Final = "redis.call('TIME')"


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its source and the name the server knows it by."""

    name: str
    source: bytes
    sha: bytes


def read_sources() -> dict[str, str]:
    """The Lua files by name, the prelude among them."""
    folder = files("router.ledger") / "lua"
    return {name: (folder / f"{name}.lua").read_text("utf-8") for name in ("prelude", *NAMES)}


def compile_scripts(
    sources: Mapping[str, str] | None = None, clock: str = CLOCK
) -> Mapping[str, Script]:
    """The scripts, ready to be loaded. A drill passes other `sources` or another `clock`."""
    sources = sources or read_sources()
    prelude = sources["prelude"].replace(CLOCK, clock)
    return MappingProxyType({name: _script(name, prelude + sources[name]) for name in NAMES})


def _script(name: str, text: str) -> Script:
    source = text.encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
