"""A body with placeholders in the place of what was found in it; every other byte as it was.

One rule for every protocol, as in `router.protocols.leaving`: each string of the body is looked at,
whatever field it stands in, and each name of a member; a string that is JSON itself, as arguments
of tools are, by its own strings. A number that is private becomes a string. Two looks: placeholders
that the body has already are known before the first is given.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import orjson

from policies.pii.found import Finder, Found
from policies.pii.media import SHORTEST, without_media
from policies.pii.placeholders import Placeholders, merged
from policies.pii.reading import UNCLEAR, Reading
from router.ask import Ask
from router.errors import BadRequest
from router.protocols.json_strings import Token, tokens, written
from router.protocols.leaving import LEFT_OUT, leaving

_LEVELS: Final = 4  # of JSON in a string of JSON
_BEGINS: Final = re.compile(r"[ \t\r\n]*[\[{]")
_A_LOT: Final = 256  # strings
_NEAR: Final = 30  # characters at the end of a name
_LINK: Final = '": "'  # between a name and its value, where the name may say what the value is
_ANNOUNCES: Final = re.compile(r"(?i:password|passwd|secret|api[_-]?key|token)[\s\"']{0,8}\Z")
Wants = Callable[[str], bool]


class _Edit(NamedTuple):
    """What is changed of one token: finds in its value, or edits of the JSON that it is."""

    token: Token
    finds: Sequence[Found]
    edits: "Sequence[_Edit]" = ()


def _on() -> None:
    """There is time."""


class Redactor:
    """Redacts bodies with these finders, of the kinds that are wanted; `check` is called now and
    then, and raises where that takes too long."""

    def __init__(
        self, finders: Sequence[Finder], wants: Wants, check: Callable[[], None] = _on
    ) -> None:
        self._finders = finders
        self._wants = wants
        self._check = check

    def redacted(self, raw: bytes, placeholders: Placeholders) -> bytes:
        """The body, a valid JSON object, redacted; `raw` itself where nothing was found.

        Raises what the finders raise.
        """
        text = raw.decode()
        edits = list(self._edits(text, placeholders, _LEVELS))
        return _edited(text, edits, placeholders).encode() if edits else raw

    def _edits(self, text: str, placeholders: Placeholders, levels: int) -> Iterator[_Edit]:
        for number, token in enumerate(tokens(text)):
            if number % _A_LOT == 0:
                self._check()
            if token.key in LEFT_OUT:
                continue
            value = token.value
            placeholders.avoid(value)
            if levels and is_json(value):
                edits = list(self._edits(value, placeholders, levels - 1))
                if edits:
                    yield _Edit(token, (), edits)
            elif finds := self._finds(token):
                yield _Edit(token, finds)

    def _finds(self, token: Token) -> list[Found]:
        value = token.value
        if len(value) < 2 or (len(value) >= SHORTEST and _is_coded(value)):
            return []
        finds = self._found(value)
        name = token.key
        if _ANNOUNCES.search(name, max(0, len(name) - _NEAR)) and not token.is_number:
            name = name[-_NEAR:]
            shift = len(name) + len(_LINK)
            finds += [
                Found(find.start - shift, find.end - shift, find.kind)
                for find in self._found(f"{name}{_LINK}{value[:SHORTEST]}")
                if find.start >= shift
            ]
        return merged(find for find in finds if self._wants(find.kind))

    def _found(self, text: str) -> list[Found]:
        return [find for finder in self._finders for find in finder.find(text)]


class Redacting(NamedTuple):
    """What came of redacting a request: itself where nothing was found. `left`: something is
    private that could not be replaced."""

    ask: Ask
    placeholders: Placeholders
    left: bool = False


class _Noting:
    """A finder that finds nothing and remembers what it was shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def find(self, text: str) -> Sequence[Found]:
        self.texts.append(text)
        return ()


def strings_of(ask: Ask) -> list[str]:
    """Return every text that finders are shown where a request is redacted."""
    noting = _Noting()
    Redactor((noting,), bool).redacted(ask.raw, Placeholders())
    return noting.texts


def redacting(
    ask: Ask,
    redactor: Redactor,
    wants: Wants,
    parse: Callable[[bytes], Ask],
    look: Reading,
) -> Redacting | None:
    """Redact a request, and have a second `look` at all that would leave; None where its text could
    not be read to its end.
    """
    placeholders = Placeholders()
    try:
        raw = redactor.redacted(ask.raw, placeholders)
        sent = ask if raw is ask.raw else _with_body(ask, parse(raw))
        if sent is not ask and _lost_a_number(ask, sent):
            return Redacting(ask, placeholders, left=True)
    except BadRequest:  # a number was replaced that has to be one
        return Redacting(ask, placeholders, left=True)
    except Exception:  # noqa: BLE001 # a finder of a plug-in: what it could not read is unread
        return None
    for kind in look.kinds(leaving(sent)):
        if kind == UNCLEAR:
            return None
        if wants(kind):
            return Redacting(ask, placeholders, left=True)
    return Redacting(sent, placeholders)


def _lost_a_number(ask: Ask, sent: Ask) -> bool:
    """Whether a parameter that was a number is one no longer."""
    numbers = [name for name, held in ask.body.items() if isinstance(held, int | float)]
    return any(isinstance(sent.body.get(name), str) for name in numbers)


def _with_body(ask: Ask, parsed: Ask) -> Ask:
    """The request with another body. Who asks for whom, and what is kept here, is as it was."""
    return ask._replace(
        raw=parsed.raw,
        body=parsed.body,
        members=parsed.members,
        tools=parsed.tools,
        text_bytes=parsed.text_bytes,
        prompt=parsed.prompt,
        unknown=parsed.unknown,
    )


def _edited(text: str, edits: Sequence[_Edit], placeholders: Placeholders) -> str:
    parts: list[str] = []
    at = 0
    for token, finds, inner in edits:
        value = (
            _edited(token.value, inner, placeholders)
            if inner
            else placeholders.redacted(token.value, finds)
        )
        parts += text[at : token.start], written(value)
        at = token.end
    parts.append(text[at:])
    return "".join(parts)


def is_json(text: str) -> bool:
    """Whether a text is a list or an object of JSON."""
    if _BEGINS.match(text) is None:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_coded(value: str) -> bool:
    """Whether it is a picture or the like, or a seal: bytes that are no text."""
    return not b"".join(without_media(value.encode("utf-8", "replace")))
