"""What the documentation and the shipped files promise about policies."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest

import policies
import router
from policies.decision import Decision, Denial
from policies.findings import DocumentError, render
from policies.headers import PREFIX, REQUEST_HEADERS
from policies.hints import HINTS
from policies.language.document import PolicyDoc
from policies.language.facts import BACKEND_FACTS, FACTS, KIND_WORDS
from policies.language.limits import LIMITS
from policies.language.schema import SCHEMAS, schema, schema_text
from policies.lint.lint import lint
from policies.objectives import OBJECTIVES
from policies.policy import Policy, load
from policies.replay.probes import SUFFIX, load_probes
from policies.signals import (
    BackendSignals,
    Hints,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)
from policies.verifiers import VERIFIERS
from router.backends.dialects.translated import DROPPED, MEANING_OF_DROPPED
from router.cli.explain import explain
from router.cli.main import main
from router.ledger.rate_limit_headers import MEANING_OF_SPOKE, SPOKE
from router.pipeline.response_headers import MEANINGS

ROOT = Path(__file__).parents[2]
SHIPPED = Path(policies.__file__).parent / "shipped"
NAMES = sorted(p.stem for p in SHIPPED.glob("*.yaml") if not p.name.endswith(SUFFIX))
GUIDE = (ROOT / "docs/policy.md").read_text(encoding="utf-8")


def keys_of(node: object) -> set[str]:
    """Every property name in a JSON Schema."""
    result: set[str] = set()
    if isinstance(node, dict):
        result |= set(node.get("properties", {}))
        for value in node.values():
            result |= keys_of(value)
    elif isinstance(node, list):
        for value in node:
            result |= keys_of(value)
    return result


def test_the_seven_policies_are_shipped():
    assert NAMES == [
        "agents",
        "balanced",
        "cost-cap",
        "local-first",
        "private",
        "quality-first",
        "tiered-saas",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_is_explained_probed_and_free_of_findings(name):
    text = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "# For: " in text
    subject = load(text, f"{name}.yaml")
    probes = load_probes((SHIPPED / f"{name}{SUFFIX}").read_text(encoding="utf-8"), name)
    assert render(lint(subject, probes)) == ""
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_the_one_in_force(name):
    published = (ROOT / f"docs/schema/{name}.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(name), (
        f"run: turnout schema {name} > docs/schema/{name}.schema.json"
    )


def test_every_key_of_a_policy_is_documented():
    missing = sorted(key for key in keys_of(schema("policy")) if f"`{key}`" not in GUIDE)
    assert missing == []


@pytest.mark.parametrize(
    "words",
    [
        [f"`{name}`" for name in OBJECTIVES],
        [f"`{name}`" for name in VERIFIERS],
        [f"`{name}`" for name in LIMITS],
    ],
    ids=["objectives", "checks", "limits"],
)
def test_every_word_of_the_language_is_documented(words):
    assert [word for word in words if word not in GUIDE] == []


RESPONSE_HEADERS = {
    **MEANINGS,
    SPOKE: MEANING_OF_SPOKE,
    DROPPED: MEANING_OF_DROPPED,
}


def rows_under(heading: str) -> dict[str, str]:
    """The rows of the table below a heading of the guide: first cell, without its marks -> rest."""
    section = GUIDE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    return {cells[0].strip("`"): " | ".join(cells[1:]) for cells in rows}


@pytest.mark.parametrize(
    ("heading", "headers"),
    [("Request headers", REQUEST_HEADERS), ("Response headers", RESPONSE_HEADERS)],
)
def test_the_guide_lists_exactly_the_headers_there_are(heading, headers):
    assert rows_under(heading) == dict(headers)


def test_the_guide_lists_exactly_the_facts_there_are():
    own = {f'backend["moe"].{name}': fact for name, fact in BACKEND_FACTS.items()}
    derived = {n: f"{KIND_WORDS[f.kind]} | {f.meaning}" for n, f in (FACTS | own).items()}
    written = rows_under("Conditions")
    assert set(written) - set(derived) == {'request.headers["x-app"]', 'success["moe"]'}
    assert {name: row for name, row in written.items() if name in derived} == derived


def test_every_fact_can_be_written_in_a_probe_and_given_to_explain():
    """The sections of a probe and the flags of explain are made from the fields of the signals."""
    properties = schema("probes")["$defs"]
    flags = {name for param in explain.params for name in param.opts}
    for name in FACTS:
        section, _, field = name.partition(".")
        if section in ("request", "prompt", "principal", "clock") and field != "route":
            assert field in properties[f"{section.capitalize()}Doc"]["properties"]
        if section in ("request", "prompt") and field != "route":
            assert f"--{field.replace('_', '-')}" in flags
    assert set(BACKEND_FACTS) <= set(properties["BackendDoc"]["properties"])


def test_the_guide_says_what_each_objective_reads():
    rows = rows_under("Objectives")
    assert set(rows) == set(OBJECTIVES)
    for name, objective in OBJECTIVES.items():
        assert set(re.findall(r"`(\w+)`", rows[name].split("|")[-1])) == set(objective.reads), name


def test_no_other_module_writes_the_name_of_a_header():
    named = re.compile(rf"""["']{PREFIX}""")
    folders = [Path(policies.__file__).parent, Path(router.__file__).parent]
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    writing = [m.name for m in modules if named.search(m.read_text(encoding="utf-8"))]
    assert writing == ["headers.py"]


