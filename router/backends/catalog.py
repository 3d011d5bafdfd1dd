"""The providers and servers that Turnout knows by name, read from `catalog.yaml`."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from router.backends.backend import FEATURES
from router.protocols.quirks import Quirks


class Provider(BaseModel):
    """One preset. `prices` is the provider's id in the price list; see `catalog.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    base_url: str | None
    regions: dict[str, str] = {}
    dialect: str = "openai"
    key_variable: str | None = None
    prices: str | None = None
    self_hosted: bool = False
    supports: tuple[str, ...] = tuple(sorted(FEATURES))
    token_param: str | None = None
    stream_options: bool = True
    drop: tuple[str, ...] = ()
    message_drop: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    extra: dict[str, Any] = {}
    values: dict[str, dict[str, str]] = {}
    developer_role: bool = False
    plain_content: bool = False
    short_call_ids: bool = False
    notes: str = ""

    def quirks(self) -> Quirks:
        """How it differs from OpenAI's own server."""
        return Quirks(
            token_param=self.token_param,
            drop=frozenset(self.drop),
            rename=MappingProxyType(self.rename),
            extra=MappingProxyType(self.extra),
            stream_options=self.stream_options,
            message_drop=frozenset(self.message_drop),
            values=MappingProxyType(self.values),
            developer_role=self.developer_role,
            plain_content=self.plain_content,
            short_call_ids=self.short_call_ids,
        )


def load_catalog() -> Mapping[str, Provider]:
    """Every preset by name, in the order of the file."""
    text = files("router.backends").joinpath("catalog.yaml").read_text("utf-8")
    return MappingProxyType(
        {name: Provider.model_validate(row) for name, row in yaml.safe_load(text).items()}
    )
