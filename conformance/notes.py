"""Why a thing is as direct or fails, by the clients it concerns; the page shows it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTES: Final[Mapping[str, str]] = MappingProxyType({})
