"""Why a request was refused: by which limit, as it is counted, kept and told."""

from fakes.corridor import FakeCorridor
from fakes.parts import ACME
from fakes.world import new_world

from policies.decision import Denial
from router.decisions.entry import Entry, Refused
from router.errors import (
    BadRequest,
    LimitExceeded,
    PermissionDenied,
    TurnoutError,
    Unauthenticated,
    UpstreamFailed,
    retry_after,
)
from router.pipeline.denials import EdgeDenials, labels_of, refused_by
from router.telemetry.metrics import Metrics

KEY = b"Bearer tk-known"


class Keeping:
    """A recorder that shows what it was given."""

    def __init__(self) -> None:
        self.kept: list[tuple[Entry, Refused]] = []

    def deny(self, entry: Entry, refused: Refused, line: object) -> None:
        """Keep it."""
        assert line is None
        self.kept.append((entry, refused))


def edge() -> tuple[EdgeDenials, Keeping, Metrics]:
    keeping, metrics = Keeping(), Metrics()
    serving = FakeCorridor.answering().serving()
    return EdgeDenials(keeping, metrics, serving), keeping, metrics  # type: ignore[arg-type]


def test_a_limit_of_the_ledger_is_told_by_level_dimension_and_wait() -> None:
    told = (("x-turnout-limit", "key:tokens_per_minute"), *retry_after(1500))
    refused = refused_by(LimitExceeded("Too much.", type_="tokens", headers=told), "pro")
    assert refused == Refused(
        "tokens_per_minute", "key", "pro", 1500, 429, "rate_limit_exceeded", "Too much."
    )


def test_what_a_policy_denies_is_told_by_its_status() -> None:
    denial = Denial("auto", "route_not_allowed", "short", "No.")
    refused = refused_by(PermissionDenied("No."), "pro", denial)
    assert refused is not None
    assert (refused.limit, refused.level, refused.wait_ms) == ("route_not_allowed", "policy", None)


def test_bounds_of_the_gateway_itself_are_told_by_their_code() -> None:
    refused = refused_by(LimitExceeded("Room.", headers=retry_after(10)), "pro")
    assert refused is not None
    assert (refused.limit, refused.level) == ("rate_limit_exceeded", "gateway")


def test_what_fails_otherwise_is_no_denial() -> None:
    for error in (None, BadRequest("no"), UpstreamFailed("no"), OSError("no")):
        assert refused_by(error, "pro") is None


def test_labels_name_no_tier_that_the_policy_does_not() -> None:
    world = new_world()
    refused = Refused("requests_per_day", "key", "made-up-by-somebody", None, 429, "", "")
    assert labels_of(refused, world) == ("requests_per_day", "key", "unknown")
    assert labels_of(refused._replace(tier=""), world)[2] == ""


def test_what_the_edge_refuses_to_a_known_key_is_kept_once_and_its_client_told_the_id() -> None:
    denials, keeping, metrics = edge()
    error = LimitExceeded("No room for this body.", headers=retry_after(100))
    for _ in range(2):
        denials.note(error, "id1", "/v1/chat/completions", KEY)
    ((entry, refused),) = keeping.kept
    assert (entry.id, entry.principal) == ("id1", ACME)
    assert refused.wait_ms == 100
    assert dict(error.headers)["x-turnout-decision"] == "id1"
    assert sum(metrics.denials.values()) == 1


def test_a_key_that_is_refused_for_what_it_is_is_named_by_its_error() -> None:
    denials, keeping, _ = edge()
    error = PermissionDenied("Suspended.", code="organization_suspended")
    error.organization, error.key_id = "acme", "k1"
    denials.note(error, "id1", "/v1/models", b"Bearer whatever")
    ((entry, refused),) = keeping.kept
    assert entry.principal is not None
    assert (entry.principal.organization, entry.principal.key_id) == ("acme", "k1")
    assert refused.limit == "organization_suspended"


def test_who_is_unknown_is_kept_nowhere() -> None:
    denials, keeping, metrics = edge()

    def refuse(_: object) -> None:
        raise Unauthenticated("who?")

    denials._serving.authenticator.authenticate = refuse  # type: ignore[method-assign,assignment]
    error: TurnoutError = LimitExceeded("Too many.")
    denials.note(error, "id1", "/v1/models", None)
    assert keeping.kept == []
    assert not metrics.denials
