"""A row is a field: what is derived from facts, limits, objectives and hints."""

from dataclasses import fields
from typing import Annotated, Literal

import pytest
from policy_worlds import policy, signals
from pydantic import BaseModel, Field, ValidationError

from policies.hints import HINTS, given_hints, parse_hints
from policies.language.facts import facts_of
from policies.language.fields import OneOf
from policies.language.limits import LIMITS, LimitsDoc
from policies.lint.lint import lint
from policies.objectives import OBJECTIVES
from policies.replay.refusals import Refusals, Use
from policies.signals import NO_HINTS, Fact, Hints
from policies.value import value


@value
class Section:
    plain: int = 0
    flag: Annotated[bool, Fact("a flag")] = False
    count: Annotated[int, Field(ge=1), Fact("a count")] = 1
    share: Annotated[float, Fact("a share")] = 0.0
    words: Annotated[tuple[str, ...], Fact("words")] = ()
    choice: Annotated[Literal["a", "b"], Fact("a choice")] = "a"


def test_a_field_with_a_fact_is_a_name_of_the_type_that_it_has():
    assert list(facts_of(Section)) == [
        ("flag", "bool", "a flag"),
        ("count", "int", "a count"),
        ("share", "double", "a share"),
        ("words", "list<string>", "words"),
        ("choice", "string", "a choice"),
    ]


class Chosen(BaseModel):
    name: Annotated[str, OneOf({"left": 1, "right": 2})]


class Single(BaseModel):
    name: Annotated[str, OneOf(["only"])]


def test_a_name_is_one_of_a_tables_names_and_nothing_else():
    assert Chosen(name="left").name == "left"
    with pytest.raises(ValidationError, match="'left' or 'right'"):
        Chosen(name="up")
    with pytest.raises(ValidationError, match="'only'"):
        Single(name=["only"])
    assert Chosen.model_json_schema()["properties"]["name"]["enum"] == ["left", "right"]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_can_be_written_and_comes_out_as_plain_data(name):
    written = "true" if name == "prepaid_usd" else "7"
    tier = policy("", f"tiers: {{t: {{{name}: {written}}}}}").tiers["t"]
    assert list(tier.limits["organization"]) == [name]


def test_every_limit_has_a_code_and_words_of_its_own():
    assert len({row.code for row in LIMITS.values()}) == len(LIMITS)
    assert len({row.says for row in LIMITS.values()}) == len(LIMITS)
    assert set(LIMITS) == set(LimitsDoc.model_fields)


@pytest.mark.parametrize(
    ("limits", "key"),
    [
        ("requests_per_second: 9, requests_per_day: 8", "requests_per_second"),
        ("tokens_per_day: 9000, tokens_per_month: 8000", "tokens_per_day"),
        ("output_tokens_per_minute: 9000, tokens_per_minute: 8000", "output_tokens_per_minute"),
        ("usd_per_day: 9, usd_per_month: 8", "usd_per_day"),
    ],
)
def test_a_limit_that_another_of_the_same_measure_makes_useless_is_doubted(limits, key):
    findings = lint(policy("when_unknown: moe", f"tiers: {{t: {{{limits}}}}}"))
    assert [f.message.split("`")[1] for f in findings if f.rule == "contradicting-quotas"] == [key]


@pytest.mark.parametrize(
    ("tier", "doubts"),
    [
        ("per_user: {requests_per_day: 5}", 1),
        ("per_user: {requests_per_day: 5}, require: [user]", 0),
        ("per_user: {requests_per_day: 5}, require: []", 0),
        ("per_key: {requests_per_day: 5}", 0),
        ("per_run: {requests: 5}", 1),
        ("per_run: {requests: 5}, require: [run]", 0),
        ("per_run: {requests: 5}, require: []", 0),
    ],
)
def test_limits_that_a_request_without_a_name_evades_are_doubted(tier: str, doubts: int):
    findings = lint(policy("when_unknown: moe", f"tiers: {{t: {{{tier}}}}}"))
    found = [each for each in findings if each.rule == "evaded-limits"]
    assert len(found) == doubts
    named = "run" if "per_run" in tier else "user"
    assert all(f"require: [{named}]" in each.hint for each in found)


@pytest.mark.parametrize("name", [n for n, row in LIMITS.items() if row.window in ("day", "month")])
def test_every_limit_of_a_window_is_replayed(name):
    refusals = Refusals({"t": {name: {"pool": 10} if name == "tokens_per_month" else 10}})
    use = Use(6, 0, 6)
    refused = [refusals.refuses("t", "acme", 0, use) for _ in range(11)]
    assert not refused[0]
    assert refused[10]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_an_objective_that_goes_by_success_needs_the_classifier(name):
    more = {"fixed": "fixed: moe\n", "expected_cost": "failure_cost: 1\n"}.get(name, "")
    subject = policy(f"objective: {name}\n{more}when_unknown: moe")
    assert subject.needs("auto").classifier is OBJECTIVES[name].scored
    assert subject.decide(signals()).objective == name


def test_hints_are_read_from_their_headers_and_named_as_tiers_name_them():
    values = {"route": "auto", "min_success": "0.5", "max_cost": "0.002", "exclude": "moe, local"}
    assert set(values) == set(HINTS)
    assert {hint.field for hint in HINTS.values()} == {field.name for field in fields(Hints)}
    hints = parse_hints({HINTS[name].header: value for name, value in values.items()})
    assert hints == Hints("auto", 0.5, 2_000_000_000, ("moe", "local"))
    assert given_hints(hints) == list(HINTS)
    assert given_hints(NO_HINTS) == []
