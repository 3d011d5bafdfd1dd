"""Errors as RFC 9457 has them: `application/problem+json`, whatever goes wrong."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, Field
from starlette.responses import Response

from router.api.request_id import new_request_id
from router.errors import TurnoutError

MEDIA_TYPE: Final = "application/problem+json"
_TYPES: Final = "urn:turnout:problem:"


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    field: Annotated[str, Field(description="Where: `limits.tokens_per_day`, `query.limit`.")]
    message: str


class ProblemDocument(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: Annotated[str, Field(description="`urn:turnout:problem:CODE`; programs look at this.")]
    title: str
    status: int
    detail: Annotated[str, Field(description="For people; the words may change.")]
    instance: Annotated[str, Field(description="The id of the request, as in `x-request-id`.")]
    errors: list[FieldError] = []


class Problem(TurnoutError):
    """A failure of the admin API. `code` ends the problem's type; `errors` are of fields."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        errors: Sequence[tuple[str, str]] = (),
        *,
        headers: Sequence[tuple[str, str]] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, headers=headers)
        self.status = status
        self.errors = tuple(errors)
        self.more = dict(more or {})


def unprocessable(field: str, message: str) -> Problem:
    """What is answered where one field cannot be."""
    return Problem(422, "invalid", f"{field}: {message}", [(field, message)])


def not_found(what: str) -> Problem:
    """What is answered where there is no such thing, or none that the caller may see."""
    return Problem(404, "not_found", f"There is no {what}.")


def document_of(error: TurnoutError, request_id: str) -> bytes:
    """The problem document of an error."""
    told = {
        "type": _TYPES + (error.code or HTTPStatus(error.status).phrase.lower().replace(" ", "_")),
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "instance": f"urn:turnout:request:{request_id}",
    }
    if isinstance(error, Problem):
        fields = [{"field": field, "message": message} for field, message in error.errors]
        told |= error.more | ({"errors": fields} if fields else {})
    elif error.param is not None:
        told["errors"] = [{"field": error.param, "message": error.message}]
    return orjson.dumps(told, default=str)


def response_of(error: TurnoutError, request_id: str = "") -> Response:
    """The answer that tells of an error."""
    body = document_of(error, request_id or new_request_id())
    return Response(body, error.status, dict(error.headers), media_type=MEDIA_TYPE)
