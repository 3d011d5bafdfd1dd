"""What deciding costs, in interpreter instructions: no machine is too busy for these bounds.

What CEL does in C++ is not counted; `python -m bench.conditions` measures that.
"""

import pytest
from policy_worlds import policy, signals

from bench.instructions import counted


def rules(count: int, when: str) -> str:
    body = "".join(
        f"  - name: r{n}\n    when: {when.replace('N', str(n))}\n    except: [premium]\n"
        for n in range(count)
    )
    return f"rules:\n{body}"


def cost(count: int, when: str) -> int:
    subject, given = policy(rules(count, when)), signals(conversation="c")
    subject.decide(given)
    return counted(lambda: subject.decide(given))


ONE_VALUE = "tier.name == 'tN' && prompt.tokens > 150"
ANYTHING = "prompt.tokens > 15N && tier.name == 'tN' || success['moe'] < 0.01"


@pytest.mark.parametrize("when", [ONE_VALUE, ANYTHING])
def test_a_decision_over_twenty_rules_takes_a_thousand_instructions(when):
    assert cost(20, when) < 1_300


def test_a_rule_that_only_cel_can_answer_adds_a_handful_of_instructions():
    assert (cost(500, ANYTHING) - cost(20, ANYTHING)) / 480 < 30


def test_a_thousand_rules_of_other_values_add_nothing():
    assert cost(1_000, ONE_VALUE) <= cost(20, ONE_VALUE) + 5
