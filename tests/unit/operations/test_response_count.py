"""How large a response would be is asked as one, but a model need not be named."""

import pytest

from router.errors import BadRequest
from router.operations.response_count import parse_response_count


@pytest.mark.parametrize("named", ["", '"model":null,'])
def test_a_count_that_names_no_model_is_of_the_usual_route(named: str) -> None:
    raw = b'{%b"input":"Hello"}' % named.encode()
    ask = parse_response_count(raw)
    assert (ask.model, ask.raw, ask.body["input"]) == ("auto", raw, "Hello")


def test_a_count_of_a_model_is_of_that_and_what_is_wrong_is_told() -> None:
    assert parse_response_count(b'{"model":"moe","input":"x"}').model == "moe"
    with pytest.raises(BadRequest):
        parse_response_count(b'{"model":7,"input":"x"}')
