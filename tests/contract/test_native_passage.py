"""Where client and server speak one protocol, bytes go through both ways, and usage is read."""

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_shapes import NATIVE, Native

from router.backends.backend import Backend
from router.backends.dialects.translated import dialect_of
from router.protocols.passage import AnswerStream, ErrorInside, MalformedReply
from router.protocols.quirks import Quirks
from router.protocols.sse import data_of, events

every = pytest.mark.parametrize("name", sorted(NATIVE))
streamed = pytest.mark.parametrize("name", sorted(n for n, story in NATIVE.items() if story.stream))


def sent(story: Native, backend: Backend) -> bytes:
    ask = story.ask()
    dialect, _ = dialect_of(backend.dialect, ask)
    return dialect.call(backend.deployments()[0], backend, ask, "r").body


def backend_of(story: Native, quirks: Quirks | None = None) -> Backend:
    return Backend("b", "http://x", "real", dialect=story.dialect, quirks=quirks or Quirks())


def stream_of(story: Native) -> AnswerStream:
    ask = story.ask()
    return dialect_of(story.dialect, ask)[1].stream(ask)


def fed(stream: AnswerStream, pieces: list[bytes]) -> bytes:
    return b"".join(map(stream.feed, pieces)) + (b"" if stream.finished else stream.finish())


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % len(data) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@every
def test_a_request_goes_on_as_it_came_under_another_model(name: str) -> None:
    story = NATIVE[name]
    assert sent(story, backend_of(story)) == story.request.replace(b'"MODEL"', b'"real"')


@every
def test_a_whole_answer_comes_back_as_it_was_sent(name: str) -> None:
    story = NATIVE[name]
    ask = story.ask()
    reply = dialect_of(story.dialect, ask)[1].reply(story.whole, ask)
    assert reply.body == story.whole.strip()
    assert reply.usage == story.usage
    assert reply.model in ("gpt-x", "claude-x")


@streamed
@given(places=st.lists(st.integers(0, 5000), max_size=12))
def test_a_stream_comes_back_as_it_was_sent_however_it_is_cut(name: str, places: list[int]) -> None:
    story = NATIVE[name]
    stream = stream_of(story)
    assert fed(stream, cut_at(story.stream, places)) == story.stream
    assert stream.usage == story.stream_usage
    assert stream.model in ("gpt-x", "claude-x")
    assert stream.finished


@streamed
def test_a_stream_comes_back_as_it_was_sent_byte_by_byte(name: str) -> None:
    story = NATIVE[name]
    pieces = [story.stream[at : at + 1] for at in range(len(story.stream))]
    assert fed(stream_of(story), pieces) == story.stream


@streamed
@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_other_line_ends_tell_the_same(name: str, end: bytes) -> None:
    story = NATIVE[name]
    stream = stream_of(story)
    other = story.stream.replace(b"\n", end)
    output = list(map(data_of, events(fed(stream, cut_at(other, [7, 100, 333, 334])))))
    assert output == list(map(data_of, events(story.stream)))
    assert stream.usage == story.stream_usage


@streamed
def test_only_content_commits_a_stream(name: str) -> None:
    story = NATIVE[name]
    stream = stream_of(story)
    stream.feed(story.before_content)
    assert not stream.has_content
    rest = story.stream[len(story.before_content) :]
    first, _, rest = rest.partition(b"\n\n")
    stream.feed(first + b"\n\n")
    assert stream.has_content
    assert stream.output_tokens_seen > 0


@streamed
def test_a_stream_that_breaks_off_is_refused(name: str) -> None:
    story = NATIVE[name]
    stream = stream_of(story)
    stream.feed(story.stream[: len(story.stream) // 2])
    with pytest.raises(MalformedReply):
        stream.finish()


@streamed
def test_a_stream_that_the_gateway_ends_is_well_formed(name: str) -> None:
    story = NATIVE[name]
    stream = stream_of(story)
    half = story.stream[: story.stream.index(b"\n\n", len(story.before_content)) + 2]
    out = stream.feed(half) + stream.cut("r1", "gpt-x", "the quota is used up")
    ended = stream_of(story)
    assert fed(ended, [out]) == out  # its own reader takes it for a whole one
    assert b"the quota is used up" in out


@every
@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"<html>", b'"x"', b'{"data":1}'])
def test_nonsense_is_refused(name: str, raw: bytes) -> None:
    ask = NATIVE[name].ask()
    with pytest.raises((MalformedReply, ErrorInside)):
        dialect_of(NATIVE[name].dialect, ask)[1].reply(raw, ask)


@every
def test_usage_that_cannot_be_true_is_counted_here(name: str) -> None:
    story = NATIVE[name]
    ask = story.ask()
    body = orjson.loads(story.whole) | {"usage": {"input_tokens": -1, "prompt_tokens": 1.5}}
    reply = dialect_of(story.dialect, ask)[1].reply(orjson.dumps(body), ask)
    assert reply.usage.estimated
    assert reply.usage.input_tokens > 0


@every
def test_quirks_change_top_level_parameters_and_nothing_else(name: str) -> None:
    story = NATIVE[name]
    seed = {"seed": "random_seed"}
    quirks = Quirks(drop=frozenset({"made_up", "thinking"}), rename=seed, extra={"safe": True})
    asked, body = orjson.loads(story.request), sent(story, backend_of(story, quirks))
    output = orjson.loads(body)
    assert output == {seed.get(k, k): v for k, v in asked.items() if k not in quirks.drop} | {
        "model": "real",
        "safe": True,
    }
    if b"12345678901234567890123" in story.request:
        assert b'"random_seed":12345678901234567890123' in body


def test_a_server_that_takes_no_stream_options_gets_none() -> None:
    story = NATIVE["chat"]
    output = orjson.loads(sent(story, backend_of(story, Quirks(stream_options=False))))
    assert "stream_options" not in output


def test_anthropics_version_is_the_clients_or_ours() -> None:
    story = NATIVE["messages"]
    ask = story.ask(headers={b"anthropic-beta": b"a,b", b"anthropic-version": b"2030-01-01"})
    backend = backend_of(story)
    dialect, _ = dialect_of("anthropic", ask)
    call = dialect.call(backend.deployments()[0], backend, ask, "r")
    assert dict(call.headers) == {"anthropic-beta": "a,b", "anthropic-version": "2030-01-01"}
    plain = dialect.call(backend.deployments()[0], backend, story.ask(), "r")
    assert dict(plain.headers) == {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize("name", ["messages", "chat"])
def test_a_header_that_the_operator_set_wins(name: str) -> None:
    story = NATIVE[name]
    header = "Anthropic-Beta" if name == "messages" else "OpenAI-Beta"
    ask = story.ask(headers={header.lower().encode(): b"clients", b"idempotency-key": b"k"})
    backend = Backend("b", "http://x", "m", dialect=story.dialect, headers=((header, "ours"),))
    call = dialect_of(story.dialect, ask)[0].call(backend.deployments()[0], backend, ask, "r")
    assert header.lower() not in dict(call.headers)
    assert dict(call.target.headers)[header] == "ours"
    assert "idempotency-key" in dict(call.headers)
