"""Why a client fails or ends as direct: what the page says of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTES: Final[Mapping[tuple[str, ...], str]] = MappingProxyType({})
