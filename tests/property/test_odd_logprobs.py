"""Log-probabilities of any shape: an answer's readers and verifiers survive them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.verifiers import VERIFIERS
from router.backends.cascade.verifiers import first_failure
from router.operations.chat import parse_chat
from router.protocols.sse import encode
from router.protocols.table import PROTOCOLS

ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)
KEYS = st.sampled_from(
    ["content", "refusal", "token", "logprob", "bytes", "top_logprobs", "tokens", "token_logprobs",
     "chosenCandidates", "topCandidates", "candidates", "logProbability"]
)  # fmt: skip
LOGPROBS = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=10
)
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "input_tokens": 1, "output_tokens": 1}


def answers(odd: Any) -> dict[str, Any]:
    """A whole answer of each protocol, with these where it has log-probabilities."""
    message = {"role": "assistant", "content": "yes"}
    part = {"type": "output_text", "text": "yes", "annotations": [], "logprobs": odd}
    item = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
    candidate = {"content": {"parts": [{"text": "yes"}]}, "logprobsResult": odd}
    return {
        "chat": {"choices": [{"index": 0, "message": message, "logprobs": odd}], "usage": USAGE},
        "responses": {"object": "response", "status": "completed", "output": [item]},
        "gemini": {"candidates": [candidate | {"finishReason": "STOP"}]},
        "ollama": {"model": "m", "message": message, "done": True, "logprobs": odd},
    }


def streams(odd: Any) -> dict[str, list[Any]]:
    """A stream of each, with one piece of text."""
    piece = {"index": 0, "delta": {"content": "yes"}, "logprobs": odd}
    delta = {"type": "response.output_text.delta", "delta": "yes", "logprobs": odd}
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    return {
        "chat": [{"choices": [piece]}, {"choices": [piece | {"finish_reason": "stop"}]}],
        "responses": [delta | place],
        "gemini": [answers(odd)["gemini"]],
        "ollama": [answers(odd)["ollama"]],
    }


ASK = parse_chat(b'{"model":"a","messages":[{"role":"user","content":"x"}]}')
NAMES = sorted(set(answers(None)) & set(PROTOCOLS))


def test_every_protocol_with_log_probabilities_is_tried():
    assert {"chat", "responses"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@given(odd=LOGPROBS)
def test_a_whole_answer_and_a_stream_with_odd_log_probabilities(name: str, odd: Any):
    for read, raw in (
        (PROTOCOLS[name].read_body, orjson.dumps(answers(odd)[name])),
        (
            PROTOCOLS[name].read_stream,
            b"".join(encode(orjson.dumps(e)) for e in streams(odd)[name]),
        ),
    ):
        try:
            alternatives = read(raw)
        except ValueError:  # an unknown shape
            continue
        for early in (True, False):
            first_failure(sorted(VERIFIERS), alternatives, ASK, early=early)
