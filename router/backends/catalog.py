"""The providers and servers that Turnout knows by name, read from `catalog.yaml`."""

from collections.abc import Mapping
from decimal import Decimal
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from router.backends.backend import FEATURES
from router.protocols.quirks import QUIRKS, Quirks

# Few servers other than OpenAI's know that role, or tools that take free text.
_PRESET: Final = Quirks(developer_role=False, custom_tools=False)


class Provider(BaseModel):
    """One preset. `prices` is the provider's id in the price list; see `catalog.yaml`.

    `known_as` is its name in OpenTelemetry's conventions, empty where that is its name here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    base_url: str | None
    regions: dict[str, str] = {}
    dialect: str = "openai"
    speaks: tuple[str, ...] = ()
    counts: str | None = None
    key_variable: str | None = None
    key_header: str | None = None
    credentials: str | None = None
    reported_cost: bool = False
    prices: str | None = None
    tiers: dict[str, Decimal] = {}
    known_as: str = ""
    supports: tuple[str, ...] = tuple(sorted(FEATURES))
    depends: tuple[str, ...] = ()
    notes: str = ""
    quirks: Quirks = _PRESET

    @model_validator(mode="before")
    @classmethod
    def _gather_quirks(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Gather the quirks, which a row has among its other keys."""
        own = {name: row[name] for name in QUIRKS if name in row}
        rest = {name: value for name, value in row.items() if name not in own}
        return {**rest, "quirks": _PRESET.overridden(own)}


def load_catalog() -> Mapping[str, Provider]:
    """Every preset by name, in the order of the file."""
    text = files("router.backends").joinpath("catalog.yaml").read_text("utf-8")
    return MappingProxyType(
        {name: Provider.model_validate(row) for name, row in yaml.safe_load(text).items()}
    )
