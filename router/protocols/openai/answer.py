"""Completions (the old ones, of a prompt), answered: read for those who check answers."""

from collections.abc import Mapping
from typing import Any

from router.protocols.chat.answer_reader import read_reason
from router.protocols.chat.usage import read_usage
from router.protocols.hub.answer import Alternative, Answer
from router.protocols.hub.conversation import Text
from router.protocols.hub.events import EventStreamReader, PartDelta, PartOpened, Stopped
from router.protocols.hub.values import name_of


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole completion; what has no choices (embeddings, say) says nothing."""
    return Answer(
        name_of(body.get("id")),
        name_of(body.get("model")) or None,
        tuple([_alternative(choice) for choice in body.get("choices") or ()]),
        read_usage(body.get("usage"), body.get("service_tier")),
    )


def _alternative(choice: Mapping[str, Any]) -> Alternative:
    text = name_of(choice.get("text"))
    stop = read_reason(choice, calls=False, refused=False)
    return Alternative((Text(text),) if text else (), stop)


class TextReader(EventStreamReader):
    """Reads one streamed completion."""

    __slots__ = ("_finish",)

    def __init__(self) -> None:
        super().__init__()
        self._finish: dict[int, Any] = {}

    def take(self, chunk: dict[str, Any]) -> None:
        """Read one chunk."""
        for choice in chunk.get("choices") or ():
            number = choice.get("index", 0)
            if number not in self._finish:
                self._finish[number] = {}
                self.complete = False
                self.out.append(PartOpened(number, 0, Text("")))
            if choice.get("text"):
                self.out.append(PartDelta(number, 0, choice["text"]))
            if choice.get("finish_reason"):
                self._finish[number] = choice
                self.complete = all(self._finish.values())

    def done(self) -> None:
        """`[DONE]`: nothing counts after it."""
        self.end()

    def end(self) -> None:
        """Say how every choice ended."""
        for number, finish in self._finish.items():
            self.out.append(Stopped(number, read_reason(finish, calls=False, refused=False)))
        super().end()
