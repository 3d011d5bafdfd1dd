"""What a policy may say of redaction, how it is decided, explained and checked."""

import policy_worlds as worlds
import pytest
from fakes.world import new_world
from policy_worlds import signals

from policies.decision import Decision
from policies.explain import explain, render_explanation
from policies.findings import DocumentError
from policies.lint.lint import lint
from policies.policy import Policy, load
from policies.redaction import Redaction

POLICY = """\
version: 1
routes:
  auto:
    candidates: [local, moe, premium]
    objective: fixed
    {route}
    rules:
      - {{name: private, when: '{when}', {rule}}}
"""


def policy(route: str = "", rule: str = 'deny: "No."', when: str = "false") -> Policy:
    return load(POLICY.format(route=route, rule=rule, when=when), "policy.yaml")


def decided(subject: Policy, model: str = "auto") -> Decision:
    return worlds.decided(subject, signals(model))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("redact: true", Redaction()),
        ("redact: [email, secret]", Redaction(frozenset({"email", "secret"}))),
        ("redact: {except: [local]}", Redaction(spared=frozenset({"local"}))),
        ("redact: {kinds: [card], restore: false}", Redaction(frozenset({"card"}), restore=False)),
        ("", None),
    ],
)
def test_a_route_says_what_is_redacted_and_for_whom(written, meant):
    subject = policy(written)
    assert decided(subject).redact == meant
    assert subject.needs("auto").redaction is (meant is not None)
    assert decided(subject, "premium").redact == meant  # named by its client, too


def test_a_rule_adds_to_it_and_takes_nothing_away():
    subject = policy("redact: {kinds: [email], except: [local, moe]}", "redact: [card]", "true")
    assert decided(subject).redact == Redaction(frozenset({"email", "card"}))
    both = "redact: {except: [moe]}"
    subject = policy("redact: {kinds: [email], except: [local, moe], restore: false}", both, "true")
    assert decided(subject).redact == Redaction(spared=frozenset({"moe"}), restore=False)


def test_a_rule_whose_condition_fails_redacts_all_the_same():
    subject = policy("", "redact: true", "1 / prompt.turns == 1")
    assert decided(subject).redact == Redaction()
    assert decided(policy("", "redact: true", "prompt.turns > 3")).redact is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("redact: false", "redact"),
        ("redact: [mail]", "email"),
        ("redact: []", "redact"),
        ("redact: {except: [nobody]}", "candidate of this route"),
        ("redact: {kind: [email]}", "unknown key `kind`"),
    ],
)
def test_what_makes_no_sense_is_told(wrong, told):
    with pytest.raises(DocumentError, match=told):
        policy(wrong)


def test_an_explanation_shows_it():
    subject = policy("redact: {kinds: [email], except: [local]}", "redact: [card]", "true")
    text = render_explanation(explain(subject, signals()))
    assert "redact      card, email" in text
    assert "[redact card]" in text


def test_a_check_warns_of_a_route_that_sends_on_what_another_redacts():
    text = """\
version: 1
routes:
  auto: {candidates: [local, premium], objective: fixed, redact: {except: [local]}}
  fast: {candidates: [premium], objective: fixed}
  home: {candidates: [local], objective: fixed, redact: {except: [local]}}
"""
    said = [finding.message for finding in lint(load(text, "policy.yaml"))]
    assert [one for one in said if "as they came" in one] == [
        "requests reach premium here as they came, though `auto` redacts them"
    ]
    assert any("spares every candidate" in one for one in said)


def test_only_routes_that_redact_pay_for_it():
    world = new_world()
    assert not world.needs("auto").redaction
