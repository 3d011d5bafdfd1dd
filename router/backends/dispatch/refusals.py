"""From an answer that is an error to the failure of a try, in words that may be passed on."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

from router.ask import Ask
from router.backends.credentials.authorizing import CredentialFailed
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_error
from router.backends.dispatch.causes import cause_of
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.backends.dispatch.waits import is_used_up, rest_asked_for
from router.backends.dispatch.words import echoes, for_client
from router.backends.health.health import DeploymentState
from router.backends.transport.transport import ConnectFailed, TransportError, TransportTimeout
from router.protocols.beside import beside_if_large
from router.protocols.passage import ErrorInside, MalformedReply

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_LIMITED: Final = frozenset({Kind.RATE_LIMITED, Kind.QUOTA})
# What a declared operation's path names is not there, or not so: no address of the operator's is
# wrong, and nobody is busy.
_OF_WHAT_IS_ASKED_FOR: Final = frozenset({404, 405, 409})
_AWS_TYPE: Final = "x-amzn-errortype"  # where AWS names the cause


def answer_type(headers: Mapping[str, str]) -> str:
    """The cause that a header names, in lower case; empty where none does."""
    return headers.get(_AWS_TYPE, "").partition(":")[0].lower()


def failed_by(
    status: int,
    failure: Failure,
    state: DeploymentState,
    ask: Ask,
    headers: Mapping[str, str] | None = None,
) -> AttemptFailed:
    """The failure that a server told, in words that are fit for the client.

    `headers` None: the error stood inside an answer that was well otherwise.
    """
    kind, clue = cause_of(status, failure, partial(echoes, ask))
    if ask.declared is not None and status in _OF_WHAT_IS_ASKED_FOR:
        kind = Kind.REJECTED
    fields, limited = headers or _NO_HEADERS, kind in _LIMITED
    rest = rest_asked_for(fields, failure, now=time.time(), limited=limited)
    how = f"answered {status}" if headers is not None else "answered 200 with an error inside"
    passed_on = replace(
        failure, message=for_client(failure.message, state.deployment.base_url, state.secrets)
    )
    return AttemptFailed(
        kind,
        f"{how} ({kind.value})",
        status=status,
        failure=passed_on,
        rest=rest,
        of_all=limited and is_used_up(fields),
        clue=clue,
    )


async def _error_inside(error: ErrorInside, state: DeploymentState, ask: Ask) -> AttemptFailed:
    failure = Failure("") if error.body is None else read_error(error.body)
    if not failure.message:
        failure = replace(failure, message=error.message)
    return await refused_by(error.status, failure, state, ask)


async def refused_by(
    status: int,
    failure: Failure,
    state: DeploymentState,
    ask: Ask,
    headers: Mapping[str, str] | None = None,
) -> AttemptFailed:
    """`failed_by`; a large request is looked through beside the event loop."""
    return await beside_if_large(
        len(ask.raw), partial(failed_by, status, failure, state, ask, headers)
    )


async def failure_of(
    error: TransportError | MalformedReply | ErrorInside, state: DeploymentState, ask: Ask
) -> AttemptFailed:
    """The failure that an exception of an exchange is, which lets its frames go: a connection that
    keeps its error would keep the request.
    """
    error.__traceback__ = None
    if isinstance(error, MalformedReply):
        return AttemptFailed(Kind.MALFORMED, str(error))
    if isinstance(error, ErrorInside):
        return await _error_inside(error, state, ask)
    if isinstance(error, CredentialFailed):
        return AttemptFailed(Kind.CREDENTIAL, error.reason, rest=error.rest, of_all=True)
    if isinstance(error, ConnectFailed):
        return AttemptFailed(Kind.CONNECT, error.reason)
    if isinstance(error, TransportTimeout):
        return AttemptFailed(Kind.TIMEOUT, error.reason)
    return AttemptFailed(Kind.BROKEN, error.reason)
