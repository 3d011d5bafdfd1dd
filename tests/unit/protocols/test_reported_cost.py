"""What servers say that a request cost: whole pico-USD, exactly as written, or nothing."""

from typing import Any

import orjson
import pytest

from router.domain import Usage
from router.operations.chat import parse_chat
from router.protocols.hub.usage_lines import billed, lines_of_usage
from router.protocols.reported_cost import reported_cost
from router.protocols.usage import read_usage

ASK = parse_chat(b'{"model":"a","messages":[{"role":"user","content":"Hi"}]}')
COUNTS = {"prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196}


@pytest.mark.parametrize(
    ("usage", "pico"),
    [
        (b'{"cost":0.95}', 950_000_000_000),
        (b'{"cost":0}', 0),
        (b'{"cost":0.0000001}', 100_000),
        (b'{"cost":1.23e-06}', 1_230_000),
        (b'{"cost":0.1,"is_byok":false,"cost_details":{"upstream_inference_cost":19}}', 10**11),
        (
            b'{"cost":0.5,"is_byok":true,"cost_details":{"upstream_inference_cost":19}}',
            195 * 10**11,
        ),
        (
            b'{"cost":0.5,"is_byok":true,"cost_details":{"upstream_inference_cost":null}}',
            5 * 10**11,
        ),
        (b'{"cost":{"input_tokens_cost":1,"total_cost":0.006}}', 6_000_000_000),
        (b'{"estimated_cost":0.00001}', 10_000_000),
        (b'{"cost_in_usd_ticks":318319000}', 31_831_900_000),
    ],
)
def test_a_cost_is_read_as_it_is_written(usage: bytes, pico: int) -> None:
    assert reported_cost(orjson.loads(usage)) == pico


@pytest.mark.parametrize("cost", [None, -0.1, "0.1", True, {"total": 1}, [1], 1e300, 10**9])
def test_what_can_be_no_cost_is_none(cost: Any) -> None:
    assert reported_cost({"cost": cost}) is None


def test_a_reported_cost_stands_beside_the_counts() -> None:
    assert read_usage(COUNTS | {"cost": 0.25}, ASK) == Usage(194, 2, reported_pico=25 * 10**10)
    assert read_usage(COUNTS, ASK) == Usage(194, 2)


def test_a_reported_cost_comes_through_a_translation() -> None:
    usage = Usage(194, 2, 8, reported_pico=0)
    assert billed(lines_of_usage(usage)) == usage
