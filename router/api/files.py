"""/v1/files, /v1/batches and /v1/messages/batches: what customers keep at backends that offer it.

At /v1/files answer both OpenAI's and Anthropic's: whoever sends `anthropic-version` is meant the
latter.
"""

from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from router.api.authorized import principal_of
from router.api.envelopes import is_anthropics
from router.api.gateway import Gateway
from router.api.rest_body import read_body
from router.errors import NotFound, UnsupportedCoding
from router.files.desk import Asker, asker_of
from router.files.services import FileServices
from router.files.shelf import Page, pieces
from router.pipeline.response_headers import BACKEND
from router.protocols.scan import scan
from router.protocols.splice import splice
from router.stored.owned import OwnedKind
from router.world.offered import ANTHROPIC, OPENAI

router: Final = APIRouter()
_files: Final = APIRouter()
_batches: Final = APIRouter()
_JSON: Final = "application/json"
_FILE, _BATCH = OwnedKind.FILE, OwnedKind.BATCH
_MOST_SHOWN: Final = 100  # of a page: each is asked for at the server that keeps it
_RESULTS: Final = "results_url"


class Asked(BaseModel):
    """Which page is wanted, in the words of either family."""

    limit: Annotated[int, Field(ge=1)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    after_id: str | None = None
    before_id: str | None = None
    page: str | None = None
    purpose: str = ""

    def wanted(self) -> Page:
        """The page in our words."""
        after = self.after or self.after_id or (self.page and self.page.removeprefix("page_"))
        limit = min(self.limit, _MOST_SHOWN)
        return Page(
            limit,
            after or None,
            self.before_id,
            newest_first=self.order == "desc",
            purpose=self.purpose,
        )


Query_ = Annotated[Asked, Query()]


def _services(request: Request) -> tuple[FileServices, Asker]:
    """Return what answers, and who asks. Raises Unauthenticated, NotFound."""
    principal = principal_of(request)
    gateway: Gateway = request.app.state.gateway
    fields = dict(request.headers.raw)
    family = ANTHROPIC if is_anthropics(request.scope["path"].encode(), fields) else OPENAI
    if gateway.files is None:
        error = NotFound(
            "This gateway keeps no files and runs no batches: no backend of its operator offers"
            " them (`offers`)."
        )
        error.code = None
        raise error
    return gateway.files, asker_of(principal, family, fields, request.scope["request_id"])


def _answer(request: Request, raw: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(_with_our_results(request, raw), 200, headers, media_type=_JSON)


def _with_our_results(request: Request, raw: bytes) -> bytes:
    """The same where its results are read here: a client follows the address that it is told."""
    if b'"results_url"' not in raw:
        return raw
    told = orjson.loads(raw)
    if "data" in told:
        for each in told["data"]:
            if each.get(_RESULTS):
                each[_RESULTS] = _results_at(request, each["id"])
        return orjson.dumps(told)
    if not told.get(_RESULTS):
        return raw
    address = orjson.dumps(_results_at(request, told["id"]))
    return splice(raw, scan(raw), {_RESULTS: address})


def _results_at(request: Request, id_: str) -> str:
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    scheme = scheme if scheme in ("http", "https") else request.url.scheme
    return f"{scheme}://{request.url.netloc}/v1/messages/batches/{id_}/results"


@_files.post("")
async def upload(request: Request) -> Response:
    """Keep a file."""
    services, asker = _services(request)
    if "content-encoding" in request.headers:
        raise UnsupportedCoding("Files are taken as they are, not compressed.")
    kind = request.headers.get("content-type", "")
    return _answer(request, await services.uploads.upload(asker, kind, request.stream()))


@_files.get("")
async def list_files(request: Request, asked: Query_) -> Response:
    """List the organization's files."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.listed(asker, _FILE, asked.wanted()))


@_files.get("/{id_}")
async def show_file(request: Request, id_: str) -> Response:
    """Show a file."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.show(asker, _FILE, id_))


@_files.get("/{id_}/content")
async def read_file(request: Request, id_: str) -> Response:
    """Give what is in a file."""
    return await _content(request, _FILE, id_, "/content")


@_files.delete("/{id_}")
async def erase_file(request: Request, id_: str) -> Response:
    """Erase a file."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.erase(asker, _FILE, id_))


async def _content(request: Request, kind: OwnedKind, id_: str, path: str) -> Response:
    services, asker = _services(request)
    answer = await services.shelf.content(asker, kind, id_, path)
    length = answer.header("content-length")
    return StreamingResponse(
        pieces(answer),
        media_type=answer.header("content-type") or "application/octet-stream",
        headers={"content-length": length} if length else None,
    )


@_batches.post("")
async def begin_batch(request: Request) -> Response:
    """Begin a batch."""
    services, asker = _services(request)
    raw, headers, backend = await services.batches.create(asker, await read_body(request))
    return _answer(request, raw, {**dict(headers), BACKEND: backend})


@_batches.get("")
async def list_batches(request: Request, asked: Query_) -> Response:
    """List the organization's batches."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.listed(asker, _BATCH, asked.wanted()))


@_batches.get("/{id_}")
async def show_batch(request: Request, id_: str) -> Response:
    """Show a batch."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.show(asker, _BATCH, id_))


@_batches.post("/{id_}/cancel")
async def cancel_batch(request: Request, id_: str) -> Response:
    """Cancel a batch."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.cancel(asker, id_))


@router.get("/v1/messages/batches/{id_}/results")
async def read_results(request: Request, id_: str) -> Response:
    """Give the results of a batch."""
    return await _content(request, _BATCH, id_, "/results")


@router.delete("/v1/messages/batches/{id_}")
async def erase_batch(request: Request, id_: str) -> Response:
    """Erase a batch that ended."""
    services, asker = _services(request)
    return _answer(request, await services.shelf.erase(asker, _BATCH, id_))


for _base in ("/v1", "", "/openai/v1"):  # as for inference
    router.include_router(_files, prefix=f"{_base}/files")
    router.include_router(_batches, prefix=f"{_base}/batches")
router.include_router(_batches, prefix="/v1/messages/batches")
