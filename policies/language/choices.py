"""Types of the documents' names: whatever a user may choose from a table is checked against it."""

from collections.abc import Collection
from typing import Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"


class OneOf:
    """Annotates `str`: one of the names of a table, as a `Literal` of them would be."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        """Validate as `Literal` does, and with the words of its error."""
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer the names to editors."""
        return {"enum": list(self._names), "type": "string"}

    def _check(self, value: Any) -> str:
        if isinstance(value, str) and value in self._names:
            return value
        *others, last = [f"'{name}'" for name in self._names]
        expected = f"{', '.join(others)} or {last}" if others else last
        raise PydanticKnownError("literal_error", {"expected": expected})
