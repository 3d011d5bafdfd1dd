"""What differs between the families of servers that keep files and run batches: one row each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from router.files.bound import Bound
from router.protocols.headers import CHAT_REQUEST, MESSAGES_REQUEST
from router.stored.owned import Owned
from router.world.offered import ANTHROPIC, OPENAI

Shown = Mapping[str, Any]
_CLOCKS_MS: Final = 300_000  # by which a provider's clock may differ from ours


@dataclass(frozen=True, slots=True)
class Family:
    """One way to keep files and to run batches.

    `headers` are those of a request that go on. `batches` is where batches are asked for, below a
    backend's address. `has_ended` and `files_of` read a batch as its server shows it: whether it is
    over, and the ids of the files of its results; `results_of` is where these are read. Whether a
    batch is one that was asked for and whose answer nobody got: `is_of` knows it is, `may_be_of`
    does not know better. `listed` makes a page of what is listed. `missing` is what a client is
    told of an id that is not its own.
    """

    name: str
    headers: frozenset[bytes]
    batches: str
    has_ended: Callable[[Shown], bool]
    files_of: Callable[[Shown], list[str]]
    results_of: Callable[[Shown], list[str]]
    is_of: Callable[[Shown, Owned], bool]
    may_be_of: Callable[[Shown, Owned], bool]
    listed: Callable[[Sequence[Shown], bool], dict[str, Any]]
    missing: str


_OVER: Final = frozenset(("completed", "failed", "expired", "cancelled"))


def _openais_files(batch: Shown) -> list[str]:
    named = (batch.get("output_file_id"), batch.get("error_file_id"))
    return [name for name in named if isinstance(name, str) and name]


def _openais_results(batch: Shown) -> list[str]:
    name = batch.get("output_file_id")
    return [f"/files/{name}/content"] if isinstance(name, str) and name else []


def _is_of_file(batch: Shown, owned: Owned) -> bool:
    """Nobody else can name an organization's file."""
    created = batch.get("created_at")
    if not isinstance(created, int | float) or created * 1000 < owned.at - _CLOCKS_MS:
        return False
    return bool(owned.source) and batch.get("input_file_id") == owned.source


def _may_be_of_body(batch: Shown, owned: Owned) -> bool:
    """So many requests, at that time."""
    counts, created = batch.get("request_counts"), batch.get("created_at")
    if not isinstance(counts, Mapping) or not isinstance(created, str):
        return False
    try:
        at = datetime.fromisoformat(created).timestamp() * 1000
    except ValueError:
        return False
    count = sum([each for each in counts.values() if isinstance(each, int)])
    return abs(at - owned.at) < _CLOCKS_MS and count == Bound.read(owned.bound).requests


def _never(_batch: Shown, _owned: Owned) -> bool:
    return False


def _openais_page(shown: Sequence[Shown], more: bool) -> dict[str, Any]:
    return {"object": "list", **_ends(shown), "data": list(shown), "has_more": more}


def _anthropics_page(shown: Sequence[Shown], more: bool) -> dict[str, Any]:
    ends = _ends(shown)
    following = f"page_{ends['last_id']}" if more and shown else None
    return {"data": list(shown), "has_more": more, **ends, "next_page": following}


def _ends(shown: Sequence[Shown]) -> dict[str, Any]:
    return {
        "first_id": shown[0].get("id") if shown else None,
        "last_id": shown[-1].get("id") if shown else None,
    }


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        OPENAI: Family(
            OPENAI,
            CHAT_REQUEST,
            "/batches",
            lambda batch: batch.get("status") in _OVER,
            _openais_files,
            _openais_results,
            _is_of_file,
            _never,
            _openais_page,
            "No such {kind} object: {id}",
        ),
        ANTHROPIC: Family(
            ANTHROPIC,
            MESSAGES_REQUEST,
            "/messages/batches",
            lambda batch: batch.get("processing_status") == "ended",
            lambda _batch: [],
            lambda batch: [f"/messages/batches/{batch['id']}/results"],
            _never,
            _may_be_of_body,
            _anthropics_page,
            "The {kind} {id} does not exist.",
        ),
    }
)
