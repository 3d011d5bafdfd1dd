"""One try against one deployment: send, look at the head, take the first byte."""

import re
from dataclasses import replace
from functools import partial
from typing import Final

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Asking, Failure
from router.backends.dialects.parameters import permitted
from router.backends.dialects.translated import NATIVE, dialect_of, told_as_dropped
from router.backends.dispatch.attempt_log import AttemptLog
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.backends.dispatch.inflated import uncompressed
from router.backends.dispatch.refusals import answer_type, failure_of, refused_by
from router.backends.dispatch.upstream import Upstream
from router.backends.health.health import DeploymentState
from router.backends.transport.transport import HttpAnswer, HttpCall, TransportError
from router.protocols.ahead import LARGE
from router.protocols.beside import beside
from router.protocols.headers import Pairs, of_answer
from router.protocols.passage import AnswerStream, ErrorInside, MalformedReply, Passage, Reply
from router.protocols.sse import EVENT_STREAM
from router.protocols.unsupported import Unsupported

ERROR_CAP: Final = 64 * 1024  # bytes read of an error's body
_KIND: Final = re.compile(r"[!-~]{1,64}([ -~]{0,128}[!-~])?")
HELD_CAP: Final = 256 * 1024  # bytes held back of a stream that has no content yet
_EVENTS_BEGIN: Final = (b"data:", b"event:", b"id:", b"retry:", b":")  # whatever their type says
_ENOUGH: Final = 6  # bytes to tell that by
WHOLE_CAP: Final = 1024 * 1024  # bytes of an answer that is relayed whole although it might stream
ANY_TYPE: Final = "application/octet-stream"  # of an answer that may be anything and says nothing
_EMPTY: Final = frozenset({204, 205})
REPLY_CAP: Final = 64 * 1024 * 1024  # bytes of a whole answer


async def attempt(backend: Backend, state: DeploymentState, log: AttemptLog) -> Upstream:
    """Ask. The Upstream that comes back has its body, or the first block of its stream.

    `state` learns how it ended once it succeeded in beginning. Raises AttemptFailed; then the
    connection is closed and `state` knows nothing of it.
    """
    request = log.request if log.request.unredacted is None else log.request.sent_to(backend.name)
    try:
        asked = (backend, state.deployment, request, log.request_id)
        small = len(request.raw) <= LARGE
        made = _made(*asked) if small else await beside(partial(_made, *asked))
        request, dialect, passage, call = made
        if log.trace is None:
            answer = await state.client.send(call)
        else:
            answer = await state.client.send(call, log.trace.begins(backend, state.deployment, log))
    except Unsupported as error:
        raise _unsupported(error) from None
    except TransportError as error:
        raise await failure_of(error, state, request) from None
    try:
        if coding := answer.header("content-encoding"):
            answer = uncompressed(answer, coding)
        if (status := answer.status) != 200 and not 200 < status < 300:
            raise await _refused(answer, dialect, state, request)
        upstream = Upstream(backend, log, answer, state)
        if request.stream and (request.declared is None or not _comes_whole(answer)):
            await _begin(upstream, answer, dialect.stream_type, passage)
        else:
            upstream.replied(await _whole(answer, passage, request))
        _note_head(upstream, request, passage, answer)
    except (TransportError, MalformedReply, ErrorInside) as error:
        answer.close()
        failed = await failure_of(error, state, request)
        failed.answered = answer.status
        raise failed from None
    except BaseException:  # also where the client was cancelled: close the connection
        answer.close()
        raise
    return upstream


def _made(
    backend: Backend, deployment: Deployment, request: Ask, request_id: str
) -> tuple[Ask, Asking, Passage, HttpCall]:
    """The request as this backend may have it, who asks and who reads, and the call."""
    request = permitted(backend, request) if request.unknown else request
    native = NATIVE.get((backend.dialect, request.protocol))  # mostly
    dialect, passage = native or dialect_of(backend.dialect, request, backend.speaks)
    return request, dialect, passage, dialect.call(deployment, backend, request, request_id)


async def _whole(answer: HttpAnswer, passage: Passage, request: Ask) -> Reply:
    """A whole answer. A large one is read beside the event loop, and so is that to a large request,
    of which it may repeat much."""
    body = answer.rest()  # a short body mostly comes with its head
    if body is None:
        body = await read_all(answer, REPLY_CAP)
    if len(body) <= LARGE and len(request.raw) <= LARGE:
        return passage.reply(body, request)
    return await beside(partial(passage.reply, body, request))


