"""Changing top-level members of a JSON body; every other byte of it stays as it was.

An attempt at a backend is the client's bytes and the edits for that backend: a value to put in the
place of a member's, or behind the last member where there is none of that name, or None to drop
the member. Values are JSON already, as bytes; keys are the decoded ones that scan.py returns.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from types import MappingProxyType
from typing import Final

import orjson

from router.protocols.ahead import LARGE, MOST_OF_A_BYTE, Outlined
from router.protocols.beside import joined
from router.protocols.scan import Members, Span

Edits = Mapping[str, bytes | None]
Renames = Mapping[str, str]  # from the key as it came to the key as it goes

# The bytes from the first place to the second give way to others.
Change = tuple[int, int, bytes]

_AROUND: Final = 4  # two quotes, a colon and a comma
_LARGE: Final = 65_536  # bytes of a body whose pieces are not copied before they are joined
_NO_RENAMES: Final[Renames] = MappingProxyType({})
_NO_EDIT: Final = b"no edit"  # recognized by its identity


def replaced(raw: bytes, span: Span, value: bytes) -> bytes:
    """`raw` with another value for the member at `span`: all that most requests need."""
    if len(raw) > _LARGE:
        return spliced(raw, ((span[1], span[2], value),))
    return b"".join((raw[: span[1]], value, raw[span[2] :]))


def spliced(raw: bytes, changes: Iterable[Change]) -> bytes:
    """`raw` after changes, in the order of their places; each byte is copied once."""
    whole, at = memoryview(raw), 0
    parts: list[bytes | memoryview] = []
    for start, end, new in changes:
        parts += whole[at:start], new
        at = end
    parts.append(whole[at:])
    return b"".join(parts) if len(raw) <= LARGE else joined(parts)


def splice(raw: bytes, members: Members, edits: Edits, renames: Renames = _NO_RENAMES) -> bytes:
    """`raw` after `edits` and `renames`; `members` are those that its scan found.

    A member may be both edited and renamed: `edits` names it as it came. A rename of a member that
    is not there changes nothing. ValueError where a key would stand twice.
    """
    if len(edits) == 1 and not renames:
        [(key, value)] = edits.items()
        if value is not None and key in members:
            return replaced(raw, members[key], value)
    if renames:
        _refuse_twins(members, edits, renames)
    elif not edits:
        return raw
    return spliced(raw, _changes(raw, members, edits, renames))


def with_member(raw: bytes, members: Members, key: str, value: bytes) -> tuple[bytes, Members]:
    """`raw` with another value for a member, or with one more behind the last, and its members."""
    moved = copy(members)
    if type(moved) is Outlined and moved.weight is not None:
        moved.weight += MOST_OF_A_BYTE * (len(key) + len(value) + _AROUND)
    if key in members:
        key_start, start, end = members[key]
        by = len(value) - (end - start)
        for name, span in members.items():
            if span[0] > start:
                moved[name] = span[0] + by, span[1] + by, span[2] + by
        moved[key] = key_start, start, start + len(value)
        return replaced(raw, (key_start, start, end), value), moved
    last, written = _end_of(members), orjson.dumps(key)
    start = last + len(written) + 2
    moved[key] = last + 1, start, start + len(value)
    return spliced(raw, ((last, last, b",%b:%b" % (written, value)),)), moved


def without_members(raw: bytes, members: Members, keys: Iterable[str]) -> tuple[bytes, Members]:
    """`raw` without the members of these names, and where the others stand then."""
    gone = members.keys() & set(keys)
    if not gone:
        return raw, members
    moved = copy(members)
    for key in gone:
        del moved[key]
    changes = list(_changes(raw, members, dict.fromkeys(gone), _NO_RENAMES))
    for key, span in moved.items():
        by = sum(end - start for start, end, _ in changes if end <= span[0])
        moved[key] = span[0] - by, span[1] - by, span[2] - by
    return spliced(raw, changes), moved


def _refuse_twins(members: Members, edits: Edits, renames: Renames) -> None:
    dropped = {key for key, value in edits.items() if value is None}
    keys = [renames.get(key, key) for key in members if key not in dropped]
    keys += [key for key in edits if key not in members and key not in dropped]
    if len(set(keys)) != len(keys):
        raise ValueError("an edit would make a key stand twice")


def _changes(raw: bytes, members: Members, edits: Edits, renames: Renames) -> Iterator[Change]:
    last = raw.index(b"{") + 1  # where what was kept last ends: at first the opening brace
    dropped: int | None = None  # where the first member starts that is dropped since then
    any_kept = False
    for key, (key_start, start, end) in members.items():
        value = edits.get(key, _NO_EDIT)
        if value is None:
            dropped = key_start if dropped is None else dropped
            continue
        if dropped is not None:  # with the comma behind it
            yield dropped, key_start, b""
            dropped = None
        if key in renames:
            yield key_start, raw.rindex(b'"', 0, start) + 1, orjson.dumps(renames[key])
        if value is not _NO_EDIT:
            yield start, end, value
        last, any_kept = end, True
    added = [
        orjson.dumps(key) + b":" + value
        for key, value in edits.items()
        if key not in members and value is not None
    ]
    new = b",".join([b"", *added] if added and any_kept else added)
    if dropped is None:
        yield last, last, new
    else:  # the last members go: with the comma before them, or all of them
        yield last if any_kept else dropped, _end_of(members), new


def _end_of(members: Members) -> int:
    """Where the last member ends."""
    return next(reversed(members.values()))[2]
