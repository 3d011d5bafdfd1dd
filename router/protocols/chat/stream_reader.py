"""Chat completions, streamed: the chunks of a server read as events.

Theory of operation. A chunk says which choice grows and by what, never where a part begins or ends.
A text, a thought or a refusal is over where a part of another kind begins; a call stays open until
the end, since fragments of parallel calls may come in any order, or until its arguments are whole
JSON and another part begins. Servers tell apart their calls by index, by id, or by neither.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from router.protocols.chat.answer_reader import (
    citations_of,
    read_citation,
    read_content,
    read_logprobs,
    read_reason,
)
from router.protocols.chat.parts import read_parts
from router.protocols.chat.thoughts import read_thought, readable
from router.protocols.chat.usage import counts_of, read_usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.hub.answer import OF_THE_PROMPT
from router.protocols.hub.conversation import NOTHING, Call, Part, Refusal, Seal, Text, Thinking
from router.protocols.hub.events import (
    EventStreamReader,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.values import arguments_text, call_id, name_of
from router.protocols.passage import MalformedReply
from router.protocols.tolerant_json import loads

LARGEST_CALLS: Final = 16 * 1024 * 1024  # characters of all arguments of an answer
_PLAIN: Final = frozenset(("role", "content"))
_ODD: Final = frozenset(("error", "base_resp", "x_groq"))


class _Call:
    """One call that grows; it is `opened` once its name is known."""

    __slots__ = ("closed", "custom", "id", "name", "part", "seal", "texts", "told")

    def __init__(self, id_: str, told: str, part: int) -> None:
        self.id = id_
        self.told = told  # the server's own id, if any
        self.part = part
        self.name = ""
        self.custom = False
        self.seal: Seal | None = None
        self.texts: list[str] = []
        self.closed = False


class _Choice:
    """One of the answers: its open text or thought, its calls."""

    __slots__ = ("by_index", "calls", "kind", "last", "number", "part", "parts", "refused")

    def __init__(self, number: int) -> None:
        self.number = number
        self.parts = 0  # so far
        self.kind: type[Text | Thinking | Refusal] | None = None  # of the part that is open
        self.part = 0
        self.calls: list[_Call] = []
        self.by_index: dict[Any, _Call] = {}
        self.last: Mapping[str, Any] = NOTHING  # the chunk that says how it ended
        self.refused = False


class ChatReader(EventStreamReader):
    """Reads one streamed chat completion."""

    __slots__ = ("_choices", "_given", "_kept", "_largest", "_started", "_tier")

    def __init__(self, largest_calls: int = LARGEST_CALLS) -> None:
        """`largest_calls`: characters of arguments, which are kept until they are whole."""
        super().__init__()
        self._largest = largest_calls
        self._choices: dict[int, _Choice] = {}
        self._given = 0  # tokens of the prompt, as they were told last
        self._kept = 0  # characters of arguments
        self._started = False
        self._tier: Any = None  # the class of service, as it was told last

    def take(self, chunk: dict[str, Any]) -> None:
        """Read one chunk."""
        if not self._started and (chunk.get("id") or chunk.get("choices")):
            self._start(chunk)  # Azure's first chunk is nameless and holds what its filters say
        if not _ODD.isdisjoint(chunk) or chunk.get("object") == "error":
            refuse_error_inside(chunk)
        choices = chunk.get("choices")
        if choices:
            for choice in choices:
                self._take_choice(choice)
        elif choices is not None and type(choices) is not list:
            raise MalformedReply("sent an event without choices that can be read")
        if "service_tier" in chunk:
            self._tier = chunk["service_tier"] or self._tier
        usage = counts_of(chunk) if self.complete or not choices else chunk.get("usage")
        if usage and (lines := read_usage(usage, self._tier)):
            given = sum([line.count for line in lines if line.kind in OF_THE_PROMPT])
            if given or not self._given:  # a prompt that was told is not taken back
                self._given = given
                self.out.append(UsageSeen(lines))

    def done(self) -> None:
        """`[DONE]`: nothing counts after it; MalformedReply where nothing came before."""
        if not self._started:
            raise MalformedReply("ended its stream before the answer did")
        self.end()

    def end(self) -> None:
        """Close what is open, in order, and say how every choice ended."""
        for choice in self._choices.values():
            self._close_text(choice)
            for call in choice.calls:
                self._close_call(choice, call)
            stop = read_reason(choice.last, calls=bool(choice.calls), refused=choice.refused)
            self.out.append(Stopped(choice.number, stop))
        super().end()

    def _start(self, chunk: Mapping[str, Any]) -> None:
        refuse_error_inside(chunk)  # before anything is told of an answer
        self._started = True
        model = chunk.get("model")
        known = read_usage(chunk["usage"]) if chunk.get("usage") else ()  # some say it all along
        model = model if type(model) is str else None
        self.out.append(Started(name_of(chunk.get("id")), model, known))

    def _take_choice(self, fields: Mapping[str, Any]) -> None:
        number = fields.get("index", 0)
        choice = self._choices.get(number)
        if choice is None:
            if type(number) is not int:
                raise TypeError
            choice = self._choices[number] = _Choice(number)
            self.complete = False
        delta = fields.get("delta")
        if delta:
            plain = delta.keys() <= _PLAIN
            if not plain:
                self._before(choice, delta)
            if content := delta.get("content"):
                if type(content) is str:
                    logprobs = fields.get("logprobs")
                    scored = read_logprobs(logprobs) if logprobs else ()
                    if choice.kind is not Text:
                        self._open_text(choice, Text(""))
                    self.out.append(PartDelta(number, choice.part, content, scored))
                else:
                    self._content(choice, content)
            if not plain:
                self._behind(choice, delta)
        if fields.get("finish_reason"):
            choice.last = fields
            self.complete = all(one.last for one in self._choices.values())

    def _before(self, choice: _Choice, delta: Mapping[str, Any]) -> None:
        """What comes before the text of the same chunk: thoughts, what is spoken."""
        if thought := readable(delta):
            self._say(choice, Thinking(""), thought)
        for block in delta.get("thinking_blocks") or ():
            seal = read_thought(block).seal
            if seal is None:
                continue
            if seal.kind == "redacted":
                self._whole(choice, Thinking("", seal))
            else:
                if choice.kind is not Thinking:
                    self._open_text(choice, Thinking(""))
                self.out.append(PartNoted(choice.number, choice.part, seal))
        sound = delta.get("audio")
        if sound and sound.get("transcript"):
            self._say(choice, Text(""), sound["transcript"])

    def _behind(self, choice: _Choice, delta: Mapping[str, Any]) -> None:
        """What comes after it: refusals, annotations, calls."""
        refusal = delta.get("refusal")
        if refusal:
            choice.refused = True
            self._say(choice, Refusal(""), refusal)
        if choice.kind is Text:
            for citation in citations_of(delta):
                self.out.append(PartNoted(choice.number, choice.part, read_citation(citation)))
        if delta.get("images"):
            for image in read_parts(delta["images"]):
                self._whole(choice, image)
        for call in delta.get("tool_calls") or ():
            self._take_call(choice, call, call.get("index"))
        legacy = delta.get("function_call")
        if legacy:
            self._take_call(choice, {"function": legacy}, -1)

    def _content(self, choice: _Choice, content: list[Any]) -> None:
        for part in read_content(content):
            if isinstance(part, Text | Thinking):
                self._say(choice, type(part)(""), part.text)

    def _say(self, choice: _Choice, head: Text | Thinking | Refusal, text: str) -> None:
        if type(text) is not str:
            raise TypeError
        if choice.kind is not type(head):
            self._open_text(choice, head)
        self.out.append(PartDelta(choice.number, choice.part, text))

    def _open_text(self, choice: _Choice, head: Text | Thinking | Refusal) -> None:
        self._make_way(choice)
        choice.kind, choice.part = type(head), self._next(choice)
        self.out.append(PartOpened(choice.number, choice.part, head))

    def _whole(self, choice: _Choice, part: Part) -> None:
        self._make_way(choice)
        number = self._next(choice)
        self.out.append(PartOpened(choice.number, number, part))
        self.out.append(PartClosed(choice.number, number))

    @staticmethod
    def _next(choice: _Choice) -> int:
        choice.parts += 1
        return choice.parts - 1

    def _make_way(self, choice: _Choice) -> None:
        """Another part begins: close the text that is open, and the calls that are whole."""
        self._close_text(choice)
        for call in choice.calls:
            if not call.closed and call.texts and _is_object("".join(call.texts)):
                self._close_call(choice, call)

    def _close_text(self, choice: _Choice) -> None:
        if choice.kind is not None:
            choice.kind = None
            self.out.append(PartClosed(choice.number, choice.part))

    def _take_call(self, choice: _Choice, fields: Mapping[str, Any], index: Any) -> None:
        function = fields.get("function") or fields.get("custom") or {}
        id_, name = name_of(fields.get("id")), name_of(function.get("name"))
        call = self._known(choice, index, id_, name)
        if call is None:
            self._make_way(choice)
            number = self._next(choice)
            call = _Call(call_id(id_, [other.id for other in choice.calls]), id_, number)
            choice.calls.append(call)
            choice.by_index[index] = call
        text = _text_of(function, is_first=not call.texts)
        if call.closed and text.strip():
            raise MalformedReply("went on with the arguments of a tool call that were whole")
        if text:
            call.texts.append(text)
            self._kept += len(text)
            if self._kept > self._largest:
                raise MalformedReply(f"called tools with more than {self._largest} characters")
        if call.name:
            if text and not call.closed:
                self.out.append(PartDelta(choice.number, call.part, text))
        elif name:
            self._name(choice, call, fields, name)

    @staticmethod
    def _known(choice: _Choice, index: Any, id_: str, name: str) -> _Call | None:
        """The call that a fragment belongs to; None where it begins another."""
        if index is not None:
            known = choice.by_index.get(index)
            return None if known is None or (id_ and id_ != known.told) else known
        if id_:
            return next((call for call in choice.calls if call.told == id_), None)
        return choice.calls[-1] if choice.calls and not name else None

    def _name(self, choice: _Choice, call: _Call, fields: Mapping[str, Any], name: str) -> None:
        """Its name is known: the call opens, and what came of its arguments follows."""
        call.name, call.custom = name, "custom" in fields
        kind = "custom" if call.custom else "function"
        head = Call(call.id, name, "", kind, _seal(fields))
        self.out.append(PartOpened(choice.number, call.part, head))
        if call.texts:
            self.out.append(PartDelta(choice.number, call.part, "".join(call.texts)))

    def _close_call(self, choice: _Choice, call: _Call) -> None:
        if call.closed:
            return
        if not call.name:
            raise MalformedReply("called a tool without a name")
        if not any(map(str.strip, call.texts)) and not call.custom:
            self.out.append(PartDelta(choice.number, call.part, "{}"))
        call.closed = True
        self.out.append(PartClosed(choice.number, call.part))


def _text_of(function: Mapping[str, Any], *, is_first: bool) -> str:
    """What a fragment tells of a call's arguments, or of a custom tool's input."""
    if "arguments" not in function:
        return name_of(function.get("input"))
    more = function["arguments"]
    is_blank = more is None or (type(more) is str and not more.strip())
    if is_blank or not is_first:  # more may follow
        return name_of(more)
    return arguments_text(more)


def _seal(fields: Mapping[str, Any]) -> Seal | None:
    extra = fields.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return Seal("gemini", signature) if type(signature) is str and signature else None


def _is_object(text: str) -> bool:
    """Whether a call's arguments are whole."""
    if not text.rstrip().endswith("}"):
        return False
    try:
        loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
