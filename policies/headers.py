"""The names and meanings of Turnout's own HTTP headers: one row each.

Code takes the names from here; the tables in docs/policy.md are compared with these rows by a test.
All names are in lower case, as HTTP/2 sends them and as a request's headers are looked up.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PREFIX: Final = "x-turnout-"
_REQUEST: Final[dict[str, str]] = {}
REQUEST_HEADERS: Final[Mapping[str, str]] = MappingProxyType(_REQUEST)  # name -> meaning

_RUN: Final[dict[str, str]] = {}
RUN_HEADERS: Final[Mapping[str, str]] = MappingProxyType(_RUN)  # those of runs of agents


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
# What a client may say of the run that its request is a part of; `router.pipeline.runs` reads it.
ASK_RUN: Final = _row(_RUN, "run-id", "the run of an agent that this request is a part of")
ASK_PARENT_RUN: Final = _row(
    _RUN, "parent-run-id", "the run that started this one, whose purse it shares"
)
ASK_RUN_BUDGET: Final = _row(
    _RUN,
    "run-budget",
    "`usd=0.5, tokens=100000, calls=50`: lowers the ceilings of the run, from now on",
)
