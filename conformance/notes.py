"""Why a client fails or ends as direct: what the page says of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTES: Final[Mapping[tuple[str, ...], str]] = MappingProxyType(
    {
        ("langchain-tests-chat",): (
            "Anthropic's API has no JSON without a schema: `response_format: {type: json_object}`"
            " is refused by name where no other backend is left, and one of 50 tests asks for it."
        ),
    }
)
