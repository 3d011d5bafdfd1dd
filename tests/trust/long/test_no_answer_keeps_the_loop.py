"""Whoever is asked what, and whatever comes back, the event loop is free again in time.

As in `test_no_body_keeps_the_loop`; here requests of 32 MB are asked of servers of every dialect,
in every client's words, and answers are as large.
"""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from modelservers import in_thread
from trust.figures import Figures
from trust.large_answers import large_answers
from trust.stopwatch import longest
from trust.timed import Timed, timed_gateway

STALL_SECONDS = 0.05
MOST_SECONDS, MOST_STALLS = 0.1, 2  # where the machine is busy
LARGEST = 31_900_000
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
POLICY = """\
version: 1
routes:
  auto: {candidates: [fine-openai], objective: fixed}
  redacted: {candidates: [fine-openai], objective: fixed, redact: true}
%s
tiers: {loud: {concurrency: 500}}
"""
AWS = {
    "region": "eu-west-1", "service": "bedrock", "access_key_id": "A", "secret_access_key": "S",
}  # fmt: skip
DIALECTS = {
    "openai": {"counts": "tokenize"},
    "anthropic": {"dialect": "anthropic"},
    "responses": {"dialect": "responses"},
    "gemini": {"dialect": "gemini"},
    "ollama": {"dialect": "ollama"},
    "aws": {
        "credentials": {
            "aws": {
                "region": "eu-west-1",
                "service": "bedrock",
                "access_key_id": "A",
                "secret_access_key": "S",
            }
        }
    },
}
EXPECTED = {"failing": 400, "broken": 503}
TEXT = b"words to say " * (LARGEST // 13)


def chat(model: bytes, text: bytes) -> bytes:
    return b'{"model":"%b","messages":[{"role":"user","content":"%b"}]}' % (model, text)


def message(model: bytes, text: bytes) -> bytes:
    return chat(model, text)[:-1] + b',"max_tokens":9}'


def dropped(model: bytes, text: bytes) -> bytes:
    return chat(model, text)[:-1] + b',"nobody_knows":1}'


def response(model: bytes, text: bytes) -> bytes:
    return b'{"model":"%b","input":"%b"}' % (model, text)


def instructed(model: bytes, text: bytes) -> bytes:
    return b'{"model":"%b","input":"x","instructions":"%b"}' % (model, text)


def content(_: bytes, text: bytes) -> bytes:
    return b'{"contents":[{"role":"user","parts":[{"text":"%b"}]}]}' % text


def counted(model: bytes, text: bytes) -> bytes:
    inner = content(model, text)
    return b'{"generateContentRequest":{"model":"models/%b",%b}' % (model, inner[1:])


def completion(model: bytes, text: bytes) -> bytes:
    return b'{"model":"%b","prompt":"%b"}' % (model, text)


def embedding(model: bytes, text: bytes) -> bytes:
    return b'{"model":"%b","input":"%b"}' % (model, text)


def private(model: bytes, text: bytes) -> bytes:
    return chat(model, b"mail me at ada@example.com " + text[: len(text) // 5])


Made = Callable[[bytes, bytes], bytes]
CHATS: dict[str, Made] = {
    "/v1/chat/completions": chat,
    "/v1/messages": message,
    "/v1/responses": response,
    "/v1beta/models/{model}:generateContent": content,
}
COUNTS: dict[str, Made] = {
    "/v1/messages/count_tokens": message,
    "/v1/responses/input_tokens": response,
    "/v1beta/models/{model}:countTokens": counted,
}


def rows() -> Iterator[tuple[str, str, Made, int]]:
    """Who is asked, where, with what body, of how many bytes of text."""
    large = len(TEXT)
    for dialect in DIALECTS:
        for path, make in {**CHATS, **COUNTS}.items():
            yield f"fine-{dialect}", path, make, large
    for dialect in DIALECTS:
        for path, make in CHATS.items():
            yield f"large-{dialect}", path, make, 10
        yield f"failing-{dialect}", "/v1/chat/completions", chat, large
        yield f"broken-{dialect}", "/v1/chat/completions", chat, large
        yield f"large-{dialect}", "/v1/messages/count_tokens", message, large
    yield "fine-openai", "/v1/responses", instructed, large
    yield "fine-dropping", "/v1/chat/completions", dropped, large
    for how, size in (("fine", large), ("large", 10)):
        yield f"{how}-openai", "/v1/embeddings", embedding, size
        yield f"{how}-openai", "/v1/completions", completion, size
    yield "redacted", "/v1/chat/completions", private, large


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Timed]:
    price = {
        "price": {"input": 1, "output": 1},
        "model": "m",
        "serves": ["chat", "completion", "embedding"],
    }
    with in_thread(large_answers) as listening:
        url = listening.removesuffix("/v1")
        backends = {
            f"{how}-{dialect}": {"base_url": f"{url}/{how}/v1", **price, **more}
            for how in ("fine", "large", "failing", "broken")
            for dialect, more in DIALECTS.items()
        }
        backends["fine-dropping"] = backends["fine-openai"] | {"unknown_parameters": "drop"}
        routes = [f"  to-{name}: {{candidates: [{name}], objective: fixed}}" for name in backends]
        policy = POLICY % "\n".join(routes)
        folder = tmp_path_factory.mktemp("timed")
        with timed_gateway(folder, policy, backends, responses={"keys": [KEY]}) as running:
            yield running


def test_hardly_a_server_keeps_the_loop_for_fifty_milliseconds(
    gateway: Timed, figures: Figures
) -> None:
    worst: dict[str, float] = {}
    with httpx.Client(timeout=60, headers=gateway.authorization) as client:
        time.sleep(0.5)
        written = longest(gateway.turns, 0)[1]
        for backend, path, make, size in rows():
            model = backend if backend == "redacted" else f"to-{backend}"
            answer = client.post(
                gateway.root + path.format(model=model),
                content=make(model.encode(), TEXT[:size]),
                headers={"content-type": "application/json"},
            )
            time.sleep(0.05)  # what ends with the request takes its turn behind the answer
            took, written = longest(gateway.turns, written)
            worst[f"{backend} at {path}: {make.__name__} of {size}"] = took
            assert answer.status_code == EXPECTED.get(backend.partition("-")[0], 200), answer.text
            figures.add("requests of large bodies or answers")
    kept = {kind: turn for kind, turn in worst.items() if turn > STALL_SECONDS}
    figures.add("that kept the event loop over 50 ms", len(kept))
    figures.add("longest turn of the loop in ms of CPU time", round(max(worst.values()) * 1000))
    assert len(kept) <= MOST_STALLS, kept
    assert max(worst.values()) < MOST_SECONDS
