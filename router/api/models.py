"""GET /v1/models: what this key may put in `model`, in OpenAI's shape or in Anthropic's.

A client that sends `anthropic-version` is one of Anthropic's: it gets pages, from which it goes on
by `after_id` or back by `before_id`. Of names that are routes nothing more is known; when a model
was made is known of none, and both protocols want a time: it is 0.
"""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request

from router.api.authorized import principal_of
from router.api.envelopes import VERSION
from router.api.gateway import Gateway
from router.errors import BadRequest, NotFound

router: Final = APIRouter()
_METHODS: Final = ["GET", "HEAD"]
_BASES: Final = ("/v1/models", "/models", "/v1/v1/models")  # as for inference
_MOST, _USUAL = 1_000, 20  # names of a page
_UNKNOWN_TIME: Final = "1970-01-01T00:00:00Z"


def _entry(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "turnout"}


def _anthropic_entry(request: Request, name: str) -> dict[str, Any]:
    gateway: Gateway = request.app.state.gateway
    backend = gateway.serving.snapshot.backends.get(name)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": _UNKNOWN_TIME,
        "lifecycle": "active",
        "max_input_tokens": None if backend is None else backend.context_window,
        "max_tokens": None,
    }


def _names(request: Request) -> list[str]:
    gateway: Gateway = request.app.state.gateway
    principal = principal_of(request)
    return list(gateway.serving.snapshot.visible(principal))


def _is_anthropics(request: Request) -> bool:
    return VERSION.decode() in request.headers


async def list_models(request: Request) -> dict[str, Any]:
    """List them."""
    names = _names(request)
    if not _is_anthropics(request):
        return {"object": "list", "data": [_entry(name) for name in names]}
    page, more = _page(request, names)
    return {
        "data": [_anthropic_entry(request, name) for name in page],
        "has_more": more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _page(request: Request, names: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The names of the page that is asked for, and whether there are more that way."""
    asked = request.query_params
    limit = asked.get("limit", str(_USUAL))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= _MOST):
        raise BadRequest(f"limit: expected an integer from 1 to {_MOST}", param="limit")
    size = int(limit)
    if "before_id" in asked:
        end = _place(names, asked["before_id"], "before_id")
        return names[max(0, end - size) : end], end > size
    start = _place(names, asked["after_id"], "after_id") + 1 if "after_id" in asked else 0
    return names[start : start + size], start + size < len(names)


def _place(names: Sequence[str], name: str, param: str) -> int:
    if name not in names:
        raise BadRequest(f"{param}: there is no such model", param=param)
    return names.index(name)


async def one_model(request: Request, name: str) -> dict[str, Any]:
    """Describe one. Raises NotFound."""
    if name not in _names(request):
        raise NotFound(f"The model '{name}' does not exist or you do not have access to it.")
    return _anthropic_entry(request, name) if _is_anthropics(request) else _entry(name)


for _base in _BASES:
    router.add_api_route(_base, list_models, methods=_METHODS)
    router.add_api_route(f"{_base}/{{name:path}}", one_model, methods=_METHODS)