def _note_head(upstream: Upstream, request: Ask, passage: Passage, answer: HttpAnswer) -> None:
    """What goes to the client beside the answer: the protocol's own headers, what the gateway says,
    and a whole answer's content type where it has one of its own."""
    names, notes = passage.headers, passage.notes
    dropped = upstream.backend.quirks.drop
    if dropped and not notes and not dropped.isdisjoint(request.body):
        notes = told_as_dropped(sorted(dropped & request.body.keys()))
    if upstream.request.unknown != request.unknown:
        left_out = [name for name in upstream.request.unknown if name not in request.unknown]
        notes = told_as_dropped([*left_out, *_names_in(notes)])
    if request.bare:
        notes = told_as_dropped(["thinking", *_names_in(notes)])
    if names and answer.header(names[0]):
        upstream.headers = of_answer(names, answer.header) + notes
    else:
        upstream.headers = notes
    if passage.types and not upstream.streamed:
        upstream.content_type = _own_type(passage, answer)


def _names_in(notes: Pairs) -> list[str]:
    return [name for _, told in notes for name in told.split(", ")]


def _unsupported(error: Unsupported) -> AttemptFailed:
    words = f"No backend can be asked with '{error.param}'. {error.advice}".rstrip()
    failure = Failure(words, param=error.param)
    reason = f"cannot be asked with '{error.param}'"
    return AttemptFailed(Kind.UNSUPPORTED, reason, status=400, failure=failure)


async def _begin(
    upstream: Upstream, answer: HttpAnswer, stream_type: str, passage: Passage
) -> None:
    """Read up to the first content of a stream.

    What is no event stream by its type may be a body instead, where events are expected; readers of
    JSON know an error by themselves.
    """
    request, begun = upstream.request, b""
    if stream_type not in answer.header("content-type").lower():
        upstream.content_type = _own_type(passage, answer)
        if not upstream.content_type and stream_type == EVENT_STREAM:
            begun = await _beginning(answer)
            if not begun.lstrip().startswith(_EVENTS_BEGIN):
                # A body instead of a stream: most likely an error under status 200.
                passage.reply(begun + await read_all(answer, ERROR_CAP, cut=True), request)
                raise MalformedReply("answered without streaming")
    stream = passage.stream(request)
    upstream.streams(stream, await _first_block(answer, stream, begun))


async def _beginning(answer: HttpAnswer) -> bytes:
    """Enough of a body to tell whether it is one of events, whatever its type says."""
    begun = b""
    while len(begun.lstrip()) < _ENOUGH and len(begun) < ERROR_CAP:
        data = await answer.read()
        if not data:
            break
        begun += data
    return begun


def _comes_whole(answer: HttpAnswer) -> bool:
    """Whether an answer that may be a stream is none: it is short, and says so."""
    if answer.status in _EMPTY:
        return True
    length = answer.header("content-length")
    short = length.isascii() and length.isdigit() and int(length[:20]) <= WHOLE_CAP
    return short and EVENT_STREAM not in answer.header("content-type").lower()


def _own_type(passage: Passage, answer: HttpAnswer) -> str:
    """The content type under which an answer goes back; empty for the usual one."""
    kind = answer.header("content-type")
    if kind.lower().startswith(passage.types) and _KIND.fullmatch(kind):
        return kind
    return ANY_TYPE if "" in passage.types else ""


async def _first_block(answer: HttpAnswer, stream: AnswerStream, begun: bytes) -> bytes:
    """What comes up to the first content: until then another backend may still be asked.

    Comments and the like that come before are held back, up to HELD_CAP, and begin the block.
    `begun` is what was read already.
    """
    held = b""
    data = begun or await answer.read()
    while data:
        held += stream.feed(data)
        if stream.has_content or stream.finished or len(held) > HELD_CAP:
            return held
        data = await answer.read()
    return held + stream.finish()


async def read_all(answer: HttpAnswer, cap: int, *, cut: bool = False) -> bytes:
    """The whole body. Over the cap: MalformedReply, or just its beginning where `cut`."""
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.read():
        pieces.append(piece)
        size += len(piece)
        if size > cap:
            if cut:
                break
            raise MalformedReply(f"answered more than {cap} bytes")
    return b"".join(pieces)[:cap]


async def _refused(
    answer: HttpAnswer, dialect: Asking, state: DeploymentState, ask: Ask
) -> AttemptFailed:
    """An answer that is no 2xx: what it says, and when to come back."""
    status = answer.status
    raw = await read_all(answer, ERROR_CAP, cut=True)
    headers = answer.headers
    answer.close()
    failure = dialect.failure(status, raw)
    aws = answer_type(headers)
    if aws:
        failure = replace(failure, reasons=(*failure.reasons, aws))
    failed = await refused_by(status, failure, state, ask, headers)
    failed.answered = status
    return failed
