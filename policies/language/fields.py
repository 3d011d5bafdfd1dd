"""The types that keys of the documents have in common: names, shares, counts, choices, money."""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from policies.language.durations import DURATION_HINT, seconds
from policies.language.names import NAME_PATTERN
from policies.money import LARGEST_USD, to_pico


def _duration(value: Any) -> float:
    found = seconds(value) if isinstance(value, str) else None
    if not found:
        hint = {"hint": DURATION_HINT}
        raise PydanticCustomError("wrong_value", "is not a duration", hint)
    return found


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=10**15)]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str)]  # seconds


class Strict(BaseModel):
    """Unknown keys are errors, and nothing is converted: "5" is text, not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class OneOf:
    """Annotates `str`: one of the names of a table, as a `Literal` of them would be."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        """Validate as `Literal` does, and with the words of its error."""
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        """Offer the names to editors."""
        return {"enum": list(self._names), "type": "string"}

    def _check(self, value: Any) -> str:
        if isinstance(value, str) and value in self._names:
            return value
        *others, last = [f"'{name}'" for name in self._names]
        expected = f"{', '.join(others)} or {last}" if others else last
        raise PydanticKnownError("literal_error", {"expected": expected})


def unique(value: Any) -> Any:
    """A list without repetitions; anything else is left to its type."""
    if isinstance(value, list):
        known: set[Any] = set()
        for item in value:
            if isinstance(item, str) and item in known:
                raise PydanticCustomError(
                    "repeated", "`{item}` is listed twice", {"item": item, "hint": "keep one"}
                )
            known.add(item if isinstance(item, str) else id(item))
    return value


Names = Annotated[list[Name], BeforeValidator(unique), Field(min_length=1, max_length=200)]


def _usd(value: Any) -> int:
    if isinstance(value, str):
        raise PydanticCustomError(
            "usd", "must be an amount in USD, not text", {"hint": "write it without quotes: 0.05"}
        )
    try:
        return to_pico(value)
    except ValueError as error:
        raise PydanticCustomError("usd", "{reason}", {"reason": str(error)}) from None


Usd = Annotated[
    int,
    BeforeValidator(_usd),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": int(LARGEST_USD)}),
]
