"""Lists, page by page. A cursor says behind which row the next page begins, so that rows which come
or go meanwhile neither repeat others nor hide them."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from router.admin.problems import unprocessable

Row = TypeVar("Row")
MOST: Final = 200
_LONGEST: Final = 1_000


class PageQuery(BaseModel):
    """Which page of a list. `cursor` is `next_cursor` of the page before: opaque, and good for that
    list alone."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MOST)] = 50
    cursor: Annotated[str | None, Field(max_length=_LONGEST)] = None


Paging = Annotated[PageQuery, Query()]


def cursor_of(kind: str, place: Sequence[Any]) -> str:
    """The cursor of a row: the columns that a list of this kind is ordered by."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *place])).decode().rstrip("=")


def place_of(kind: str, cursor: str | None, types: Sequence[type]) -> tuple[Any, ...] | None:
    """The columns of the row that a cursor means; None for none. Raises a 422."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        told = orjson.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, binascii.Error):
        told = None
    matches = (
        isinstance(told, list)
        and len(told) == len(types) + 1
        and told[0] == kind
        and all(type(value) is type_ for value, type_ in zip(told[1:], types, strict=True))
        and all(-(2**63) <= value < 2**63 for value in told[1:] if isinstance(value, int))
    )
    if not matches:
        raise unprocessable("query.cursor", "is no cursor of this list; begin without one")
    return tuple(told[1:])


def page(
    kind: str, rows: Sequence[Row], limit: int, place: Callable[[Row], Sequence[Any]]
) -> tuple[Sequence[Row], str | None]:
    """The rows of a page, and the cursor of the next one, if any; `rows` are one more than that."""
    shown = rows[:limit]
    return shown, cursor_of(kind, place(shown[-1])) if len(rows) > limit else None
