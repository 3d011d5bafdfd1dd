"""Backends as customers ask them who have a credential of their own there.

Such a backend is the operator's in all but the key: its address, model and price stay. What is held
against it (rests, breakers, failures) is held against this customer's credential alone, and what is
held against the operator's does not concern it: its health lives with it, and goes with it.
"""

from typing import Final

from router.backends.backend import Backend

_CLOUDS: Final = (
    "is authorized by the operator's identity at a cloud (`credentials` in turnout.yaml), which a"
    " single key cannot stand in for; add a backend that is authorized by a key"
)


def why_no_own(backend: Backend) -> str | None:
    """Why no credential of a customer's can be used there; None where one can."""
    return None if backend.credentials is None else _CLOUDS
