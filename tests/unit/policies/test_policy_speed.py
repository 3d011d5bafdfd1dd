"""What a decision costs, in interpreter instructions."""

import pytest
from policy_worlds import policy, signals

from bench.instructions import WARM_UP, counted


def rules(count: int) -> str:
    body = "".join(
        f"  - name: r{n}\n"
        f'    when: prompt.tokens > {n * 7 + 150} && tier.name == "t{n}" || success["moe"] < 0.01\n'
        "    except: [premium]\n"
        for n in range(count)
    )
    return f"rules:\n{body}"


@pytest.mark.parametrize(("count", "most"), [(20, 2_450), (500, 5_400)])
def test_a_decision_costs_thousands_of_instructions_and_a_rule_less_than_ten(count, most):
    subject, given = policy(rules(count)), signals(conversation="c")
    for _ in range(WARM_UP):
        subject.decide(given)
    assert counted(lambda: subject.decide(given)) < most
