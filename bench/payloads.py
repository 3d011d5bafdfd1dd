"""What is sent: the same bytes to every system."""

import json

SENTENCE = (
    "Please explain in a few sentences how a railway turnout guides a train from one track to "
    "another, why the crossing wears out first, and what an inspector looks at. "
)
# A name that every system maps to its one upstream; LiteLLM knows its price, Turnout's policy has
# it as an alias of its route `auto`.
MODEL = "gpt-4o-mini"


def chat(
    size: int = 1_000,
    *,
    model: str = MODEL,
    stream: bool = False,
    tokens: int = 50,
    pace_ms: int = 0,
) -> bytes:
    """A chat request with a prompt of `size` characters. `pace_ms`: between two streamed tokens."""
    text = (SENTENCE * (size // len(SENTENCE) + 1))[:size]
    body: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a patient teacher."},
            {"role": "user", "content": text},
        ],
        "max_tokens": tokens,
    }
    if stream:
        body["stream"] = True
    if pace_ms:
        body["seed"] = pace_ms
    return json.dumps(body).encode()