@pytest.mark.parametrize("name", HINTS)
def test_a_tier_may_refuse_each_hint_and_the_refusal_names_its_header(name):
    given = {
        "route": Hints(route="auto"),
        "min_success": Hints(min_success=0.5),
        "max_cost": Hints(max_cost_pico=1),
        "exclude": Hints(exclude=("local",)),
    }
    text = "version: 1\nroutes: {auto: {candidates: [local]}}\ntiers: {free: {hints: []}}\n"
    signals = Signals(RequestSignals("auto"), PromptSignals(), "free", PrincipalSignals(), {})
    answer = load(text, "test.yaml").decide(signals, given[name])
    assert isinstance(answer, Denial)
    assert answer.message == f"Your tier may not use the header {HINTS[name].header}."


def test_every_check_of_a_cascade_is_explained_with_what_it_finds_wrong():
    page = (ROOT / "docs/backends.md").read_text(encoding="utf-8")
    rows = [
        f"| `{name}` | {verifier.meaning} | {'yes |' if verifier.early else '|'}"
        for name, verifier in VERIFIERS.items()
    ]
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("routes: {a: {candidates: [x], objective: best_qualty}}", "did you mean `best_quality`?"),
        ("routes: {a: {candidates: [x], cascade: {verify: [not_emty]}}}", "`not_empty`?"),
        ("routes: {a: {candidates: [x]}}\ntiers: {t: {hints: [exlude]}}", "`exclude`?"),
        ("routes: {a: {candidates: [x]}}\ntiers: {t: {tokens_per_minit: 1}}", "_per_minute`?"),
        ("routes: {a: {candidates: [x], rules: [{name: r, when: request.pi}]}}", "`request.pii`?"),
    ],
    ids=["objective", "verifier", "hint", "dimension", "fact"],
)
def test_an_unknown_name_suggests_the_one_that_was_meant(text, words):
    with pytest.raises(DocumentError) as caught:
        load(f"version: 1\n{text}\n", "test.yaml")
    assert words in render(caught.value.findings)


def test_the_schema_knows_the_short_forms():
    aliases = json.dumps(schema("policy")["properties"]["aliases"])
    assert '"type": "string"' in aliases
    assert PolicyDoc.model_fields["version"].is_required()


def yaml_blocks(text: str) -> list[str]:
    parts = text.split("```yaml\n")[1:]
    return [part.split("```", 1)[0] for part in parts]


@pytest.mark.parametrize(
    "block", [b for b in yaml_blocks(GUIDE) if b.startswith("version: 1\nroutes")]
)
def test_every_whole_policy_in_the_guide_loads(block):
    assert load(block, "docs/policy.md").routes


COMMANDS = [line.strip() for line in GUIDE.splitlines() if line.startswith("    turnout ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_in_the_guide_has_options_that_exist(line):
    _, name, *words = line.split("#")[0].split(">")[0].split()
    command = main.get_command(click.Context(main), name)
    assert command is not None
    known = {opt for param in command.params for opt in param.opts}
    assert [word for word in words if word.startswith("--") and word not in known] == []


def recipe(heading: str) -> Policy:
    """The policy below a heading of the guide."""
    section = GUIDE.split(f"### {heading}\n", 1)[1]
    return load(yaml_blocks(section)[0], "docs/policy.md")


def asked(policy: Policy, tier: str = "", **request: Any) -> Decision | Denial:
    backends = {name: BackendSignals(0.8, 1_000) for name in policy.backends}
    signals = Signals(
        RequestSignals(**({"model": "auto"} | request)),
        PromptSignals(),
        tier,
        PrincipalSignals(),
        backends,
    )
    return policy.decide(signals)


def test_the_recipe_keeps_free_customers_off_premium():
    policy = recipe("Keep free customers off the premium backend")
    free = asked(policy, "free")
    assert isinstance(free, Decision)
    assert free.allowed == {"local", "moe"}
    assert isinstance(asked(policy, "free", model="premium"), Denial)
    assert isinstance(asked(policy, "pro", model="premium"), Decision)


def test_the_recipe_caps_a_customer_at_50_usd_a_month():
    limits = recipe("Cap a customer at 50 USD a month").tiers["fifty"].limits
    assert limits == {"organization": {"usd_per_month": 50 * 10**12}}


def test_the_recipe_keeps_private_prompts_at_home():
    policy = recipe("Keep private prompts at home")
    private = asked(policy, pii=True)
    assert isinstance(private, Decision)
    assert private.allowed == {"local"}
    assert isinstance(asked(policy, pii=True, model="premium"), Denial)


def test_the_recipe_gives_a_canary_5_percent_of_conversations():
    policy = recipe("Canary a new model at 5 %")
    moe = Counter(
        answer.backend
        for number in range(4_000)
        if isinstance(answer := asked_of_moe(policy, f"c{number}"), Decision)
    )
    assert moe.keys() == {"moe", "moe-next"}
    assert 0.04 < moe["moe-next"] / 4_000 < 0.06


def asked_of_moe(policy: Policy, conversation: str) -> Decision | Denial:
    chances = {"local": 0.2, "moe": 0.9, "moe-next": 0.9, "premium": 0.9}
    costs = {"local": 1, "moe": 10, "moe-next": 11, "premium": 900}
    backends = {name: BackendSignals(chances[name], costs[name]) for name in policy.backends}
    request = RequestSignals("auto", conversation=conversation)
    return policy.decide(Signals(request, PromptSignals(), "", PrincipalSignals(), backends))
