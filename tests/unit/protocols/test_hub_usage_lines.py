"""What was written to a cache, by lifetime, whichever protocol says it."""

import pytest

from router.protocols.hub.answer import CACHE_WRITE
from router.protocols.hub.usage_lines import billed
from router.protocols.messages.usage import read_lines as of_messages
from router.protocols.responses.usage import read_lines as of_responses


def _message(written: int, short: int, long: int) -> dict[str, object]:
    split = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    counts = {"input_tokens": 10, "output_tokens": 2, "cache_creation_input_tokens": written}
    return counts | {"cache_creation": split}


def _response(written: int, short: int, long: int) -> dict[str, object]:
    split = {"ttl_30m_tokens": short, "ttl_12h_tokens": long}
    details = {"cache_write_tokens": written, "cache_write_tokens_details": split}
    return {"input_tokens": 10 + written, "output_tokens": 2, "input_tokens_details": details}


@pytest.mark.parametrize(
    "protocol",
    [(of_messages, _message, ("5m", "1h")), (of_responses, _response, ("30m", "12h"))],
)
@pytest.mark.parametrize(
    ("written", "split", "lines"),
    [
        (9, (4, 5), [(0, 4), (1, 5)]),  # all of it is told
        (9, (4, 0), [(0, 4), (None, 5)]),  # the rest has no lifetime
        (9, (0, 0), [(None, 9)]),
        (9, (8, 5), [(None, 9)]),  # more than was written: not believed
    ],
)
def test_lifetimes_of_what_was_written_add_up_to_what_was_written(protocol, written, split, lines):
    read, usage, names = protocol
    result = read(usage(written, *split))
    by_lifetime = [(one.lifetime, one.count) for one in result if one.kind == CACHE_WRITE]
    assert by_lifetime == [("" if at is None else names[at], count) for at, count in lines]
    bill = billed(result)
    assert (bill.input_tokens, bill.cache_write_tokens) == (10 + written, written)
