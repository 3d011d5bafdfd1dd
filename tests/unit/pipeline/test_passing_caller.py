"""A caller in front of another one passes on what is not its own affair."""

from collections.abc import Iterable, Mapping
from typing import Any

from router.pipeline.passing_caller import PassingCaller


class Behind:
    """The caller behind it: notes what it is asked."""

    id = "r1"
    authorization = b"Bearer x"
    route = "auto"
    backend = ""
    content_type = ""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.fields = {b"user-agent": b"client"}
        self.asked: list[Any] = []

    def hint_headers(self) -> Mapping[str, str]:
        return {"x-turnout-route": "auto"}

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        return dict.fromkeys(names, "sent")

    async def body(self) -> bytes:
        return b"{}"

    def awaits_stream(self) -> None:
        self.asked.append("awaits")

    async def start(self, status: int = 200) -> None:
        self.asked.append(status)


def passing() -> tuple[PassingCaller, Behind]:
    behind: Any = Behind()
    return PassingCaller(behind), behind


async def test_what_is_asked_of_it_is_asked_of_the_caller_behind() -> None:
    caller, behind = passing()
    assert (caller.id, caller.authorization, caller.route) == ("r1", b"Bearer x", "auto")
    assert caller.hint_headers() == {"x-turnout-route": "auto"}
    assert caller.header_values(["a"]) == {"a": "sent"}
    assert await caller.body() == b"{}"
    caller.awaits_stream()
    await caller.start(201)
    assert behind.asked == ["awaits", 201]


def test_who_answers_and_with_what_is_told_to_the_caller_behind() -> None:
    caller, behind = passing()
    caller.backend, caller.content_type = "premium", "audio/mpeg"
    assert (behind.backend, behind.content_type) == ("premium", "audio/mpeg")
    assert (caller.backend, caller.content_type) == ("premium", "audio/mpeg")
    caller.headers.append(("a", "b"))
    assert behind.headers == [("a", "b")]


def test_nothing_passes_without_being_looked_at() -> None:
    caller, _ = passing()
    assert not caller.put(b"data: {}\n\n")
