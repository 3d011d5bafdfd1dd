"""No operator can declare a path that the gateway itself answers."""

import re

import pytest
from fakes.gateway import FakeGateway
from fastapi.routing import APIRoute

from router.api.rest import public_application
from router.operations.paths import ROUTES
from router.operations.reserved import reserved_by

_REST = [
    route.path
    for route in public_application(FakeGateway().gateway).routes
    if isinstance(route, APIRoute)
]
PATHS = sorted({*_REST, *(path.decode().rstrip("/") for path in ROUTES)})


@pytest.mark.parametrize("path", PATHS)
def test_every_path_that_is_served_is_reserved(path: str) -> None:
    said = re.sub(r"\{[^}]*\}(:\w+)?", "x", path)
    assert reserved_by(said)
    last = said.rsplit("/", 1)[0]
    assert reserved_by(f"{last}/{{any}}")


@pytest.mark.parametrize(
    "path", ["/v1/ocr", "/v1/messages/batches/{id}", "/api/{any}", "/v1/files"]
)
def test_other_paths_are_free(path: str) -> None:
    assert reserved_by(path) is None
