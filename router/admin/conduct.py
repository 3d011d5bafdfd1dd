"""How a handler is run: on a thread, in one transaction, once for each `Idempotency-Key`."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any, Final

from fastapi import Response

from router.admin.call import Answer, Call, not_modified, replayed, response_of
from router.admin.kept_answers import Claim, KeptAnswer, KeyReused, StillRunning
from router.admin.problems import Problem
from router.database import DatabaseError

Handler = Callable[..., Answer]
_REUSED: Final = "This Idempotency-Key came with another request before; use a fresh one."
_RUNNING: Final = "The request with this Idempotency-Key is being worked on; ask again in a moment."


def conduct(handler: Handler, given: Mapping[str, Any], *, alone: bool) -> Response:
    """Run a handler and answer. `alone`: it makes its transactions itself."""
    call: Call = given["call"]
    if call.method == "GET":
        answer = handler(**given)
        return not_modified(answer) if call.unchanged(answer) else response_of(answer)
    if call.method == "POST" and call.idempotency_key is not None:
        return _once(call, call.idempotency_key, handler, given, alone=alone)
    with _transaction(call, alone=alone):
        answer = handler(**given)
    return response_of(answer)


def _once(
    call: Call, key: str, handler: Handler, given: Mapping[str, Any], *, alone: bool
) -> Response:
    kept = call.parts.stores.answers
    claim = _claimed(call, key)
    if isinstance(claim, KeptAnswer):
        return replayed(claim.status, dict(claim.headers), claim.body)
    try:
        with _transaction(call, alone=alone):
            answer = handler(**given)
            kept.finish(claim, KeptAnswer(answer.status, answer.headers(), answer.body()))
    except StillRunning:
        raise Problem(409, "idempotency_running", _RUNNING) from None
    except BaseException:
        with suppress(DatabaseError):
            kept.abandon(claim)
        raise
    return response_of(answer)


def _claimed(call: Call, key: str) -> Claim | KeptAnswer:
    try:
        return call.parts.stores.answers.claim(
            call.who.credential, key, call.asked, call.who.secret
        )
    except KeyReused:
        raise Problem(422, "idempotency_key_reused", _REUSED) from None
    except StillRunning:
        headers = (("retry-after", "1"),)
        raise Problem(409, "idempotency_running", _RUNNING, headers=headers) from None


def _transaction(call: Call, *, alone: bool) -> Any:
    return nullcontext() if alone else call.parts.stores.database.together()
