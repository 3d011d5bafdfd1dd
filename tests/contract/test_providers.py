"""Bodies of particular providers, in the shapes that their documentation shows: they go through
untouched, and what is metered of them is read."""

import orjson
import pytest

from router.ask import Ask
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.backends.dispatch.causes import cause_of
from router.backends.dispatch.failures import Kind
from router.domain import Usage
from router.operations.chat import parse_chat


def asking(*, stream: bool) -> Ask:
    body = {"model": "a", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    return parse_chat(
        orjson.dumps(body | {"stream_options": {"include_usage": True}} if stream else body)
    )


AZURE = (
    b'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":'
    b'[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}\n\n'
    b'data: {"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,'
    b'"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"c",'
    b'"model":"gpt-5.5-2026-01-01","object":"chat.completion.chunk","usage":null}\n\n'
    b'data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},'
    b'"delta":{"content":"Hello"},"finish_reason":null,"index":0}],"created":1,"id":"c",'
    b'"model":"gpt-5.5-2026-01-01","object":"chat.completion.chunk","usage":null}\n\n'
    b'data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0}],'
    b'"created":1,"id":"c","model":"gpt-5.5-2026-01-01","object":"chat.completion.chunk",'
    b'"usage":null}\n\n'
    b'data: {"choices":[],"created":1,"id":"c","model":"gpt-5.5-2026-01-01","object":'
    b'"chat.completion.chunk","usage":{"completion_tokens":1,"prompt_tokens":9,"total_tokens":10}}\n\n'
    b"data: [DONE]\n\n"
)
OPENROUTER = (
    b": OPENROUTER PROCESSING\n\n"
    b'data: {"id":"gen-1","provider":"Together","model":"openai/gpt-oss-120b","object":'
    b'"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant",'
    b'"content":"","reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm"}]},'
    b'"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}\n\n'
    b'data: {"id":"gen-1","provider":"Together","model":"openai/gpt-oss-120b","object":'
    b'"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant",'
    b'"content":"Hello"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}\n\n'
    b'data: {"id":"gen-1","provider":"Together","model":"openai/gpt-oss-120b","object":'
    b'"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant",'
    b'"content":""},"finish_reason":"stop","native_finish_reason":"stop","logprobs":null}]}\n\n'
    b'data: {"id":"gen-1","provider":"Together","model":"openai/gpt-oss-120b","object":'
    b'"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant",'
    b'"content":""},"finish_reason":null,"native_finish_reason":null,"logprobs":null}],"usage":'
    b'{"prompt_tokens":80,"completion_tokens":12,"total_tokens":92,"cost":0.0000213,"is_byok":false,'
    b'"prompt_tokens_details":{"cached_tokens":64},"cost_details":{"upstream_inference_cost":null},'
    b'"completion_tokens_details":{"reasoning_tokens":4}}}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.mark.parametrize(
    ("stream", "model", "usage"),
    [
        (AZURE, "gpt-5.5-2026-01-01", Usage(9, 1)),
        (OPENROUTER, "openai/gpt-oss-120b", Usage(80, 12, 64, 4, reported_pico=21_300_000)),
    ],
    ids=["azure", "openrouter"],
)
def test_a_stream_goes_through_and_is_metered(stream: bytes, model: str, usage: Usage) -> None:
    _, passage = dialect_of("openai", asking(stream=True))
    answer = passage.stream(asking(stream=True))
    out = b"".join(answer.feed(event + b"\n\n") for event in stream.split(b"\n\n")[:-1])
    assert out.replace(b',"usage":null', b"") == stream.replace(b',"usage":null', b"")
    assert (answer.model, answer.usage, answer.finished) == (model, usage, True)


def test_what_azure_says_before_its_first_word_commits_to_nothing() -> None:
    _, passage = dialect_of("openai", asking(stream=True))
    answer = passage.stream(asking(stream=True))
    for event in AZURE.split(b"\n\n")[:2]:
        answer.feed(event + b"\n\n")
        assert not answer.has_content


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (
            b'{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"prompt_tokens_details":'
            b'{"text_tokens":32,"audio_tokens":0,"image_tokens":0,"cached_tokens":6},'
            b'"completion_tokens_details":{"reasoning_tokens":94},"num_sources_used":0,'
            b'"cost_in_usd_ticks":5960000}',
            Usage(32, 103, 6, 94, reported_pico=596_000_000),
        ),
        (
            b'{"prompt_tokens":15,"completion_tokens":16,"total_tokens":31,"estimated_cost":1.14e-05}',
            Usage(15, 16, reported_pico=11_400_000),
        ),
    ],
    ids=["xai", "deepinfra"],
)
def test_counts_and_cost_of_a_whole_answer(usage: bytes, read: Usage) -> None:
    raw = (
        b'{"id":"1","object":"chat.completion","model":"served","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":%s}' % usage
    )
    _, passage = dialect_of("openai", asking(stream=False))
    reply = passage.reply(raw, asking(stream=False))
    assert reply.body == raw
    assert reply.usage == read


@pytest.mark.parametrize(
    ("dialect", "status", "raw", "words", "kind"),
    [
        (
            *("openai", 404),
            b'{"error":{"code":"DeploymentNotFound","message":"The API deployment for this '
            b'resource does not exist."}}',
            *("The API deployment", Kind.MODEL),
        ),
        (
            *("openai", 403),
            b'{"message":"The security token included in the request is invalid."}',
            *("The security token", Kind.CREDENTIAL),
        ),
        (
            *("vertex-anthropic", 429),
            b'[{"error":{"code":429,"message":"Quota exceeded for aiplatform","status":'
            b'"RESOURCE_EXHAUSTED"}}]',
            *("Quota exceeded", Kind.RATE_LIMITED),
        ),
        (
            *("openai", 402),
            b'{"error":{"code":402,"message":"Insufficient credits","metadata":{}},"user_id":"u"}',
            *("Insufficient credits", Kind.QUOTA),
        ),
        (
            *("openai", 400),
            b'{"code":"invalid-argument","error":"Model grok does not support parameter stop"}',
            *("Model grok", Kind.UNSUPPORTED),
        ),
    ],
    ids=["azure", "bedrock", "vertex", "openrouter", "xai"],
)
def test_an_error_is_understood(
    dialect: str, status: int, raw: bytes, words: str, kind: Kind
) -> None:
    failure = DIALECTS[dialect].failure(status, raw)
    assert failure.message.startswith(words)
    assert cause_of(status, failure)[0] is kind
