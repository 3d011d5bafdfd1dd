"""The OpenAPI document of the API itself."""

from typing import Any, Final

from fastapi import Request
from pydantic import RootModel
from starlette.responses import Response

from router.admin.document import document_text
from router.admin.routing import ACTION, AdminRoutes

routes: Final = AdminRoutes("document")


class Document(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


async def get_document(request: Request) -> Response:
    """This document."""
    return Response(document_text(request.app), media_type="application/json")


routes.add_api_route(
    "/openapi.json",
    get_document,
    methods=["GET"],
    response_model=Document,
    openapi_extra={ACTION: "document.read"},
    operation_id="get_document",
)
