"""What is wrong with a backend beyond each of its keys by itself."""

from typing import NamedTuple


class Problem(NamedTuple):
    """One mistake in a backend, and at which of its keys (empty: the backend as a whole)."""

    key: str
    message: str
    hint: str
