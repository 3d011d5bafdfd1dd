"""What is stored of a response, and why one cannot be had: for callers that know no database."""

from policies.value import value


@value
class StoredResponse:
    """One response: `document` is JSON of what was asked and answered, `items` are what was
    answered, each as JSON by the id that clients may name it by. `previous` is the response that it
    continues.
    """

    id: str
    previous: str | None
    document: bytes
    items: tuple[tuple[str, bytes], ...] = ()


class MissingResponse(Exception):
    """There is no response `id`, or no longer."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class TooMuch(Exception):
    """A request names more responses, or more bytes, than are put together."""
