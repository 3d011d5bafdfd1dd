"""turnout.yaml: what exists. Every mistake is found at once, each at its line and column."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from policies.findings import DocumentError, Finding
from policies.source import Document, Path, parse
from policies.validation import validate
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE: Final = re.compile(r"(\d+)\s*(B|kB|MB)")
_BYTES: Final[Mapping[str, int]] = {"B": 1, "kB": 1000, "MB": 1_000_000}
_LISTEN: Final = re.compile(r"(?P<host>[A-Za-z0-9.:_\-\[\]]*):(?P<port>\d{1,5})")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _duration(value: Any) -> Any:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number with its unit, such as 500ms, 2s or 1m")
    return float(match[1]) * _SECONDS[match[2]]


def _size(value: Any) -> Any:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a size is a whole number with its unit, such as 500kB or 10MB")
    return int(match[1]) * _BYTES[match[2]]


Duration = Annotated[float, BeforeValidator(_duration), Field(gt=0)]
Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class PriceSection(_Section):
    """USD per million tokens."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None


class TimeoutSection(_Section):
    """How long a backend may take for each step."""

    connect: Duration = 5.0
    first_byte: Duration = 120.0
    between_chunks: Duration = 60.0


class BackendSection(_Section):
    """One model server."""

    base_url: str = Field(pattern=r"^https?://[^\s?#]+$")
    model: str = Field(min_length=1)
    dialect: Literal["openai"] = "openai"
    api_key: SecretStr | None = None
    ability: str = Field(min_length=1)
    price: PriceSection
    context_window: int | None = Field(default=None, gt=0)
    supports: frozenset[Literal["tools", "json_schema", "vision"]] = frozenset(
        {"tools", "json_schema", "vision"}
    )
    expected_output_tokens: int = Field(default=400, gt=0)
    timeouts: TimeoutSection = TimeoutSection()
    simulated: bool = False

    @field_validator("base_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        if "@" in value.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("credentials belong in api_key, not in the address")
        return value.rstrip("/")


class ClassifierSection(_Section):
    """The prompt classifier."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    deadline: Duration = 0.02
    cards: tuple[str, ...] = ()


class LimitSection(_Section):
    """What the edge accepts of one request."""

    body: Size = 10_000_000
    body_timeout: Duration = 30.0


class Config(_Section):
    """All of turnout.yaml."""

    version: Literal[1]
    listen: str = "127.0.0.1:8080"
    policy: str = Field(default="balanced", min_length=1)
    ledger: str = Field(
        default="embedded", pattern=r"^(embedded|(redis|rediss|unix)://\S+)$", repr=False
    )
    data: str = Field(default=".turnout", min_length=1)
    database: SecretStr | None = None
    backends: dict[str, BackendSection] = Field(min_length=1)
    classifier: ClassifierSection = ClassifierSection()
    limits: LimitSection = LimitSection()

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        match = _LISTEN.fullmatch(value)
        if match is None or int(match["port"]) > 65535:
            raise ValueError("listen is host:port, such as 127.0.0.1:8080 or 0.0.0.0:80")
        return value

    def host_and_port(self) -> tuple[str, int]:
        """Return where to listen."""
        host, _, port = self.listen.rpartition(":")
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
    findings = [
        _unset(document, path, name) for path, name in found.items() if name not in environ
    ]
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
