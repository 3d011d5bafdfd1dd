"""Liveness, readiness and metrics."""

from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from router.api.gateway import Gateway

router: Final = APIRouter()
_METHODS: Final = ["GET", "HEAD"]


@router.api_route("/health", methods=_METHODS)
@router.api_route("/livez", methods=_METHODS)
async def livez() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "ok"}


@router.api_route("/readyz", methods=_METHODS)
async def readyz(request: Request, response: Response) -> dict[str, object]:
    """Say whether requests would be served: 200, or 503 with the part that is missing."""
    gateway: Gateway = request.app.state.gateway
    ledger = await gateway.ledger.ping()
    watch = gateway.watch
    lost, clock = (None, None) if watch is None else (watch.trouble, watch.clock_trouble)
    ready = gateway.ready and ledger and (lost is None or gateway.ready_without)
    response.status_code = 200 if ready else 503
    return {
        "status": "ready" if ready else "not ready",
        "ledger": (lost or clock or "ok") if ledger else "no answer",
        "policy": gateway.serving.snapshot.policy.version,
        "classifier": gateway.classifier.version,
    }


@router.api_route("/metrics", methods=_METHODS)
async def metrics(request: Request) -> Response:
    """Return the Prometheus text format, of all workers with the label `worker`."""
    gateway: Gateway = request.app.state.gateway
    worker_metrics = gateway.worker_metrics
    text = await worker_metrics.exposition() if worker_metrics else gateway.metrics.exposition()
    return Response(text, media_type=CONTENT_TYPE_LATEST)
