"""Which part of a listing of what is stored is wanted: for callers that know no database."""

from collections.abc import Callable

from policies.value import value


@value
class Page:
    """Those whose names begin with `prefix`, behind the one named `after`, at most `most`.

    `wanted` judges documents; None takes all.
    """

    prefix: str
    after: str | None
    most: int
    descending: bool = False
    wanted: Callable[[bytes], bool] | None = None
