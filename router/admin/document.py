"""The OpenAPI document: what FastAPI finds, and what each route has besides."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from policies.headers import PREFIX
from router.admin.problems import MEDIA_TYPE, ProblemDocument
from router.admin.rights import RIGHTS
from router.admin.routing import ACTION

_ABOUT: Final = (
    "Customers, keys, limits and credits of a Turnout gateway, and what is in force on it. "
    "docs/admin.md begins with five recipes."
)
_PROBLEM: Final = "#/components/schemas/ProblemDocument"
_STATUSES: Final = {
    "400": "The request is not one that can be read.",
    "401": "No credential, or none that works.",
    "403": "The credential's role or scope does not allow this.",
    "404": "There is no such thing, or none that this credential may see.",
    "409": "It is in the way of what is there, or the same request is being worked on.",
    "412": "It was changed since it was read.",
    "413": "The body is too large.",
    "422": "Something in the request cannot be; `errors` says which fields.",
    "428": "If-Match is missing.",
    "429": "Too many wrong credentials from this address.",
    "503": "The database or the ledger does not answer; nothing was changed.",
}
_ONLY_SOME: Final = {
    "409": {"post"},
    "412": {"put", "patch", "delete"},
    "428": {"put", "patch", "delete"},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what was read, or `*` for any version.",
    "schema": {"type": "string", "minLength": 1},
}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Within a day, the same request with it is done once, and answered alike.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
}
_ETAG: Final = {
    "description": "The version, for If-Match and If-None-Match; where it is of one thing.",
    "schema": {"type": "string"},
}


def document_of(application: FastAPI) -> dict[str, Any]:
    """The document of an application, made once."""
    if application.openapi_schema is None:
        made = get_openapi(
            title=application.title,
            version=application.version,
            description=_ABOUT,
            routes=application.routes,
        )
        application.openapi_schema = _finished(made)
    return application.openapi_schema


def document_text(application: FastAPI) -> str:
    """The document as it is committed."""
    return orjson.dumps(document_of(application), option=orjson.OPT_INDENT_2).decode() + "\n"


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["ProblemDocument"] = problem
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"bearer": []}]
    for method, operation in _operations(document):
        _complete(method, operation)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in document["paths"].values():
        yield from item.items()


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Say what every route has: its problems, its rights, its headers."""
    responses = operation["responses"]
    for status, told in _STATUSES.items():
        if method in _ONLY_SOME.get(status, {method}):
            responses[status] = {
                "description": told,
                "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}}},
            }
    everywhere, within = RIGHTS[operation[ACTION]]
    operation[f"{PREFIX}roles"] = {
        "everywhere": sorted(everywhere),
        "within one organization": sorted(within),
    }
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        parameters.append(_IDEMPOTENCY)
    elif method in _ONLY_SOME["412"]:
        parameters.append(_IF_MATCH)
    if not parameters:
        del operation["parameters"]
