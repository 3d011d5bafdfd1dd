"""What requests are counted in besides tokens: one row each, with its meaning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# So many of each, by name.
Units = tuple[tuple[str, int], ...]

BYTE: Final = "byte"
CHARACTER: Final = "character"
IMAGE: Final = "image"
REQUEST: Final = "request"
SEARCH: Final = "search"
SECOND: Final = "second"

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        BYTE: "a byte of the body of a request of such an operation",
        CHARACTER: "a character of the text that is spoken",
        IMAGE: "a picture that is made",
        REQUEST: "a request of an operation that the operator declared",
        SEARCH: "a query over up to a hundred documents that are ranked",
        SECOND: "a second of the sound that is written down",
    }
)
