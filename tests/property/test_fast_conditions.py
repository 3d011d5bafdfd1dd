"""Conditions that Python decides are decided as CEL decides them."""

from hypothesis import example, given
from hypothesis import strategies as st

from policies.language.expression import ConditionError, Conditions
from policies.language.fast_conditions import read_condition
from policies.signals import (
    BackendSignals,
    Clock,
    PrincipalSignals,
    PromptSignals,
    RequestSignals,
    Signals,
)

WORDS = ("", "free", "pro", "Zoë", "a b", "日本", "x")
texts = st.sampled_from([*WORDS, 'it"s'])
numbers = st.sampled_from([0, 1, 7, 499, 500, 501, 32_000, 2**40])
shares = st.sampled_from([0.0, 0.1, 0.5, 0.8, 0.80001, 1.0, 3.5, float("nan")])
BY_KIND = {
    "string": ("tier.name", "request.user", "clock.weekday", 'request.headers["x-app"]'),
    "int": ("prompt.tokens", "prompt.turns", "clock.hour", 'backend["a"].queued'),
    "double": ("budget.used_share", "budget.day.used_share", 'success["a"]', 'success["gone"]'),
    "bool": ("request.pii", "request.tools", 'backend["a"].healthy', 'backend["gone"].healthy'),
}
CONSTANTS = {
    "string": st.sampled_from([f'"{word}"' for word in WORDS] + ["'free'", r'"\x66ree"', 'r"x"']),
    "int": numbers.map(str) | st.just("-1") | st.just("0x1F"),
    "double": st.sampled_from(["0.0", "0.5", "0.8", "1.0", "1e-1", ".5", "-0.0"]),
    "bool": st.sampled_from(["true", "false"]),
}
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@st.composite
def comparisons(draw):
    kind = draw(st.sampled_from(sorted(BY_KIND)))
    fact = draw(st.sampled_from(BY_KIND[kind]))
    shapes = {
        "compared": f"{fact} {draw(signs)} {draw(CONSTANTS[kind])}",
        "turned": f"{draw(CONSTANTS[kind])} {draw(signs)} {fact}",
        "close": f"{fact}{draw(signs)}{draw(CONSTANTS[kind])}",
        "alone": draw(st.sampled_from([*BY_KIND["bool"], "true", "false"])),
        "member": f"{draw(CONSTANTS['string'])} in principal.tags",
        "called": 'request.user.startsWith("f")',
        "failing": "100 / prompt.turns > 3",
    }
    return shapes[draw(st.sampled_from(sorted(shapes)))]


conditions = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" && ", "||", " || "]), inner).map("".join),
        st.tuples(inner, st.sampled_from([" == ", "<"]), inner).map("".join),
        inner.map("!{}".format),
        inner.map("({})".format),
        inner.map("!({})".format),
    ),
    max_leaves=6,
)
worlds = st.builds(
    Signals,
    request=st.builds(
        RequestSignals,
        model=st.just("auto"),
        pii=st.booleans(),
        tools=st.booleans(),
        user=texts,
        headers=st.dictionaries(st.just("x-app"), texts),
    ),
    prompt=st.builds(PromptSignals, tokens=numbers, turns=numbers),
    tier=texts,
    principal=st.builds(PrincipalSignals, tags=st.lists(texts, max_size=2).map(tuple)),
    backends=st.fixed_dictionaries(
        {
            "a": st.builds(
                BackendSignals,
                success=st.none() | shares.filter(lambda p: p >= 0.0),
                healthy=st.booleans(),
                queued=numbers,
            )
        }
    ),
    budget=st.dictionaries(st.sampled_from(["minute", "day"]), shares),
    clock=st.builds(Clock, hour=st.integers(0, 23), weekday=st.sampled_from(["monday", "sunday"])),
)


@given(st.lists(conditions, min_size=6, max_size=16), st.lists(worlds, min_size=3, max_size=3))
@example(["!request.pii < true", "!(request.pii) == true", "!!request.pii"], [])
def test_the_table_and_cel_say_the_same_of_every_condition(written, asked):
    known = Conditions(["a", "gone"])
    checked = []
    for text in written:
        try:
            checked.append(known.check(text))
        except ConditionError:  # as `"free" < true`: nobody can load that
            continue
    quick, reference = known.matcher(checked), known.matcher(checked, only_cel=True)
    for world in asked:
        truths = reference.truths(world)
        assert quick.truths(world) == truths
        matches = [(place, held) for place, held in enumerate(truths) if held is not False]
        assert quick.matches(world) == matches


KINDS = {"request.pii": "bool", "prompt.tokens": "int", "tier.name": "string"}
READ = dict.fromkeys(KINDS, lambda signals: None)


def test_what_is_not_a_comparison_with_a_constant_is_left_to_cel():
    for text in (
        "1000 / prompt.tokens > 3",
        "prompt.tokens > 1.5",
        "tier.name == request.user",
        r'tier.name == "a\n"',
        'tier.name.startsWith("f")',
        "!request.pii < true",
        "request.pii ? true : false",
        "request.pii || prompt.tokens > 5",
        "!(request.pii)",
        "prompt.tokens > 99999999999999999",
    ):
        assert read_condition(text, KINDS, READ) is None


def test_a_value_that_a_condition_needs_is_its_key():
    fast = read_condition('prompt.tokens > 5 && tier.name == "free" && !request.pii', KINDS, READ)
    assert fast is not None
    assert fast.key == ("tier.name", "free")
    assert len(fast.tests) == 2
