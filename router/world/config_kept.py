"""The sections of turnout.yaml about what is kept for customers, and what every section is."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from router.world.config_values import Duration, Size, StorageKey, Words


class Section(BaseModel):
    """One section: unknown keys are refused, values are taken as they are written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def given(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of the keys that were written."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class ResponseSection(Section):
    """Responses that the gateway keeps for its customers: none without a key."""

    keys: tuple[StorageKey, ...] = Field(default=(), strict=False)
    keep: Duration = 30 * 86400.0
    room: Size = 1_000_000_000  # bytes of each organization
    by_default: bool = True
    home: Words = ()


class FileSection(Section):
    """Files that customers keep at backends that offer it."""

    size: Size = 512_000_000  # of one
    most: PositiveInt = 1_000  # of each organization
    room: Size = 10_000_000_000  # bytes of each organization


class BatchSection(Section):
    """Batches that customers run at backends that offer it."""

    requests: PositiveInt = 50_000  # of one
    most: PositiveInt = 20  # of each organization, that run
    look: Duration = 60.0  # between two looks at one that runs
