"""What every section of turnout.yaml has in common."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of known keys, frozen once it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def given(self, names: Iterable[str]) -> dict[str, Any]:
        """Return those of the keys that were written."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}
