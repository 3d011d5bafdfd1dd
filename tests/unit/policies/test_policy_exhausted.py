"""`when_exhausted` of a tier: what it may say, and what it says in vain."""

import pytest

from policies.findings import DocumentError
from policies.lint.lint import lint
from policies.policy import load

POLICY = """\
version: 1
routes: {auto: {candidates: [local, moe, premium], objective: fixed}}
tiers:
  free:
    backends: [local, moe]
    %s
    when_exhausted: %s
"""
DAILY, RATE = "tokens_per_day: 100_000", "requests_per_minute: 5"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{}", "says neither where to turn nor how long to wait"),
        ("refuse", "must be deny, not `refuse`"),
        ("{downgrade: [lcal]}", "unknown backend `lcal`"),
        ("{downgrade: [premium]}", "`premium` is not"),
        ("{downgrade: []}", "must not be empty"),
        ("{queue: {max_wait: 20}}", "is not a duration"),
        ("{queue: {max_wait: 6m}}", "is longer than five minutes"),
        ("{queue: {max_wait: 5s, most: 0}}", "must be over 0"),
        ("{limits: {tokens_per_day: 5}, queue: {max_wait: 5s}}", "limit what nothing"),
        ("{downgrade: [local], limits: {prepaid_usd: true}}", "has no balance of its own"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(said: str, message: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load(POLICY % (DAILY, said), "policy.yaml")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("limits", "said", "rules"),
    [
        (DAILY, "{downgrade: [local], limits: {tokens_per_day: 5}}", []),
        (RATE, "{queue: {max_wait: 20s}}", []),
        (
            "per_key: {tokens_per_day: 100_000}",
            "{downgrade: [local], limits: {tokens_per_day: 5}}",
            [],
        ),
        (DAILY, "{downgrade: [local]}", ["unlimited-downgrade"]),
        (RATE, "{downgrade: [local], limits: {tokens_per_day: 5}}", ["idle-exhaustion"]),
        (DAILY, "{queue: {max_wait: 20s}}", ["idle-exhaustion"]),
    ],
)
def test_what_never_takes_effect_or_has_no_bound_is_doubted(
    limits: str, said: str, rules: list[str]
) -> None:
    found = [finding.rule for finding in lint(load(POLICY % (limits, said), "policy.yaml"))]
    assert [rule for rule in found if rule in {"unlimited-downgrade", "idle-exhaustion"}] == rules
