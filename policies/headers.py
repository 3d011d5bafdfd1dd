"""The names and meanings of Turnout's own HTTP headers: one row each.

Code takes the names from here; the tables in docs/policy.md are compared with these rows by a test.
All names are in lower case, as HTTP/2 sends them and as a request's headers are looked up.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PREFIX: Final = "x-turnout-"
_REQUEST: Final[dict[str, str]] = {}
_RESPONSE: Final[dict[str, str]] = {}
REQUEST_HEADERS: Final[Mapping[str, str]] = MappingProxyType(_REQUEST)  # name -> meaning
RESPONSE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(_RESPONSE)  # name -> meaning


def _row(table: dict[str, str], name: str, meaning: str) -> str:
    table[PREFIX + name] = meaning
    return PREFIX + name


# What a client may send to narrow its own request; `policies.hints` reads them.
ASK_ROUTE: Final = _row(_REQUEST, "route", "use this route whatever `model` says")
ASK_MIN_SUCCESS: Final = _row(
    _REQUEST,
    "min-success",
    "0 to 1; the cheapest backend with at least this P(success), in place of `capable` and"
    " `failure_cost`",
)
ASK_MAX_COST_USD: Final = _row(
    _REQUEST, "max-cost-usd", "at most this; never more than the policy's own `max_cost`"
)
ASK_EXCLUDE: Final = _row(
    _REQUEST, "exclude", "backends, separated by commas, that must not be used"
)

# What a response tells of the decision, the backend and the limits.
ROUTE: Final = _row(_RESPONSE, "route", "the route of the policy that the request took")
DECISION: Final = _row(
    _RESPONSE,
    "decision",
    "the id of the decision: `turnout explain --id` shows it, feedback on the answer names it",
)
REASON: Final = _row(_RESPONSE, "reason", "why this backend, in short, and the rules that matched")
SUCCESS: Final = _row(
    _RESPONSE, "success", "P(success) of each candidate for this prompt, or `unknown`"
)
BACKEND: Final = _row(_RESPONSE, "backend", "the backend that answered")
COST_USD: Final = _row(
    _RESPONSE, "cost-usd", "what the answer cost; on a stream, what it was expected to cost"
)
QUEUE_POSITION: Final = _row(
    _RESPONSE, "queue-position", "how many were ahead while it waited for a scarce backend's slot"
)
QUEUE_MS: Final = _row(_RESPONSE, "queue-ms", "how long it waited for that slot, in milliseconds")
DROPPED: Final = _row(
    _RESPONSE,
    "dropped",
    "what the backend was not told, by name: hints that its protocol does not know, and seals that"
    " only their issuer can read",
)
LIMIT: Final = _row(
    _RESPONSE, "limit", "on a 429: which limit spoke, such as `key:tokens_per_minute`"
)
