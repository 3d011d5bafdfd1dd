"""A caller in front of another one: all that is not its own affair goes on as it is."""

from collections.abc import Iterable, Mapping

from router.pipeline.caller import Caller


class PassingCaller:
    """See `router.pipeline.caller.Caller`; its heirs look at the answer's events on their way."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.id = caller.id
        self.authorization = caller.authorization
        self.headers = caller.headers
        self.fields = caller.fields
        self.route = caller.route

    @property
    def backend(self) -> str:
        """Who answers."""
        return self._caller.backend

    @backend.setter
    def backend(self, name: str) -> None:
        self._caller.backend = name

    @property
    def content_type(self) -> str:
        """Of an answer that is neither JSON nor events."""
        return self._caller.content_type

    @content_type.setter
    def content_type(self, name: str) -> None:
        self._caller.content_type = name

    def hint_headers(self) -> Mapping[str, str]:
        """Return the request's x-turnout-* headers."""
        return self._caller.hint_headers()

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of the request's headers that were sent."""
        return self._caller.header_values(names)

    async def body(self) -> bytes:
        """Return the body of the request."""
        return await self._caller.body()

    def awaits_stream(self) -> None:
        """Note that a stream will follow."""
        self._caller.awaits_stream()

    async def start(self, status: int = 200) -> None:
        """Send the head of a stream."""
        await self._caller.start(status)

    def put(self, data: bytes) -> bool:
        """Take nothing without waiting: events are looked at."""
        return False
