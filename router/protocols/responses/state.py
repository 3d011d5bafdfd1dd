"""What a request leaves to the provider's memory, which no other server shares.

All customers are one account there: who knows an id would go on from another's words. So it goes
only where the operator says that the account's memory is everybody's (`state: shared`), as it came;
what the gateway keeps itself is put in its place before (`router.pipeline.stored`).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.unsupported import Unsupported

_WHOLE: Final = "Send the whole conversation in 'input' instead."
_ITSELF: Final = "Send it whole in 'input' instead, as clients do that are told `store: false`."
_INSIDE: Final = "Send it whole in the request instead."
_ADVICE: Final = MappingProxyType(
    {
        "previous_response_id": _WHOLE,
        "conversation": _WHOLE,
        "prompt": "Send the text of the template in 'instructions' and 'input' instead.",
        "background": "Leave it out, or stream the response.",
        "cachedContent": "Send the contents themselves instead.",
        "container": "Leave it out: a new one is made then.",
    }
)


_STORES: Final = ("vector_store_ids", "container_id", "container")
_FILES: Final = ("file_id", "file_ids")


def refuse_state(body: Mapping[str, Any]) -> None:
    """Unsupported, with what to do, where a body needs what only its provider has."""
    for name, advice in _ADVICE.items():
        if body.get(name):
            raise Unsupported(name, advice)


def state_elsewhere(body: Mapping[str, Any]) -> str:
    """Why a server that speaks another protocol cannot take such a body, and what to do."""
    name, advice = _named(body)
    return f"'{name}' can be read only where it is kept. {advice}"


def state_of_all(body: Mapping[str, Any]) -> str:
    """Why a server does not get such a body whose account is all customers', and what to do."""
    name, advice = _named(body)
    return (
        f"'{name}' would be looked for in an account that all customers of this gateway share."
        f" {advice} Its operator may set `responses.keys`, or `state: shared` of the backend."
    )


def names_state(tool: Any) -> bool:
    """Whether a hosted tool names a container that was there before, or a store of files."""
    return _holds(tool, _STORES)


def names_files(tool: Any) -> bool:
    """Whether a hosted tool names files."""
    return _holds(tool, _FILES)


def _holds(part: Any, names: tuple[str, ...]) -> bool:
    if isinstance(part, list):
        return any(_holds(one, names) for one in part)
    if not isinstance(part, Mapping):
        return False
    named = [part.get(name) for name in names]
    if any(held and not isinstance(held, Mapping) for held in named):
        return True  # a container that is made for the request is an object
    return any(_holds(one, names) for one in part.values())


def _named(body: Mapping[str, Any]) -> tuple[str, str]:
    name = next((name for name in _ADVICE if body.get(name)), None)
    if name is None:
        return "an item, a file, a store or a container by its id", _INSIDE
    return name, _ADVICE[name]


def refuse_reference(place: str) -> Unsupported:
    """The error for an item that is only named."""
    return Unsupported(place, _ITSELF)
