"""What of a server's words may be passed on: to the client that asked, and to the operator's log.

The client sent the prompt and may read what was said of it, without credentials, accounts and
addresses of ours. A log may hold neither prompts nor answers, and servers quote both in their
errors: so the log gets a server's own words only of failures that come before any answer and are
the operator's to mend, and of these no word that stands in the request.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

import orjson

from router.ask import Ask
from router.protocols.ahead import LARGE, outline_of

LONGEST: Final = 1000  # characters for a client
LOGGED: Final = 200  # characters for a log
_AT_ONCE: Final = 1_000_000  # bytes of a large request
_KEYS: Final = re.compile(
    r"""(?ix)
    \bbearer\s+[^\s,;"']+
    | \b(?:sk|pk|rk|gsk|xai|fw|hf|r8|nvapi|pplx|csk|tgp|key|api-?key)[-_][\w*.…-]{6,}
    | \bAIza[\w*.-]{6,} | \bya29\.[\w.-]+ | \bA(?:KIA|SIA)[A-Z0-9*]{8,} | \beyJ[\w-]{8,}[\w.-]*
    | [\w-]*\*{3,}[\w*-]*
    | \b(?=\w{0,60}\d)(?=\w{0,60}[a-z])\w{32,} | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b
    """
)
_ACCOUNTS: Final = re.compile(
    r"\b(?:org|organization|proj|project|team|acct|wrkspc|user)[-_](?=\w*\d)\w{6,}\b", re.IGNORECASE
)
_URL: Final = re.compile(r"\b(https?)://([^\s\"'<>)\]]+)", re.IGNORECASE)
_IP: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\blocalhost(?::\d+)?\b")
_WORD: Final = re.compile(r"[^\W_]+")
# Words without which no sentence can be read; a prompt that holds them gives nothing away by it.
_PLAIN: Final = frozenset(
    [
        *("a", "an", "and", "api", "are", "as", "at", "be", "by", "for", "from", "has", "have"),
        *("in", "is", "it", "key", "model", "no", "not", "of", "on", "or", "our", "that", "the"),
        *("this", "to", "was", "will", "with", "you", "your"),
    ]
)
_NAME: Final = re.compile(r"[\w.:/\-]{1,64}")


def for_client(message: str, base_url: str, secrets: Sequence[str] = ()) -> str:
    """The message for whoever asked: bounded, one line, without keys, accounts, our addresses."""
    text = " ".join(message[: 2 * LONGEST].split())
    for secret in filter(None, secrets):
        text = text.replace(secret, "[key]")
    text = _KEYS.sub("[key]", text)
    text = _ACCOUNTS.sub("[account]", text)
    text = _URL.sub(_public, text)
    text = _IP.sub("[address]", text)
    host = urlsplit(base_url).hostname
    if host:
        text = text.replace(host, "[backend]")
    return "".join(one for one in text if one.isprintable())[:LONGEST].strip()


def for_operator(message: str, request_text: str | None) -> str:
    """A message that `for_client` gave, without any word that the request holds too.

    `request_text` is what the request says, see `text_of_request`; None: any word may be of it.
    Words beyond ASCII are left out: where no blank divides them, nobody could tell a server's from
    the request's.
    """

    def shown(word: re.Match[str]) -> str:
        lower = word[0].lower()
        if lower in _PLAIN:
            return word[0]
        own = request_text is not None and lower.isascii() and lower not in request_text
        return word[0] if own else "…"

    return _WORD.sub(shown, message[:LOGGED])


def name_for_operator(name: str | None, request_text: str | None) -> str:
    """A code or a type for the log: only what looks like one, and does not stand in the request."""
    if not name or not _NAME.fullmatch(name) or request_text is None:
        return ""
    if name.lower() in request_text:
        return ""
    return "" if _KEYS.search(name) else name


def echoes(ask: Ask, piece: str) -> bool:
    """Whether the request itself says this piece of an error, which is in lower case.

    Of a large request it is enough that it has all of its words somewhere, or escapes in which they
    might hide; that takes long, and is to be asked beside the event loop (`refusals`).
    """
    request_text = text_of_request(ask)
    if request_text is not None:
        return all(part in request_text for part in piece.split(" ... "))
    if b"\\u" in outline_of(ask.raw, ask.members):
        return True
    return _has_all(ask.raw, [word.encode() for word in piece.replace(" ... ", " ").split()])


def _has_all(raw: bytes, words: Iterable[bytes]) -> bool:
    """Whether a large body has each of these words in lower or upper case; looked through piece by
    piece, so that others have their turns at the interpreter."""
    left = set(words)
    overlap = max(map(len, left), default=0)
    for at in range(0, len(raw), _AT_ONCE):
        if not left:
            return True
        said = raw[at : at + _AT_ONCE + overlap].lower()
        left = {word for word in left if word not in said}
    return not left


def text_of_request(ask: Ask) -> str | None:
    """All that the request says, in lower case and on one line; None where that is too much to be
    put together while others wait. Not for the path of requests that go well: it walks the whole
    body."""
    if len(ask.raw) > LARGE:
        return None
    text = orjson.dumps(ask.body).decode()
    if ask.unredacted is not None:
        text += orjson.dumps(ask.unredacted[1].body).decode()
    for escaped in ("\\n", "\\r", "\\t"):
        text = text.replace(escaped, " ")
    return " ".join(text.replace("\\", "").lower().split())


def _public(url: re.Match[str]) -> str:
    """A provider's page as it is, without its query; the address of a machine not."""
    host = url[2].split("/", 1)[0]
    if "@" in host or ":" in host or "." not in host or host.replace(".", "").isdigit():
        return "[address]"
    return f"{url[1]}://{url[2].split('?', 1)[0]}"
