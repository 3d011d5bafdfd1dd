"""The ledger's Lua scripts: read once, with what they include, each named by its SHA-1.

EVALSHA rather than FUNCTION: it works on Redis 6.2 and behind managed services, and the hash is the
version, so a rolling deployment runs both.

A line `-- include: ring.turn clock` stands for the section `turn` of ring.lua and for clock.lua as
a whole, written in at that place: a function would cost a script 0.15 us to define and as much to
call. A NAME stands for its literal (router.ledger.lua_constants).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from router.ledger.lua_constants import lua_constants

NAMES: Final = (
    "reserve", "settle", "renew", "top_up", "reap", "look", "repair", "credit", "pool",
    "hold_back", "follow",
)  # fmt: skip
CLOCK: Final = "redis.call('TIME')"
_INCLUDE: Final = re.compile(r"^ *-- include: (.+)\n", re.MULTILINE)
_SECTION: Final = re.compile(r"^-- section: (\w+)\n", re.MULTILINE)
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
    sources: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    clock: str = CLOCK,
) -> Mapping[str, Script]:
    """The scripts, ready to be loaded. A drill passes other `sources`, `constants` or `clock`."""
    parts = _sections(sources or read_sources())
    literals = constants or lua_constants()
    names = re.compile(rf"\b(?:{'|'.join(literals)})\b")

    def whole(name: str) -> str:
        text = _INCLUDE.sub(lambda match: "".join(map(whole, match[1].split())), parts[name])
        return names.sub(lambda match: literals[match[0]], _COMMENT.sub("", text))

    return MappingProxyType(
        {name: _script(name, whole(name).replace(CLOCK, clock)) for name in NAMES}
    )


@cache
def ledger_scripts() -> Mapping[str, Script]:
    """The scripts as they are: compiled once a process."""
    return compile_scripts()


def _sections(sources: Mapping[str, str]) -> dict[str, str]:
    """Every text that may be included: files by name, their sections as "file.section"."""
    parts: dict[str, str] = {}
    for file, text in sources.items():
        whole, *sections = _SECTION.split(text)
        parts[file] = whole
        for name, section in zip(sections[::2], sections[1::2], strict=True):
            parts[f"{file}.{name}"] = section
    return parts


def _script(name: str, text: str) -> Script:
    source = text.encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
