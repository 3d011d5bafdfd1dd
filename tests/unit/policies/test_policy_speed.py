"""How long a decision takes. The figures are printed (-s); the bounds are generous."""

import statistics
import sys
import time

import pytest
from policy_worlds import policy, signals


def rules(count: int) -> str:
    body = "".join(
        f"  - name: r{n}\n"
        f'    when: prompt.tokens > {n * 7 + 150} && tier.name == "t{n}" || success["moe"] < 0.01\n'
        "    except: [premium]\n"
        for n in range(count)
    )
    return f"rules:\n{body}"


@pytest.mark.parametrize(("count", "promise_us", "bound_us"), [(20, 60, 300), (500, 600, 3_000)])
def test_a_decision_takes_microseconds(count, promise_us, bound_us, capsys):
    subject, given = policy(rules(count)), signals(conversation="c")
    times = []
    for _ in range(1_000):
        begin = time.perf_counter_ns()
        subject.decide(given)
        times.append((time.perf_counter_ns() - begin) / 1_000)
    median = statistics.median(times)
    with capsys.disabled():
        told = f"p50 {median:.0f} us (promised {promise_us} us on a quiet core)"
        sys.stdout.write(f"\n  {count} rules: {told}\n")
    assert median < bound_us
