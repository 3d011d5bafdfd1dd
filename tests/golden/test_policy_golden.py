"""Policies and the exact words they are refused or warned with.

A golden file is a list of cases: `=== name`, the document, `--- ...`, the report.
"""

from pathlib import Path

import pytest

from policies.findings import DocumentError, render
from policies.lint.lint import lint
from policies.policy import load

HERE = Path(__file__).parent


def cases(name: str) -> list[object]:
    result = []
    for part in ("\n" + (HERE / name).read_text(encoding="utf-8")).split("\n=== ")[1:]:
        title, _, rest = part.partition("\n")
        text, _, report = rest.partition("--- ")
        result.append(pytest.param(text, report.partition("\n")[2].strip("\n"), id=title))
    return result


BAD = cases("bad_policies.txt")
WARNED = cases("policy_lints.txt")


@pytest.mark.parametrize(("text", "report"), BAD)
def test_a_bad_policy_is_refused_with_exactly_these_words(text, report):
    with pytest.raises(DocumentError) as refused:
        load(text, "policy.yaml")
    assert render(refused.value.findings) == report


@pytest.mark.parametrize(("text", "report"), WARNED)
def test_a_doubtful_policy_is_warned_of_with_exactly_these_words(text, report):
    matches = lint(load(text, "policy.yaml"))
    result = [f for f in matches if f.rule not in ("no-probes", "uncovered-rule")]
    assert render(result) == report


def test_there_are_enough_cases_and_none_twice():
    assert len(BAD) >= 60
    assert len({case.id for case in BAD}) == len(BAD)
