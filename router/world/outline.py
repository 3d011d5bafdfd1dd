"""What commands about customers need of both documents, read without compiling either (ADR 168).

A key must be revoked in a moment, and while somebody edits a backend's section. So only what is
used is looked at, and the least doubt about that leaves the word to the full reader
(`router.world.documents`), which finds every mistake and says it in full.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from policies.findings import DocumentError
from policies.language.names import NAME_PATTERN
from policies.language.source import parse
from router.world.document_files import read_shipped_policy, read_text, shipped_policies
from router.world.from_environment import FromEnvironment

# The keys that the models of both documents have, without importing the models: one that is
# misspelt (`databse`) would mean another database.
CONFIG_KEYS: Final = frozenset({
    "version", "listen", "policy", "ledger", "ledger_server", "data", "database", "prices",
    "backends", "classifier", "limits", "connections", "detectors", "stream", "stop",
    "core_dumps", "websocket", "cors", "transport", "estimate", "decisions", "outcomes",
    "telemetry", "responses", "operations", "files", "batches", "audits", "savings", "admin",
    "identity", "alerts", "retention", "secrets",
})  # fmt: skip
POLICY_KEYS: Final = frozenset({
    "version", "description", "timezone", "routes", "aliases", "tiers", "shadow",
})  # fmt: skip
_NAME: Final = re.compile(NAME_PATTERN)
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{43}=")  # 32 bytes in base64


@dataclass(frozen=True, slots=True)
class Outline:
    """Where things are, and which tiers and routes there are; every tier as it is written."""

    folder: Path  # that relative paths of turnout.yaml begin in
    data: Path
    database: str = field(repr=False)  # has the password
    ledger: str = field(repr=False)
    decisions: str
    tiers: Mapping[str, Mapping[str, Any]]
    routes: tuple[str, ...]
    timezone: str
    secrets: tuple[str, ...] = field(default=(), repr=False)  # keys, each in base64


def outline(config_path: Path, environ: Mapping[str, str]) -> Outline | None:
    """Return the outline of a configuration and its policy; None where the full reader is to
    look.
    """
    try:
        config = parse(read_text(config_path), str(config_path)).value
        values = FromEnvironment(environ)
        config = values.expand(config)
        if values.unset or values.odd or not _has_known_keys(config, CONFIG_KEYS, "backends"):
            return None
        policy = _policy(config.get("policy", "balanced"), config_path.parent)
    except (OSError, UnicodeError, DocumentError, TypeError):
        return None
    if policy is None or not _has_known_keys(policy, POLICY_KEYS, "routes"):
        return None
    tiers, routes = policy.get("tiers", {}), policy["routes"]
    if not isinstance(routes, dict) or not all(isinstance(name, str) for name in routes):
        return None
    if not isinstance(tiers, dict) or not all(map(_is_tier, tiers, tiers.values())):
        return None
    return _outlined(config, policy, config_path)


def _has_known_keys(document: Any, known: frozenset[str], needed: str) -> bool:
    """Whether this may be the document that it should be, of the version that we read."""
    return (
        isinstance(document, dict)
        and document.keys() <= known
        and type(document.get("version")) is int
        and document["version"] == 1
        and bool(document.get(needed))
    )


def _policy(named: Any, folder: Path) -> Any:
    """The values of the policy that a configuration names, None where it names none."""
    if not isinstance(named, str) or not named:
        return None
    shipped = named in shipped_policies()
    text = read_shipped_policy(named) if shipped else read_text(folder / named)
    return parse(text, named).value


def _is_tier(name: str, tier: Any) -> bool:
    return bool(_NAME.fullmatch(name)) and isinstance(tier, dict)


def _outlined(
    config: Mapping[str, Any], policy: Mapping[str, Any], config_path: Path
) -> Outline | None:
    """The outline, None where a value that it has is not as plain as most are."""
    tiers, routes = policy.get("tiers", {}), tuple(policy["routes"])
    timezone = policy.get("timezone", "UTC")
    folder = config_path.resolve().parent
    data = config.get("data", ".turnout")
    database = config.get("database")
    decisions = config.get("decisions", {})
    logs = decisions.get("to", "off") if isinstance(decisions, dict) else None
    ledger = config.get("ledger", "embedded")
    keys = _keys(config.get("secrets", {}))
    texts = (data, ledger, logs, timezone, "-" if database is None else database)
    if keys is None or not all(isinstance(text, str) and text.strip() for text in texts):
        return None
    where = f"sqlite:///{folder / data / 'turnout.db'}" if database is None else database
    return Outline(folder, folder / data, where, ledger, str(logs), tiers, routes, timezone, keys)


def _keys(section: Any) -> tuple[str, ...] | None:
    """The keys of `secrets`, None where they are not as they should be."""
    keys = section.get("keys", []) if isinstance(section, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        return None
    return tuple(keys) if section.keys() <= {"keys"} and all(map(_KEY.fullmatch, keys)) else None
