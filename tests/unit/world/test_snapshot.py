"""One compiled world: what does not fit together never serves, and what does is found at once."""

import pytest
from fakes.world import FIXED, new_world

from policies.findings import DocumentError
from router.backends.health.slots import Priority
from router.world.snapshot import NOTHING

TIERS = """\
tiers:
  free: {requests_per_minute: 5, priority: low}
  pro:
    tokens_per_minute: 1000
    priority: high
    prepaid_usd: true
    outage: {bounded: 0.25}
"""


def test_a_policy_whose_backends_are_not_there_is_refused_at_its_line() -> None:
    with pytest.raises(DocumentError) as caught:
        new_world("version: 1\nroutes: {auto: {candidates: [local, nobody]}}\n")
    (finding, *_) = caught.value.findings
    assert "nobody" in finding.message
    assert (finding.file, finding.line) == ("policy.yaml", 2)


def test_each_tier_has_its_standing() -> None:
    world = new_world(FIXED + TIERS)
    free, pro = world.standing("free"), world.standing("pro")
    assert (free.priority, pro.priority) == (Priority(2, "free"), Priority(0, "pro"))
    assert (free.prepaid, pro.prepaid) == (False, True)
    assert (free.outage_share, pro.outage_share) == (0.0, 0.25)
    assert free.quotas is world.quotas["free"]


def test_without_tiers_everybody_has_the_same_open_standing() -> None:
    standing = new_world(FIXED).standing("whatever")
    assert (standing.quotas, standing.prepaid) == ((), False)
    assert standing.priority == Priority()


def test_a_guaranteed_share_is_the_backends_that_has_slots() -> None:
    tiers = "tiers:\n  pro: {guaranteed_share: {moe: 0.5}}\n  free: {}\n"
    each = {"moe": {"capacity": {"concurrency": 4}}}
    world = new_world(FIXED + tiers, each=each)
    capacity = world.backends["moe"].capacity
    assert capacity is not None
    assert dict(capacity.guaranteed) == {"pro": 0.5}
    assert world.backends["local"].capacity is None


NEEDY = """\
version: 1
routes:
  plain: {candidates: [local], objective: fixed}
  capable: {candidates: [local, moe], capable: {min_success: 0.5}}
aliases: {gpt: capable, moe-alias: plain}
"""


@pytest.mark.parametrize(
    ("model", "classifier"),
    [("plain", False), ("capable", True), ("gpt", True), ("moe-alias", False), ("nobody", False)],
)
def test_needs_are_found_by_whatever_a_client_may_call_a_model(model, classifier) -> None:
    assert new_world(NEEDY).needs(model).classifier is classifier


def test_nothing_has_to_be_known_of_a_model_that_nobody_has() -> None:
    assert new_world(NEEDY).needs("nobody") is NOTHING


def test_what_answers_are_expected_to_be_long_is_said_per_backend() -> None:
    world = new_world(each={"moe": {"expected_output_tokens": 77}}, estimate="worst")
    assert (world.expected_output["moe"], world.expected_output["local"]) == (77, 400)
    assert world.estimate == "worst"


def test_nobody_can_change_a_world() -> None:
    world = new_world(FIXED + TIERS)
    for part in (world.backends, world.quotas, world.standings, world.needs_of):
        with pytest.raises(TypeError):
            part["x"] = None  # type: ignore[index] # that is the point
