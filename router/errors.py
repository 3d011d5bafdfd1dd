"""Everything that can go wrong for a client, as a tree.

    TurnoutError
    ├── BadRequest            400  invalid_request_error
    │   ├── MethodNotAllowed  405
    │   ├── BodyTooSlow       408
    │   ├── PayloadTooLarge   413
    │   ├── UnsupportedCoding 415
    │   └── UpgradeRequired   426
    ├── Unauthenticated       401  invalid_api_key
    ├── PermissionDenied      403
    ├── NotFound              404  model_not_found
    │   └── UnknownPath       404  unknown_url
    ├── OwnCredentialRefused  424  provider_credential_refused | provider_credential_exhausted
    ├── LimitExceeded         429  rate_limit_exceeded | insufficient_quota
    ├── UpstreamRejected      4xx  the backend refused the request itself; its status and words
    └── Unavailable           503
        ├── UpstreamFailed    502
        │   └── StreamBroken  502  after the first byte: one SSE error event
        │       └── ReadTooSlowly  by its client, until the answer's time was over
        ├── UpstreamTimeout   504
        ├── Overloaded        503  every candidate is busy or broken
        └── LedgerUnavailable 503

Each class knows its HTTP status and the `type` and `code` of OpenAI's error envelope; an instance
adds the message, the offending `param` and response headers. Messages are shown to clients: they
never hold keys, prompts or addresses of backends.
"""

from collections.abc import Sequence

Headers = Sequence[tuple[str, str]]


def retry_after(milliseconds: int) -> tuple[tuple[str, str], ...]:
    """Return the headers that say when to come back: in seconds, at least one, and exactly."""
    seconds = max(1, -(-milliseconds // 1000))
    return ("retry-after", str(seconds)), ("retry-after-ms", str(milliseconds))


class TurnoutError(Exception):
    """A failure that a client sees, in OpenAI's envelope.

    `tries` are the failures of backends that it sums up: names, and why. `noted`: the observers
    were told of it. `key_id`, `organization` and `tier` are set where a key is known and refused
    for what it is.
    """

    tries: Sequence[tuple[str, Exception]] = ()
    noted = False
    key_id: str | None = None
    organization: str | None = None
    tier = ""
    status: int = 500
    type: str = "server_error"
    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)


class BadRequest(TurnoutError):
    """The request itself is wrong; sending it again cannot help."""

    status = 400
    type = "invalid_request_error"


class MethodNotAllowed(BadRequest):
    """The path exists, but not for this method."""

    status = 405
    code = "method_not_allowed"


class BodyTooSlow(BadRequest):
    """The body did not arrive in time; nothing was reserved or sent anywhere."""

    status = 408
    code = "request_timeout"


class PayloadTooLarge(BadRequest):
    """The body is larger than the gateway accepts."""

    status = 413
    code = "payload_too_large"


class UnsupportedCoding(BadRequest):
    """The body is compressed in a way that is not taken; `accept-encoding` says which are."""

    status = 415
    code = "unsupported_content_encoding"


class UpgradeRequired(BadRequest):
    """What is served in messages only was asked for without a WebSocket."""

    status = 426
    code = "upgrade_required"


class Unauthenticated(TurnoutError):
    """The key is missing, malformed, unknown, expired or revoked: always the same words."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class PermissionDenied(TurnoutError):
    """The key is known, but its tier or the policy does not allow this."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class NotFound(TurnoutError):
    """No such model or route."""

    status = 404
    type = "invalid_request_error"
    code: str | None = "model_not_found"


class UnknownPath(NotFound):
    """Nothing is served at this path."""

    code = "unknown_url"


class LimitExceeded(TurnoutError):
    """A quota of the customer is used up; `headers` carry when to come back."""

    status = 429
    type = "requests"
    code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        type_: str = "requests",
        code: str = "rate_limit_exceeded",
        headers: Headers = (),
    ) -> None:
        super().__init__(message, code=code, headers=headers)
        self.type = type_


class OwnCredentialRefused(TurnoutError):
    """A provider refused the customer's own credential, or its account is used up: the customer
    alone can mend that, and sending it again does not."""

    status = 424
    type = "invalid_request_error"
    code: str | None = "provider_credential_refused"


class UpstreamRejected(TurnoutError):
    """The backend found the request itself wrong (a 4xx): another backend is not asked.

    `status`, `type`, `code` and `param` are the backend's; the message is bounded and holds no key.
    """

    status = 400
    type = "invalid_request_error"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, param=param, code=code)
        self.status = status
        self.type = type_


class Unavailable(TurnoutError):
    """Nothing is wrong with the request; a later try may succeed."""

    status = 503
    code = "service_unavailable"


class UpstreamFailed(Unavailable):
    """Every candidate backend failed before its first byte."""

    status = 502
    code = "upstream_failed"


class StreamBroken(UpstreamFailed):
    """A backend broke off after its first byte: too late for another one, so the stream ends in
    one error event."""

    code = "stream_broken"


class ReadTooSlowly(StreamBroken):
    """A client took so long to read its answer that the answer's time was over."""

    code = "read_too_slowly"


class UpstreamTimeout(Unavailable):
    """Every candidate backend was too slow."""

    status = 504
    code = "upstream_timeout"


class Overloaded(Unavailable):
    """Every candidate backend is full or resting after failures."""

    code = "overloaded"


class LedgerUnavailable(Unavailable):
    """The ledger does not answer, and this tier may not be served without it."""

    code = "ledger_unavailable"
