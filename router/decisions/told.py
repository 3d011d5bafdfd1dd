"""Decisions as the admin API, `turnout explain` and customers read them: plain data for JSON.

Money is a string of decimal USD, an instant RFC 3339 in UTC, a span milliseconds.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from policies.money import usd
from router.decisions.store import DecisionStore, Stored, Wanted

Told = dict[str, Any]


def decision_document(
    store: DecisionStore, id_: str, organization: str | None = None
) -> Told | None:
    """The whole truth of one decision, taken at any gateway: what was decided, each try, the
    outcome, or why it was denied. None where it is not known, or is not this organization's.

    Blocks; may raise DatabaseError.
    """
    stored = store.find(id_)
    if stored is None or (organization is not None and stored.organization != organization):
        return None
    return document_of(stored)


def decision_page(
    store: DecisionStore, wanted: Wanted, cursor: str | None = None
) -> tuple[list[Told], str | None]:
    """A page of decisions, the newest first, and the cursor of the next one, None at the end.

    Blocks; may raise DatabaseError, and ValueError where the cursor is none of ours.
    """
    if cursor is not None:
        wanted = replace(wanted, before=_place_of(cursor))
    found = store.page(replace(wanted, limit=wanted.limit + 1))
    page = found[: wanted.limit]
    more = len(found) > wanted.limit
    return [document_of(each) for each in page], _cursor_of(page[-1]) if more else None


def document_of(stored: Stored) -> Told:
    """A row as operators read it."""
    record = stored.record
    decided, refused = record.get("decision"), record.get("refused")
    told: Told = {
        "id": stored.id,
        "at": instant(stored.at_ms),
        "organization": stored.organization,
        "team": stored.team,
        "key": stored.key_id,
        "tier": stored.tier,
        "operation": record["operation"],
        "model": record["asked"],
        "policy": record.get("policy"),
        "prices": record.get("prices"),
        "classifier": record.get("classifier"),
        "decision": None if decided is None else _in_usd(decided),
        "denial": None if refused is None else _denial(stored, refused),
        "outcome": _in_usd(record["outcome"]) if "outcome" in record else None,
        "attempts": _attempts(record),
    }
    return told


def denial_of(stored: Stored) -> Told:
    """A denial as the customer reads it: what the answer said, and no word of backends."""
    refused = stored.record["refused"]
    return {"id": stored.id, "at": instant(stored.at_ms)} | _denial(stored, refused)


def instant(ms: int) -> str:
    """Unix milliseconds as RFC 3339, UTC."""
    written = datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


def _denial(stored: Stored, refused: Mapping[str, Any]) -> Told:
    return {
        "limit": refused["limit"],
        "level": refused["level"],
        "tier": refused["tier"],
        "wait_ms": refused["wait_ms"],
        "status": refused["status"],
        "code": refused["code"],
        "message": refused["message"],
        "count": stored.count,
    }


def _in_usd(data: Mapping[str, Any]) -> Told:
    """The data, its money (`..._pico`) as USD."""
    told: Told = {}
    for name, held in data.items():
        if not name.endswith("_pico"):
            told[name] = held
        elif isinstance(held, Mapping):
            told[f"{name.removesuffix('_pico')}_usd"] = {of: usd(each) for of, each in held.items()}
        else:
            told[f"{name.removesuffix('_pico')}_usd"] = usd(held)
    return told


def _attempts(record: Mapping[str, Any]) -> list[Told]:
    """Every try, in order: who failed and why, then who answered."""
    failures: Sequence[Sequence[Any]] = record.get("failures", ())
    attempts: list[Told] = [
        {"backend": backend, "failed": kind, "reason": reason, "ms": ms}
        for backend, kind, reason, ms in failures
    ]
    outcome = record.get("outcome") or {}
    answered = outcome.get("backend")
    if answered:
        first = outcome.get("first_token_ms")
        attempts.append({"backend": answered, "failed": None, "reason": None, "ms": first})
    return attempts


def _cursor_of(stored: Stored) -> str:
    return base64.urlsafe_b64encode(f"{stored.at_ms}:{stored.id}".encode()).decode().rstrip("=")


def _place_of(cursor: str) -> tuple[int, str]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, id_ = raw.split(":", 1)
        return int(at), id_
    except (binascii.Error, UnicodeError, ValueError):
        raise ValueError("it is no cursor of this listing") from None
