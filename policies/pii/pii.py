"""Personal data and secrets in a text: a small set of detectors, for `request.pii`.

Theory of operation: each detector begins with something rare that is found at the speed of a plain
search (an `@`, a run of digits, a key's prefix), and looks closer only there; what has a checksum
is checked. What is found is only ever named (`email`, `card`), never returned.

Limits, on purpose: no names of people, no postal addresses, no dates of birth, no health data, no
images; telephone numbers only with a country code or in a written-out national form; national ids
of seven countries; secrets only of known shapes or beside a word such as `password`. Text that was
altered to hide (spelled-out digits, base64) is not found. It is a net, not a proof: a route that
must never leak has only candidates of one's own. A text with over MOST_LOOKS places that might be a
number of a person (a long log, say) is not read to its end: it counts as `unclear`, so as private.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import repeat
from typing import Any, Final, NamedTuple

from policies import plugins
from policies.pii.checksums import br_cpf, card, ch_ahv, es_dni, fr_nir, iban, us_ssn
from policies.pii.detector import Detector
from policies.plugins import Extended

DETECTORS: Final = Extended(plugins.DETECTORS, dict[str, Detector](), Detector)
_PLUGGED: Final = bool(len(DETECTORS))
_detectors = cache(DETECTORS.load)


def may_contain_pii(texts: Iterable[str]) -> bool:
    """Whether it is worth looking for personal data at all: a millisecond a megabyte, never False
    where `contains_pii` is True. Most prompts hold no digit, no `@` and no beginning of a key.
    """
    together = "\n".join(texts)  # no detector's beginning spans a line
    return _begins_key(together) or _may_hold_another(together)


def _may_hold_another(text: str) -> bool:
    """Whether anything but a key may stand in it."""
    if "@" in text or _has_digit(text):
        return True
    return _PLUGGED and any(detector.may_find(text) for _, detector in _detectors())


def contains_pii(texts: Iterable[str]) -> bool:
    """Whether any text holds personal data or a secret; stops at the first find."""
    every = list(texts)
    together = "\n".join(every)
    keys = _begins_key(together)
    if not (keys or _may_hold_another(together)):
        return False
    # Most of a conversation's texts are words such as roles and names of tools.
    if not _PLUGGED:
        every = [t for t in every if len(t) > _WORD or not _BEGINNINGS.isdisjoint(t)]
    return any(True for text in every for _ in _kinds_in(text, keys=keys))


def kinds(texts: Iterable[str]) -> frozenset[str]:
    """Which kinds of personal data and secrets the texts hold."""
    return frozenset(kind for text in texts for kind in _kinds_in(text))


def texts_of(value: object) -> list[str]:
    """Every text inside a JSON value (keys and `data:` addresses left out): all of a prompt.

    Exact types, and the addresses looked for at the end: an agent's messages hold thousands of
    values, and this takes half the time.
    """
    texts: list[str] = []
    waiting: list[Any] = [value]
    for item in waiting:  # which grows meanwhile
        kind = type(item)
        if kind is str:
            texts.append(item)
        elif kind is dict:
            waiting += item.values()
        elif kind is list:
            waiting += item
    if any(map(str.startswith, texts, repeat("data:"))):
        return [text for text in texts if not text.startswith("data:")]
    return texts


def plain_texts_of(value: object) -> list[str] | None:
    """The texts where every message holds nothing but texts, as most do; None where it is not so.
    The looks at each text stay in C, which takes a third of the time.
    """
    if not isinstance(value, list):
        return None
    values: list[Any] = []
    for message in value:
        if not isinstance(message, dict):
            return None
        values += message.values()
    plain = _TEXT.issuperset(map(type, values))
    return values if plain and not any(map(str.startswith, values, repeat("data:"))) else None


def _kinds_in(text: str, *, keys: bool = True) -> Iterator[str]:
    """The kind of every find, the quickest detectors first; not `keys`: no key begins there."""
    if "@" in text and _EMAIL.search(text):
        yield "email"
    if (keys and _key(text)) or _named_secret(text):
        yield "secret"
    for kind, detector in _detectors() if _PLUGGED else ():
        if detector.may_find(text) and detector.finds(text):
            yield kind
    if not _has_digit(text):
        return
    if _digits_in(text) >= _FEWEST_DIGITS:
        yield from _judged(text, _digit_runs(text), _NUMBERS)
    yield from _judged(text, _lettered(text), _LETTERED)


def _has_digit(text: str) -> bool:
    return any(map(text.__contains__, _DIGITS))  # `map` stays in C: ten looks, no loop


def _digits_in(text: str) -> int:
    ascii_bytes = text.encode("ascii", "ignore")
    return len(ascii_bytes) - len(ascii_bytes.translate(None, b"0123456789"))


def _begins_key(text: str) -> bool:
    """Whether the prefix of some key stands in the text; looks only around rare characters."""
    for rare in filter(text.__contains__, _AROUND):  # noqa: SIM110 - `any` takes a generator a text
        if _AROUND[rare].search(text):
            return True
    return False


def _key(text: str) -> bool:
    """A key of a known shape."""
    if not _begins_key(text):
        return False
    return any(prefix in text and pattern.search(text) for prefix, pattern in _SECRETS)


class Shape(NamedTuple):
    """How a kind of number is written, and what a match must satisfy."""

    kind: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]


def _judged(
    text: str, spans: Iterator[tuple[int, int]], shapes: tuple[Shape, ...]
) -> Iterator[str]:
    for looks, (start, end) in enumerate(spans):
        if looks >= MOST_LOOKS:
            yield "unclear"
            return
        window = text[max(0, start) : end]
        for shape in shapes:
            if any(shape.valid(match[0]) for match in shape.pattern.finditer(window)):
                yield shape.kind


def _digit_runs(text: str) -> Iterator[tuple[int, int]]:
    """Spans that may be a card, a telephone number or a national id, with two characters around.

    A plain number, long decimals included, is passed over at once.
    """
    for match in _RUN.finditer(text):
        run = match[0]
        digits = len(run) - len(run.translate(_NO_DIGITS))
        if digits >= 13 or (digits >= 8 and _SEPARATOR.search(run.strip())):
            yield match.start() - 2, match.end() + 2


def _lettered(text: str) -> Iterator[tuple[int, int]]:
    """Spans that may be an IBAN or an id with letters.

    Both patterns begin with a digit, for the search passes over everything else quickly; the
    letters are looked for behind it. A window has room for the longest IBAN of whatever begins
    within 12 characters, so that text made of such beginnings is still read in linear time.
    """
    reached = 0
    for match in _DIGITS_AFTER_LETTERS.finditer(text):
        start = match.start() - (3 if text[match.start() - 1] == " " else 2)
        if start >= reached:
            reached = start + 12
            yield start - 10, start + 60
    for match in _DIGITS_THEN_LETTER.finditer(text):
        yield match.start() - 1, match.end() + 1


def _named_secret(text: str) -> bool:
    """A value of letters and digits beside a word that announces a secret."""
    if not (":" in text or "=" in text) or not _has_digit(text):
        return False
    lowered = text.lower()
    for word in filter(lowered.__contains__, _ANNOUNCING):
        place = lowered.find(word)
        while place >= 0:
            value = _VALUE.match(lowered, place + len(word))
            if value and any(c.isdigit() for c in value[1]) and any(c.isalpha() for c in value[1]):
                return True
            place = lowered.find(word, place + len(word))
    return False


def _always(_match: str) -> bool:
    return True


def _phone(text: str) -> bool:
    return 8 <= sum(char.isdigit() for char in text) <= 15


def _secret(prefix: str, rest: str) -> tuple[str, re.Pattern[str]]:
    """A key that begins with a literal, which is what makes the search quick."""
    literal = re.escape(prefix)
    return prefix, re.compile(rf"{literal}(?<![A-Za-z0-9_]{literal}){rest}")


MOST_LOOKS: Final = 20_000  # closer looks at one text: some tenths of a second at most

_TEXT: Final = frozenset((str,))
_EMAIL: Final = re.compile(
    r"@(?<=[A-Za-z0-9_%+-]@)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b"
)
_SECRETS: Final = (
    _secret("sk-", r"[A-Za-z0-9_-]{20,200}"),
    _secret("sk_live_", r"[A-Za-z0-9]{16,99}"),
    _secret("rk_live_", r"[A-Za-z0-9]{16,99}"),
    _secret("ghp_", r"[A-Za-z0-9]{30,99}"),
    _secret("gho_", r"[A-Za-z0-9]{30,99}"),
    _secret("ghs_", r"[A-Za-z0-9]{30,99}"),
    _secret("github_pat_", r"[A-Za-z0-9_]{22,99}"),
    _secret("glpat-", r"[A-Za-z0-9_-]{20,99}"),
    _secret("AKIA", r"[A-Z0-9]{16}\b"),
    _secret("ASIA", r"[A-Z0-9]{16}\b"),
    _secret("AIza", r"[A-Za-z0-9_-]{35}"),
    _secret("xoxb-", r"[A-Za-z0-9-]{20,99}"),
    _secret("xoxp-", r"[A-Za-z0-9-]{20,99}"),
    _secret("xoxa-", r"[A-Za-z0-9-]{20,99}"),
    _secret("hf_", r"[A-Za-z0-9]{30,99}"),
    _secret("npm_", r"[A-Za-z0-9]{36}"),
    _secret("pypi-", r"[A-Za-z0-9_-]{50,250}"),
    _secret("tnt_", r"[A-Za-z0-9_-]{24,99}"),
    _secret("SG.", r"[A-Za-z0-9_-]{20,30}\.[A-Za-z0-9_-]{30,60}"),
    _secret("AGE-SECRET-KEY-1", r"[A-Z0-9]{50,70}"),
    _secret("eyJ", r"[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}"),
    ("-----BEGIN", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
)


def _around(prefixes: Iterable[str]) -> dict[str, re.Pattern[str]]:
    """Rare character -> a pattern that finds the prefixes with it, beginning at the character.

    A search for one character runs at the speed of memory; one for many words does not.
    """
    endings: dict[str, list[str]] = {}
    for prefix in prefixes:
        rare = next(char for char in "_-JKGzS" if char in prefix)
        before, after = prefix[: prefix.index(rare) + 1], prefix[prefix.index(rare) + 1 :]
        endings.setdefault(rare, []).append(f"(?<={re.escape(before)}){re.escape(after)}")
    return {rare: re.compile(re.escape(rare) + f"(?:{'|'.join(f)})") for rare, f in endings.items()}


_ANNOUNCING: Final = ("password", "passwd", "secret", "api_key", "apikey", "api-key", "token")
_AROUND: Final = _around(prefix for prefix, _ in _SECRETS)
_VALUE: Final = re.compile(
    r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?([a-z0-9+/_=.~!@#%^&*-]{12,200})(?![a-z0-9(\[{])"
)

_DIGITS: Final = "0123456789"
_WORD: Final = 24  # characters: for longer texts other looks are quicker
_BEGINNINGS: Final = frozenset(("@", *_DIGITS, *_AROUND))  # every find holds one of these
_FEWEST_DIGITS: Final = 8  # of anything in _NUMBERS
_NO_DIGITS: Final = str.maketrans("", "", "0123456789")
_RUN: Final = re.compile(r"[0-9+(][0-9 .()/+-]{6,}")
_SEPARATOR: Final = re.compile(r"[-+ /()]")
_NUMBERS: Final = (
    Shape(
        "card",
        re.compile(
            r"(?<![0-9A-Za-z.])(?<![0-9][ -])(?:[2-6][0-9]{12,18}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5}"
            r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7})(?![0-9])"
        ),
        card,
    ),
    Shape(
        "phone",  # +49 30 1234 5678; (415) 555-2671; 030/12345678
        re.compile(
            r"(?<![0-9A-Za-z])\+[1-9][0-9]{0,2}[ .(/-]{0,2}[0-9]"
            r"(?:[ .()/-]{0,2}[0-9]){6,12}(?![0-9])"
            r"|(?<![0-9A-Za-z.-])(?<![0-9] )\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[ .-][0-9]{4}"
            r"(?![0-9-])"
            r"|(?<![0-9A-Za-z.-])(?<![0-9] )\(?0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{3,8}"
            r"(?:[ -][0-9]{2,5}){0,3}(?![0-9-])"
        ),
        _phone,
    ),
    Shape(
        "national_id",  # USA
        re.compile(r"(?<![0-9-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9-])"),
        us_ssn,
    ),
    Shape(
        "national_id",  # France
        re.compile(
            r"(?<![0-9])[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9]{2}"
            r"(?: ?[0-9]{3}){2} ?[0-9]{2}(?![0-9])"
        ),
        fr_nir,
    ),
    Shape(
        "national_id",  # Brazil
        re.compile(r"(?<![0-9])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9])"),
        br_cpf,
    ),
    Shape(
        "national_id",  # Switzerland
        re.compile(r"(?<![0-9])756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}(?![0-9])"),
        ch_ahv,
    ),
)

_DIGITS_AFTER_LETTERS: Final = re.compile(r"[0-9](?:(?<=[A-Z]{2}[0-9])|(?<=[A-Z]{2} [0-9]))[0-9]")
_DIGITS_THEN_LETTER: Final = re.compile(r"[0-9][0-9]{7}-?[A-Z]")
_LETTERED: Final = (
    Shape(
        "iban",
        re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        iban,
    ),
    Shape(
        "national_id",  # Spain
        re.compile(r"(?<![0-9])[0-9]{8}-?[A-Z]\b"),
        es_dni,
    ),
    Shape(
        "national_id",  # United Kingdom
        re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b"),
        _always,
    ),
    Shape(
        "national_id",  # Italy
        re.compile(r"\b[A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z]\b"),
        _always,
    ),
)
