"""The operator's documents, copied for a drill: limits, tiers and patience as written, and nothing
that leads out of the drill's folder.

What is secret, or an address, is left out of the copy before anything is resolved: no variable of
the environment is read that only a secret, or an address, names. Backends are stand-ins, the ledger
and the database the drill's own, and nothing is sent to collectors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from policies.findings import DocumentError, Finding
from policies.language.source import parse
from router.backends.catalog import load_catalog
from router.prices.list_prices import list_price
from router.world.config_load import load_config
from router.world.document_files import read_shipped_policy, shipped_policies
from router.world.documents import Documents, read_policy

NAMES: Final = ("one", "two")  # the gateways
POLICY: Final = "policy.yaml"
CONFIG: Final = "turnout.yaml"
_MILLION: Final = 1_000_000
# What a stand-in keeps of a backend: all else is an address, a secret, or how one server speaks.
_KEPT: Final = (
    *("model", "ability", "context_window", "max_output_tokens", "supports", "serves"),
    *("expected_output_tokens", "expected_reasoning_tokens", "on_disconnect", "timeouts"),
    *("hedge_after", "energy"),
)
_CAPACITY: Final = ("concurrency", "queue", "max_wait", "shared")
# Sections that hold secrets, lead elsewhere, or wait for what a stand-in does not do.
_LEFT_OUT: Final[Mapping[str, str]] = {
    "telemetry": "no traces are sent",
    "responses": "no responses are kept, and no storage key is read",
    "admin": "no administrators' listener",
    "files": "no files are kept",
    "batches": "no batches are run",
    "prices": "",  # each stand-in has a price
}
_UNITS: Final = ("image", "second", "character", "search", "byte", "request")
# Waits that would make a drill long, in seconds, and where they stand in turnout.yaml.
_LONGEST: Final[Mapping[tuple[str, str], int]] = {
    ("stream", "unread"): 3,
    ("stop", "notice"): 5,
    ("stop", "drain"): 30,
}
_USUAL: Final[Mapping[tuple[str, str], float]] = {
    ("stream", "unread"): 60.0,
    ("stop", "notice"): 5.0,
    ("stop", "drain"): 600.0,
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_catalog = cache(load_catalog)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class CannotRun(Exception):
    """The drill cannot be run; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Original:
    """The operator's documents: turnout.yaml as plain values, secrets unread, and the policy."""

    path: Path
    value: Mapping[str, Any]
    text: str
    policy_text: str

    @property
    def settings_hash(self) -> str:
        """Twelve digits that differ where a word of either document does."""
        return sha256(f"{self.text}\0{self.policy_text}".encode()).hexdigest()[:12]

    @property
    def backends(self) -> Mapping[str, Any]:
        """The backends' sections as written, by name."""
        return dict(self.value.get("backends") or {})


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a drill are: its folder, the ledger, the stand-ins by backend."""

    folder: Path
    ledger: str
    stand_ins: Mapping[str, str]

    @property
    def database(self) -> str:
        """The SQL address of the drill's own keys and usage."""
        return f"sqlite:///{self.folder / 'turnout.db'}"


def read_original(path: Path) -> Original:
    """Read both documents. Raises CannotRun where a file is missing, DocumentError where it is no
    mapping of what turnout.yaml has.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"{path} cannot be read: {error}. Say --config PATH.") from None
    document = parse(text, str(path))
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("backends"), dict):
        what = "this is no turnout.yaml: it has no backends"
        raise DocumentError([Finding(str(path), 1, 1, "error", what, "see docs/operations.md", "")])
    return Original(path, value, text, _policy_text(path, value.get("policy", "balanced")))


def _policy_text(path: Path, named: Any) -> str:
    if named in shipped_policies():
        return read_shipped_policy(named)
    place = path.parent / str(named)
    try:
        return place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"the policy {place} cannot be read: {error}") from None


def replaced(original: Original) -> list[str]:
    """What the copy has otherwise than the original, in sentences."""
    value, backends = original.value, original.backends
    ledger = "its own" if value.get("ledger", "embedded") == "embedded" else "not the one named"
    said = [
        f"{len(backends)} backend{'s' * (len(backends) != 1)}: stand-ins on this machine; no key of"
        " a provider is read, and none is asked",
        f"the ledger: a Valkey of the drill's own ({ledger}: it is never contacted)",
        "the database: an SQLite file of the drill's own; two gateways, on ports of their own",
        "the decision log: a file of the drill's own",
    ]
    said += [f"`{name}`: {what}" for name, what in _LEFT_OUT.items() if what and value.get(name)]
    if value.get("connections"):
        said.append("`connections.each_address`: none, since all come from one address")
    for (section, key), longest in _LONGEST.items():
        usual, written = _wait(value, section, key)
        if usual > longest:
            said.append(f"`{section}.{key}`: {longest} s instead of {written}, to be short")
    return said


def _wait(value: Mapping[str, Any], section: str, key: str) -> tuple[float, str]:
    """A wait in seconds, and as it is written; what nobody can read is left as it is."""
    part = value.get(section)
    written = part.get(key, "") if isinstance(part, dict) else ""
    if written == "":
        usual = _USUAL[section, key]
        return usual, f"{usual:g} s"
    match = _DURATION.fullmatch(written) if isinstance(written, str) else None
    return (float(match[1]) * _SECONDS[match[2]] if match else 0.0), str(written)


def write_copy(original: Original, places: Places, name: str, port: int) -> Path:
    """Write the documents of one gateway into a folder of its own; return turnout.yaml's path."""
    home = places.folder / name
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / POLICY).write_text(original.policy_text, encoding="utf-8")
    path = home / CONFIG
    path.write_bytes(orjson.dumps(_copied(original, places, port), option=orjson.OPT_INDENT_2))
    return path


