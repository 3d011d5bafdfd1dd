"""Whatever is written into a policy file: it loads, or it is refused in words."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

import policies
from policies.decision import Decision, Denial
from policies.findings import DocumentError
from policies.language.expression import ConditionError, Conditions
from policies.policy import load
from policies.signals import (
    BackendSignals,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)

SHIPPED = [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(policies.__file__).parent / "shipped").glob("*.yaml"))
]
SIGNALS = Signals(
    RequestSignals("auto"),
    PromptSignals(),
    "pro",
    PrincipalSignals(),
    {name: BackendSignals(0.5, 10) for name in ("local", "moe", "premium")},
)
pieces = st.sampled_from(
    [
        *"[]{}:,-\n\t#&*!|>'\"%@` ~?",
        "\n  ",
        "\n    - ",
        "version: 1",
        "routes:",
        ".nan",
        "1e999",
        "null",
        "true",
        "0x1F",
        "when: ",
        "request.pii",
        "prompt.tokens > ",
        "\x00",
        "\u2028",
        "\ud800",
        "é",
        "<<: ",
    ]
)


def loaded_or_refused(text: str) -> None:
    try:
        policy = load(text, "fuzz.yaml")
    except DocumentError as error:
        findings = error.findings
    else:
        assert isinstance(policy.decide(SIGNALS), Decision | Denial)
        return
    assert findings
    for finding in findings:
        assert finding.line >= 1
        assert finding.column >= 1
        assert finding.message
        assert finding.message.isprintable()
        assert finding.hint.isprintable()


@given(st.one_of(st.text(max_size=200), st.lists(pieces, max_size=40).map("".join)))
@example("? a")
@example("0\n\n0")
@example('"\\e[31m": 1')
@example("a: b: c")
@example("- - - -")
@example("%YAML 1.1\n---\na: 1")
@example("!<tag:yaml.org,2002:str> a")
def test_any_text_is_refused_in_words(text):
    loaded_or_refused(text)


@given(st.sampled_from(SHIPPED), st.integers(0, 4_000), st.integers(0, 12), pieces)
def test_a_damaged_policy_loads_or_is_refused_in_words(text, where, length, piece):
    place = where % len(text)
    loaded_or_refused(text[:place] + piece + text[place + length :])


words = st.sampled_from(
    """request.pii prompt.tokens tier.name "x" 'y' 1 1.5 && || ! == < in ( ) [ ] { } . , ? : size
    matches success["a"] backend["a"].healthy request.headers["x"] principal.tags .exists(t, - / %
    // true""".split()  # noqa: SIM905 - a list of forty strings reads worse
)


@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=10).map(" ".join)))
@example('request.headers["x"].size() > 1')
@example('request.headers["x"].contains("y")')
@example('"request.pii"')
def test_any_condition_compiles_or_is_refused_and_what_compiles_never_raises(text):
    conditions = Conditions(["a", "local"])
    try:
        condition = conditions.check(text)
    except ConditionError as error:
        for fault in error.faults:
            assert 0 <= fault.offset <= len(text)
            assert fault.message
    else:
        truths = conditions.matcher([condition, conditions.check("true")]).truths(SIGNALS)
        assert truths[1] is True
        assert truths[0] in (True, False, None)
