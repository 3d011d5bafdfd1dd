"""Cross-origin calls: which web pages may call the gateway from a browser, and read its answers.

Off unless the operator names origins. A page of another origin is answered like anybody else, but
without the headers that would let its script read the answer: keys are what protects the gateway.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from router.api.head import Headers
from router.backends.dialects.translated import DROPPED
from router.ledger.rate_limit_headers import SPOKE
from router.pipeline.response_headers import MEANINGS
from router.protocols.headers import CHAT_ANSWER, MESSAGES_ANSWER

ANY: Final = "*"
METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_LIMITS: Final = tuple(
    f"x-ratelimit-{what}-{of}"
    for of in ("requests", "tokens")
    for what in ("limit", "remaining", "reset")
)
# A script sees no header of an answer but these, and a few that are harmless by themselves.
EXPOSED: Final = (
    *(
        "content-disposition",
        "x-request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "allow",
    ),
    *("accept-encoding", *CHAT_ANSWER, *MESSAGES_ANSWER, *_LIMITS),
    *(*MEANINGS, SPOKE, DROPPED),
)
_WANTS: Final = b"access-control-request-method"
_NAMES: Final = b"access-control-request-headers"
_MOST_NAMES: Final = 4_096  # bytes
_VARIES: Final = ("vary", "origin")


@dataclass(frozen=True, slots=True)
class Cors:
    """What browsers are told. `origins` are exact, or ANY alone, which excludes `credentials`;
    `max_age`: seconds for which a browser need not ask again."""

    origins: frozenset[str]
    credentials: bool = False
    max_age: int = 600
    _granted: Mapping[bytes | None, Headers] = field(init=False, repr=False)
    _refused: Headers = field(init=False, repr=False)

    @classmethod
    def of(cls, origins: Iterable[str], credentials: bool, max_age: float) -> "Cors | None":
        """Return what an operator's settings come to; None where no origin is named."""
        named = frozenset(origins)
        return cls(named, credentials, int(max_age)) if named else None

    def __post_init__(self) -> None:
        """Write the headers of every origin once."""
        if self.credentials and ANY in self.origins:
            raise ValueError("credentials go to named origins only")
        exposed = ("access-control-expose-headers", ", ".join(EXPOSED))
        with_credentials = ("access-control-allow-credentials", "true")
        more = (exposed, with_credentials) if self.credentials else (exposed,)
        allowed = "access-control-allow-origin"
        everybody = ((allowed, ANY), exposed) if ANY in self.origins else (_VARIES,)
        named = {
            origin.encode(): ((allowed, origin), _VARIES, *more) for origin in self.origins - {ANY}
        }
        object.__setattr__(self, "_granted", {} if ANY in self.origins else named)
        object.__setattr__(self, "_refused", everybody)

    def headers(self, origin: bytes | None) -> Headers:
        """Return what any answer says to a page of this origin, None where it is no page's."""
        return self._granted.get(origin, self._refused)

    def allows(self, origin: bytes) -> bool:
        """Return whether pages of this origin may call."""
        return ANY in self.origins or origin in self._granted

    def preflight(self, fields: Mapping[bytes, bytes]) -> Headers | None:
        """Return the answer to a browser that asks whether it may; None where it does not ask.

        `fields` are the headers of an OPTIONS request. Whatever headers a page wants to send, it
        may: clients have dozens. A page that may not call gets no word of it.
        """
        if _WANTS not in fields or b"origin" not in fields:
            return None
        headers = self.headers(fields[b"origin"])
        if not any(name == "access-control-allow-origin" for name, _ in headers):
            return headers
        more = [
            ("access-control-allow-methods", METHODS),
            ("access-control-max-age", str(self.max_age)),
        ]
        names = fields.get(_NAMES, b"")[:_MOST_NAMES].decode("latin-1")
        if names and names.isascii() and names.isprintable():
            more.append(("access-control-allow-headers", names))
        return (*headers, *more)