def read_copy(path: Path, environ: Mapping[str, str]) -> Documents:
    """Read a copy as a gateway will. Raises CannotRun with every finding."""
    try:
        loaded = load_config(path.read_text(encoding="utf-8"), str(path), environ)
        return read_policy(loaded, path)
    except DocumentError as error:
        said = "; ".join(
            f"{each.message}{f' ({each.hint})' if each.hint else ''}" for each in error.findings
        )
        raise CannotRun(
            f"these documents do not start a gateway: {said}. `turnout check` names each place."
        ) from None


def _copied(original: Original, places: Places, port: int) -> dict[str, Any]:
    value = {name: part for name, part in original.value.items() if name not in _LEFT_OUT}
    folder = original.path.resolve().parent
    value |= {
        "listen": f"127.0.0.1:{port}",
        "policy": POLICY,
        "ledger": places.ledger,
        "data": "data",
        "database": places.database,
        "decisions": {"to": "decisions.jsonl"},
        "backends": {
            name: _stand_in(section, places.stand_ins[name])
            for name, section in original.backends.items()
        },
    }
    classifier = value.get("classifier")
    if isinstance(classifier, dict) and isinstance(classifier.get("cards"), list):
        cards = [str(folder / str(card)) for card in classifier["cards"]]
        value["classifier"] = classifier | {"cards": cards}
    if isinstance(value.get("connections"), dict):
        value["connections"] = value["connections"] | {"each_address": 0}
    for (section, key), longest in _LONGEST.items():
        if _wait(original.value, section, key)[0] > longest:
            value[section] = dict(value.get(section) or {}) | {key: f"{longest}s"}
    return value


def _stand_in(section: Any, url: str) -> dict[str, Any]:
    """A backend's section, with the stand-in's address and a price that it needs no provider for.

    What is no mapping is handed on, for the reader to name the mistake.
    """
    if not isinstance(section, dict):
        return {"base_url": url, "model": section}
    kept = {name: section[name] for name in _KEPT if name in section}
    capacity = section.get("capacity")
    if isinstance(capacity, dict):
        kept["capacity"] = {name: capacity[name] for name in _CAPACITY if name in capacity}
    own = {"base_url": url, "dialect": "openai", "proxy": "direct", "simulated": True}
    return kept | own | {"price": _price(section)}


def _price(section: Mapping[str, Any]) -> dict[str, Any]:
    """What it costs: as written, else by the shipped list, else nothing."""
    written = section.get("price")
    if isinstance(written, dict) and ({"input", "output"} <= written.keys() or _sells(written)):
        return {name: part for name, part in written.items() if name != "times"}
    preset = _catalog().get(str(section.get("provider")))
    model = str(section.get("priced_as") or section.get("model"))
    listed = None if preset is None or preset.prices is None else list_price(preset.prices, model)
    if listed is not None:
        price = listed.schedule.prices[-1]
        return {"input": _usd(price.input_pico), "output": _usd(price.output_pico)}
    free = {"input": 0, "output": 0}
    return free if "serves" not in section else free | dict.fromkeys(_UNITS, 0)


def _sells(written: Mapping[str, Any]) -> bool:
    """Whether it is priced by a unit and not by tokens."""
    return any(unit in written for unit in _UNITS)


def _usd(pico: int) -> float:
    """A rate in USD per million tokens."""
    return float(Decimal(pico) / _MILLION)
