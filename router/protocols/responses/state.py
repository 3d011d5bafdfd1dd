"""What a request leaves to the provider's memory, which no other server shares.

This is the seam for keeping such state at the gateway: whoever resolves a reference before the
request is parsed (puts the earlier items into `input`, say) takes it out of the body, and nothing
here refuses it then. Where the chosen backend speaks responses, references go to it as they came.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.unsupported import Unsupported

_WHOLE: Final = "Send the whole conversation in 'input' instead."
_ITSELF: Final = "Send it whole in 'input' instead, as clients do that are told `store: false`."
_ADVICE: Final = MappingProxyType(
    {
        "previous_response_id": _WHOLE,
        "conversation": _WHOLE,
        "prompt": "Send the text of the template in 'instructions' and 'input' instead.",
        "background": "Leave it out, or stream the response.",
    }
)


def refuse_state(body: Mapping[str, Any]) -> None:
    """Unsupported, with what to do, where a body needs what only its provider has."""
    for name, advice in _ADVICE.items():
        if body.get(name):
            raise Unsupported(name, advice)


def state_elsewhere(body: Mapping[str, Any]) -> str:
    """Why a server that speaks another protocol cannot take such a body, and what to do."""
    name = next((name for name in _ADVICE if body.get(name)), "an item or a file by its id")
    advice = _ADVICE.get(name, _ITSELF)
    return f"'{name}' can be read only where it is kept. {advice}"


def refuse_reference(place: str) -> Unsupported:
    """The error for an item that is only named."""
    return Unsupported(place, _ITSELF)
