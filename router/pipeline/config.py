"""turnout.yaml: what exists. Every mistake is found at once, each at its line and column."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from policies.findings import DocumentError, Finding
from policies.money import Usd
from policies.source import Document, Path, parse
from policies.validation import validate
from router.backends.backend import FEATURES

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE: Final = re.compile(r"(\d+)\s*(B|kB|MB)")
_BYTES: Final[Mapping[str, int]] = {"B": 1, "kB": 1000, "MB": 1_000_000}
_LISTEN: Final = re.compile(r"(?P<host>[A-Za-z0-9.:_\-\[\]]*):(?P<port>\d{1,5})")
_URL: Final = re.compile(r"https?://[^\s?#/@]+(/[^\s?#]*)?")
_LEDGER: Final = re.compile(r"embedded|(redis|rediss|unix)://\S+")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _wrong(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("wrong_value", message, {"hint": hint})


def _duration(value: Any) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise _wrong("is not a duration", "write a number with its unit: 500ms, 2s, 1m")
    return float(match[1]) * _SECONDS[match[2]]


def _size(value: Any) -> int:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise _wrong("is not a size", "write a whole number with its unit: 500kB, 10MB")
    return int(match[1]) * _BYTES[match[2]]


def _address(value: Any) -> str:
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65535:
        raise _wrong("is not an address", "write host:port: 127.0.0.1:8080, or 0.0.0.0:80")
    return match[0]


def _base_url(value: Any) -> str:
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _wrong(
            "is not the address of a backend",
            "write http(s)://host[:port]/path up to and including /v1; credentials go in `api_key`",
        )
    return match[0].rstrip("/")


def _ledger(value: Any) -> str:
    if not isinstance(value, str) or _LEDGER.fullmatch(value) is None:
        raise _wrong(
            "is not a ledger", "write embedded, redis://host:6379/0, rediss://... or unix:///path"
        )
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _feature_list(value: Any) -> tuple[str, ...]:
    wrong = [item for item in value if item not in FEATURES] if isinstance(value, list) else [value]
    if wrong:
        raise _wrong("names something unknown", f"known: {', '.join(sorted(FEATURES))}")
    return tuple(value)


Duration = Annotated[float, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(_size)]
Address = Annotated[str, BeforeValidator(_address)]
BaseUrl = Annotated[str, BeforeValidator(_base_url)]
LedgerAddress = Annotated[str, BeforeValidator(_ledger)]
Features = Annotated[tuple[str, ...], BeforeValidator(_feature_list)]
Replicas = Annotated[tuple[BaseUrl, ...], BeforeValidator(_as_tuple)]
Cards = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class PriceSection(_Section):
    """USD per million tokens, as written; held as integer pico-USD."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None


class TimeoutSection(_Section):
    """How long a backend may take for each step."""

    connect: Duration = 5.0
    first_byte: Duration = 120.0
    between_chunks: Duration = 60.0


class CapacitySection(_Section):
    """How much a scarce backend takes: requests running, requests waiting, and for how long."""

    concurrency: int = Field(gt=0)
    queue: int = Field(default=0, ge=0)
    max_wait: Duration = 2.0


class BackendSection(_Section):
    """One model server."""

    base_url: BaseUrl
    model: str = Field(min_length=1)
    dialect: Literal["openai"] = "openai"
    api_key: SecretStr | None = None
    ability: str = Field(min_length=1)
    price: PriceSection
    context_window: int | None = Field(default=None, gt=0)
    supports: Features = tuple(sorted(FEATURES))
    expected_output_tokens: int = Field(default=400, gt=0)
    timeouts: TimeoutSection = TimeoutSection()
    capacity: CapacitySection | None = None
    replicas: Replicas = ()
    api_keys: tuple[SecretStr, ...] = Field(default=(), strict=False)
    hedge_after: Duration | None = None
    simulated: bool = False


class ClassifierSection(_Section):
    """The prompt classifier."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    deadline: Duration = 0.02
    cards: Cards = ()


class LimitSection(_Section):
    """What the edge accepts of one request."""

    body: Size = 10_000_000
    body_timeout: Duration = 30.0


class DecisionSection(_Section):
    """Where the decision log goes."""

    to: str = Field(default="off", min_length=1)  # off, stdout, or a file below the data folder
    rotate: Size = 100_000_000
    keep: int = Field(default=5, ge=0)


class OutcomeSection(_Section):
    """What is kept for feedback and recalibration: numbers, never text."""

    keep: int = Field(default=200_000, gt=0)


class AdminSection(_Section):
    """The administrators' own listener."""

    listen: Address = "127.0.0.1:8079"
    token: SecretStr


class Config(_Section):
    """All of turnout.yaml."""

    version: Literal[1]
    listen: Address = "127.0.0.1:8080"
    policy: str = Field(default="balanced", min_length=1)
    ledger: LedgerAddress = Field(default="embedded", repr=False)
    data: str = Field(default=".turnout", min_length=1)
    database: SecretStr | None = None
    backends: dict[str, BackendSection] = Field(min_length=1)
    classifier: ClassifierSection = ClassifierSection()
    limits: LimitSection = LimitSection()
    estimate: Literal["expected", "worst", "chunk"] = "expected"
    decisions: DecisionSection = DecisionSection()
    outcomes: OutcomeSection = OutcomeSection()
    admin: AdminSection | None = None


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of a listening address; all interfaces where no host is named."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 # the operator left it out


def _expand(value: Any, path: Path, environ: Mapping[str, str], found: dict[Path, str]) -> Any:
    """Replace `${NAME}` in every string below `value`; note in `found` which name stood where."""
    if isinstance(value, dict):
        return {key: _expand(item, (*path, key), environ, found) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, (*path, at), environ, found) for at, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        found[path] = name
    return _VARIABLE.sub(lambda match: environ.get(match[1], ""), value)


def load_config(text: str, filename: str, environ: Mapping[str, str]) -> Config:
    """Return the validated configuration.

    `${NAME}` in a string is replaced from `environ`; what came from there is never quoted in a
    finding. Raises DocumentError with every finding.
    """
    document = parse(text, filename)
    found: dict[Path, str] = {}
    expanded = replace(document, value=_expand(document.value, (), environ, found))
    findings = [_unset(document, path, name) for path, name in found.items() if name not in environ]
    config, wrong = validate(Config, expanded)
    findings += [_without(finding, set(environ.values())) for finding in wrong]
    if config is None or findings:
        raise DocumentError(findings)
    return config


def _without(finding: Finding, secrets: set[str]) -> Finding:
    message = finding.message
    for secret in sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True):
        message = message.replace(f"`{secret[:40]}`", "its value from the environment")
    return replace(finding, message=message)


def _unset(document: Document, path: Path, name: str) -> Finding:
    line, column = document.position_of(path)
    return Finding(
        document.filename,
        line,
        column,
        "error",
        f"the environment variable {name} is not set",
        f"export {name}=... before starting, or write the value here",
        "unset-variable",
    )
