"""Headers that belong to a protocol: which go on with its requests, which come back with answers.

Everything else stays here: a client's other headers are the gateway's business, and a provider's
others name the operator's account and its limits.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final

Pairs = tuple[tuple[str, str], ...]
Fields = Mapping[bytes, bytes]  # names in lower case
NO_HEADERS: Final[Fields] = {}

# Of a request.
_IDEMPOTENCY: Final = b"idempotency-key"
CHAT_REQUEST: Final = frozenset({b"openai-beta", _IDEMPOTENCY})
MESSAGES_REQUEST: Final = frozenset({b"anthropic-beta", b"anthropic-version", _IDEMPOTENCY})
# Of an operation that the operator declared, whatever server has it.
DECLARED_REQUEST: Final = CHAT_REQUEST | MESSAGES_REQUEST | {b"accept", b"content-type"}
# Anthropic's, Azure's and Google's way to send a key.
_KEY_HEADERS: Final = (b"x-api-key", b"api-key", b"x-goog-api-key")
# Those of them that are lists: where a client sends several, all of them count.
LISTS: Final = frozenset({b"anthropic-beta", b"openai-beta"})
# Of an answer.
CHAT_ANSWER: Final = ("openai-processing-ms", "openai-version")
MESSAGES_ANSWER: Final = ("request-id",)
_FOREIGN: Final = re.compile(r"[^!-+\--~ ]")  # anything but printable ASCII, and commas
_LONGEST_NAME: Final = 64
_MOST_NAMES: Final = 32
_LONGEST: Final = 8_192  # characters of a value


def of_request(allowed: frozenset[bytes], fields: Fields) -> Pairs:
    """Those of a request's headers that go on, names in lower case; values that are unprintable or
    very long do not.

    An idempotency key goes on as a digest of it and the client's credential: at the provider all
    our clients are one account, and none may be told another's answer by naming its key.
    """
    if allowed.isdisjoint(fields):
        return ()
    sent = [
        (name.decode(), _scoped(fields) if name == _IDEMPOTENCY else value.decode("latin-1"))
        for name, value in fields.items()
        if name in allowed
    ]
    return tuple(pair for pair in sent if _is_safe(pair[1]))


def credential_of(fields: Fields) -> bytes | None:
    """A request's credential as an Authorization header has it, whatever header it came in."""
    sent = fields.get(b"authorization")
    if sent is not None:
        return sent
    for name in _KEY_HEADERS:
        if key := fields.get(name):
            return b"Bearer " + key
    return None


def _scoped(fields: Fields) -> str:
    """The idempotency key as it is this client's alone."""
    secret = blake2b(credential_of(fields) or b"", digest_size=32).digest()
    return blake2b(fields[_IDEMPOTENCY], key=secret, digest_size=16).hexdigest()


def of_answer(allowed: tuple[str, ...], header: Callable[[str], str]) -> Pairs:
    """Those of an answer's headers that go back; `header` gives one by its name, empty for none."""
    sent = [(name, header(name)) for name in allowed]
    return tuple(pair for pair in sent if pair[1] and _is_safe(pair[1]))


def without_those_of(operators: Pairs, sent: Pairs) -> Pairs:
    """`sent` without the headers that the operator set: the operator's word counts."""
    if not operators:
        return sent
    named = {name.lower() for name, _ in operators}
    return tuple(pair for pair in sent if pair[0] not in named)


def join_lists(fields: dict[bytes, bytes], headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Let every value count in `fields` of those of LISTS that stand several times."""
    for name in LISTS.intersection(fields):
        fields[name] = b",".join([value for known, value in headers if known == name])


def listed(names: Sequence[str]) -> str:
    """Names as one value, separated by commas; of those that clients make up, no character may
    end it or look like another name."""
    return ", ".join([_FOREIGN.sub("?", name[:_LONGEST_NAME]) for name in names[:_MOST_NAMES]])


def _is_safe(value: str) -> bool:
    return value.isascii() and value.isprintable() and len(value) <= _LONGEST
