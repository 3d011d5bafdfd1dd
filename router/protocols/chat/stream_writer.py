"""Chat completions, streamed: events written as the chunks that OpenAI's clients expect."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from router.protocols.chat.answer_writer import (
    is_signed,
    write_call,
    write_citation,
    write_logprobs,
    write_stop,
    write_thought,
)
from router.protocols.chat.parts import write_part
from router.protocols.chat.usage import write_usage
from router.protocols.hub.answer import Lines, Logprob, Stop, explanation
from router.protocols.hub.conversation import Call, Citation, Image, Opaque, Refusal, Text, Thinking
from router.protocols.hub.events import (
    Ended,
    Event,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.values import new_id
from router.protocols.truncation import length_events

DONE: Final = b"data: [DONE]\n\n"
# Characters of an answer's thoughts that are kept for their signed blocks; of more the blocks have
# the signature alone, and who reads them back joins them with `reasoning_content`.
LARGEST_THOUGHTS: Final = 1024 * 1024
_GROWS: Final = {Text: "content", Thinking: "reasoning_content", Refusal: "refusal"}


class ChatWriter:
    """Writes one streamed chat completion of `created`, in seconds of Unix time.

    The usage chunk is written where the client asked for it (`include_usage`).
    """

    __slots__ = (
        *("_around", "_before", "_calls", "_include_usage", "_out", "_parts", "_roles", "_usage"),
        *("_room", "_signed", "_thoughts", "dropped"),
    )

    def __init__(
        self, *, created: int, include_usage: bool, largest_thoughts: int = LARGEST_THOUGHTS
    ) -> None:
        self.dropped: list[str] = []
        self._include_usage = include_usage
        self._out: list[bytes] = []
        self._around: dict[str, Any] = {
            "id": "chatcmpl-turnout",
            "object": "chat.completion.chunk",
            "created": created,
            "model": None,
        }
        self._before = b""
        self._roles: set[int] = set()
        self._calls: dict[int, int] = {}  # choice -> tool calls so far
        # What a part's growth is called, by choice and part; a call has its number instead.
        self._parts: dict[tuple[int, int], str | int] = {}
        self._usage: Lines = ()
        self._room = largest_thoughts
        # The texts of open thoughts, which a signature may follow; then how many blocks were told.
        self._thoughts: dict[tuple[int, int], list[str]] = {}
        self._signed: dict[int, int] = {}

    def write(self, events: Sequence[Event]) -> bytes:
        """The chunks of these events."""
        for event in events:
            if type(event) is PartDelta:
                self._delta(event)
            else:
                _WRITERS[type(event)](self, event)
        out = b"".join(self._out)
        self._out.clear()
        return out

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """One more chunk with `finish_reason: length`, then [DONE]."""
        return length_events(request_id, model, why)

    def _delta(self, event: PartDelta) -> None:
        choice, part, text, logprobs = event
        grows = self._parts[choice, part]
        if self._thoughts:
            self._keep((choice, part), text)
        if type(grows) is int:
            call = {"index": grows, "function": {"arguments": text}}
            self._say(choice, {"tool_calls": [call]})
        elif choice in self._roles and not logprobs:
            self._out.append(
                b'%b{"index":%d,"delta":{"%b":%b},"finish_reason":null}]}\n\n'
                % (self._before, choice, str(grows).encode(), orjson.dumps(text))
            )
        else:
            self._say(choice, {str(grows): text}, logprobs)

    def started(self, event: Started) -> None:
        """The answer begins."""
        self._around |= {"id": event.id or new_id("chatcmpl-"), "model": event.model}
        self._before = b"data: " + orjson.dumps(self._around)[:-1] + b',"choices":['

    def opened(self, event: PartOpened) -> None:
        """A part begins."""
        choice, number, head = event
        if isinstance(head, Call):
            index = self._calls.get(choice, 0)
            self._calls[choice] = index + 1
            self._parts[choice, number] = index
            self._say(choice, {"tool_calls": [{"index": index, **write_call(head)}]})
        elif isinstance(head, Text | Thinking | Refusal):
            grows = self._parts[choice, number] = _GROWS[type(head)]
            if head.text:
                self._say(choice, {grows: head.text})
            if isinstance(head, Thinking):
                self._thought(choice, number, head)
        elif isinstance(head, Opaque):
            self._say(choice, {"turnout": {"blocks": [head.json]}})
        elif isinstance(head, Image):
            self._say(choice, {"images": [write_part(head)]})
        else:
            self.dropped.append(type(head).__name__.lower())

    def noted(self, event: PartNoted) -> None:
        """A part gets its seal or a citation."""
        note = event.note
        if isinstance(note, Citation):
            if note.url:
                self._say(event.choice, {"annotations": [write_citation(note, None, None)]})
            else:
                self._say(event.choice, {"turnout": {"citations": [note.json]}})
        else:
            texts = self._thoughts.pop((event.choice, event.part), [])
            self._sign(event.choice, Thinking("".join(texts), note))

    def _thought(self, choice: int, number: int, head: Thinking) -> None:
        """A thought begins: whole with its signature, or with a text that one may follow."""
        if head.seal is None:
            self._thoughts[choice, number] = [head.text]
        else:
            self._sign(choice, head)

    def _keep(self, part: tuple[int, int], text: str) -> None:
        """An open thought grows."""
        texts = self._thoughts.get(part)
        if texts is not None:
            texts.append(text)
            self._room -= len(text)
            if self._room < 0:
                del self._thoughts[part]

    def _sign(self, choice: int, thought: Thinking) -> None:
        """A thought is whole: its block, which is wanted back, with text and signature."""
        if not is_signed(thought):
            return
        index = self._signed.get(choice, 0)
        self._signed[choice] = index + 1
        # By the index OpenAI's clients tell apart what they gather.
        self._say(choice, {"thinking_blocks": [{"index": index, **write_thought(thought)}]})

    def closed(self, event: PartClosed) -> None:
        """A part is whole."""
        self._thoughts.pop((event.choice, event.part), None)

    def stopped(self, event: Stopped) -> None:
        """An answer came to its end."""
        stop: Stop = event.stop
        explained = explanation(stop)
        if explained:
            self._say(event.choice, {"refusal": explained})
        if stop.container is not None:
            self._say(event.choice, {"turnout": {"container": stop.container}})
        self._chunk([{"index": event.choice, "delta": {}, **write_stop(stop)}])

    def used(self, event: UsageSeen) -> None:
        """What was used so far."""
        self._usage = event.usage

    def ended(self, _event: Ended) -> None:
        """Nothing more is to come."""
        if self._include_usage and self._usage:
            self._chunk([], usage=write_usage(self._usage))
        self._out.append(DONE)

    def _say(self, choice: int, delta: dict[str, Any], logprobs: tuple[Logprob, ...] = ()) -> None:
        if choice not in self._roles:
            self._roles.add(choice)
            delta = {"role": "assistant", **delta}
        fields: dict[str, Any] = {"index": choice, "delta": delta}
        if logprobs:
            fields["logprobs"] = write_logprobs(logprobs)
        fields["finish_reason"] = None
        self._chunk([fields])

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> None:
        chunk = {**self._around, "choices": choices, **more}
        self._out.append(b"data: " + orjson.dumps(chunk) + b"\n\n")


_WRITERS: Final[dict[type, Callable[[ChatWriter, Any], None]]] = {
    Started: ChatWriter.started,
    PartOpened: ChatWriter.opened,
    PartNoted: ChatWriter.noted,
    PartClosed: ChatWriter.closed,
    Stopped: ChatWriter.stopped,
    UsageSeen: ChatWriter.used,
    Ended: ChatWriter.ended,
}
