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

# Fees: what answers tell beside what they count in.
CODE_EXECUTION: Final = "code_execution"
FILE_SEARCH: Final = "file_search"
PAGE: Final = "page"
SOCIAL_SEARCH: Final = "social_search"
WEB_SEARCH: Final = "web_search"

FEES: Final[Mapping[str, str]] = MappingProxyType(
    {
        CODE_EXECUTION: "a run of code in a provider's sandbox",
        FILE_SEARCH: "a search in the files that a provider keeps",
        PAGE: "a page of a document that is read",
        SOCIAL_SEARCH: "a search in posts",
        WEB_SEARCH: "a search of the web by a provider",
    }
)

# What each is.
UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        BYTE: "a byte of the body of a request of an operation that the operator declared",
        CHARACTER: "a character of the text that is spoken",
        IMAGE: "a picture that is made",
        REQUEST: "a request of an operation that the operator declared",
        SEARCH: "a query over up to a hundred documents that are ranked",
        SECOND: "a second of the sound that is written down",
    }
)

# What so many of each are called, where they are counted: in usage rows and reports.
PLURALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        BYTE: "bytes",
        CHARACTER: "characters",
        IMAGE: "images",
        REQUEST: "requests",
        SEARCH: "searches",
        SECOND: "seconds",
    }
)


def added_up(units: Units) -> dict[str, int]:
    """How many of each there are, by name; a unit may be told several times."""
    sums: dict[str, int] = {}
    for name, count in units:
        sums[name] = sums.get(name, 0) + count
    return sums
