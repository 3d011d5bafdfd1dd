"""Requests that were refused to a known key: which limit it was, counted and kept."""

import time
from collections.abc import Mapping
from typing import Final

from policies.decision import Denial
from router.decisions.entry import Entry, Refused
from router.decisions.recorder import DecisionRecorder
from router.domain import Principal
from router.errors import LimitExceeded, PermissionDenied, TurnoutError
from router.ledger.rate_limit_headers import SPOKE
from router.pipeline.response_headers import DECISION
from router.pipeline.serving import Serving
from router.telemetry.metrics import Metrics
from router.world.snapshot import Snapshot

_AFTER: Final = "retry-after-ms"
_POLICY: Final = "policy"
_GATEWAY: Final = "gateway"  # the level of bounds that are the gateway's own
_UNKNOWN: Final = "unknown"  # in place of a tier that the policy does not know


def refused_by(
    error: BaseException | None, tier: str, denial: Denial | None = None
) -> Refused | None:
    """Why a request was refused; None where it was not, but ended otherwise.

    `denial` is what the policy answered, if that was no decision.
    """
    if not isinstance(error, TurnoutError):
        return None
    headers = dict(error.headers)
    limit: str
    level: str
    if denial is not None:
        limit, level = denial.status, _POLICY
    elif isinstance(error, LimitExceeded):
        level, _, limit = headers.get(SPOKE, "").rpartition(":")
        limit, level = limit or error.code or "", level or _GATEWAY
    elif isinstance(error, PermissionDenied):
        limit, level = error.code or "", _GATEWAY
    else:
        return None
    wait = _wait_of(headers)
    return Refused(limit, level, tier, wait, error.status, error.code or "", error.message)


def _wait_of(headers: Mapping[str, str]) -> int | None:
    wait = headers.get(_AFTER, "")
    return int(wait) if wait.isdigit() else None


def labels_of(refused: Refused, world: Snapshot) -> tuple[str, str, str]:
    """The labels by which a refusal is counted: no more of them than the policy names."""
    tier = refused.tier if refused.tier in world.standings or not refused.tier else _UNKNOWN
    return refused.limit, refused.level, tier


class EdgeDenials:
    """Counts and keeps what is refused to a known key before, or without, any decision: room for a
    body, the gateway's own bounds, a customer that is suspended.
    """

    def __init__(self, recorder: DecisionRecorder, metrics: Metrics, serving: Serving) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._serving = serving

    def note(
        self, error: TurnoutError, id_: str, operation: str, authorization: bytes | None
    ) -> None:
        """Note an error if it refuses somebody known, and tell its client by which id."""
        refused = None if error.noted else refused_by(error, "")
        if refused is None:
            return
        principal = self._known(error, authorization)
        if principal is None:
            return
        error.noted = True
        refused = refused._replace(tier=principal.tier)
        self._metrics.denials[labels_of(refused, self._serving.snapshot)] += 1
        entry = Entry(id_, time.time_ns() // 1_000_000, principal, operation, "")
        self._recorder.deny(entry, refused, None)
        if DECISION not in dict(error.headers):
            error.headers += ((DECISION, id_),)

    def _known(self, error: TurnoutError, authorization: bytes | None) -> Principal | None:
        """Who asked: by the key, or as the error says of a key that is refused for what it is."""
        if error.organization is not None:
            return Principal(error.key_id or "", error.organization, error.tier)
        try:
            return self._serving.authenticator.authenticate(authorization)
        except TurnoutError:
            return None
