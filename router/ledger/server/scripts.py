"""The ledger's Lua scripts: read once, with what they include, each named by its SHA-1.

EVALSHA rather than FUNCTION: it works on Redis 6.2 and behind managed services, and the hash is the
version, so a rolling deployment runs both.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

NAMES: Final = ("reserve", "settle", "renew", "topup", "reap", "look", "mend", "credit", "pool")
CLOCK: Final = "redis.call('TIME')"
_INCLUDE: Final = re.compile(r"^ *-- include: (.+)\n", re.MULTILINE)
_CONSTANT: Final = re.compile(r"^([A-Z_]+) = (.+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *--.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its source and the name the server knows it by."""

    name: str
    source: bytes
    sha: bytes


def read_sources() -> dict[str, str]:
    """The Lua files by name, those that scripts include among them."""
    folder = files("router.ledger") / "lua"
    return {
        file.name.removesuffix(".lua"): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".lua")
    }


def compile_scripts(
    sources: Mapping[str, str] | None = None, clock: str = CLOCK
) -> Mapping[str, Script]:
    """The scripts, ready to be loaded. A drill passes other `sources` or another `clock`."""
    sources = sources or read_sources()
    constants = dict(_CONSTANT.findall(sources["constants"]))
    names = re.compile(rf"\b(?:{'|'.join(constants)})\b")

    def whole(name: str) -> str:
        text = _INCLUDE.sub(lambda found: "".join(map(whole, found[1].split())), sources[name])
        return names.sub(lambda found: constants[found[0]], _COMMENT.sub("", text))

    return MappingProxyType(
        {name: _script(name, whole(name).replace(CLOCK, clock)) for name in NAMES}
    )


def _script(name: str, text: str) -> Script:
    source = text.encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
