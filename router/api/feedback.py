"""POST /v1/feedback: a customer says how good an answer was."""

import asyncio
import time
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router.errors import BadRequest, NotFound, PayloadTooLarge
from router.pipeline.gateway import Gateway

_MOST: Final = 10_000  # bytes of a body

router: Final = APIRouter()


class Feedback(BaseModel):
    """What is sent: the id of `x-turnout-decision`, and a score from 0 (useless) to 1 (good)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    decision: str = Field(pattern=r"^[0-9a-f]{32}$")
    score: float = Field(ge=0, le=1, allow_inf_nan=False)


async def _opinion(request: Request) -> Feedback:
    """Read the body, as much of it as an opinion may have. Raises BadRequest, PayloadTooLarge."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST:
            raise PayloadTooLarge(f"An opinion has at most {_MOST} bytes.")
    try:
        return Feedback.model_validate_json(bytes(body))
    except ValidationError as error:
        places = {".".join(str(part) for part in item["loc"]) for item in error.errors()}
        raise BadRequest(
            'Send {"decision": "the id of x-turnout-decision", "score": 0 to 1}. Wrong: '
            f"{', '.join(sorted(places)) or 'the body'}.",
            param=min(places) or None,
        ) from None


@router.post("/v1/feedback", status_code=202)
async def feedback(request: Request) -> dict[str, object]:
    """Keep an opinion. A key can judge the decisions of its own organization only."""
    gateway: Gateway = request.app.state.gateway
    header = request.headers.get("authorization")
    principal = gateway.authenticator.authenticate(header.encode("latin-1") if header else None)
    opinion = await _opinion(request)
    await gateway.recorder.flush()
    known = await asyncio.to_thread(
        gateway.outcomes.judge,
        opinion.decision,
        opinion.score,
        organization=principal.organization,
        source="feedback",
        by=principal.key_id,
        at=time.time_ns() // 1_000_000,
    )
    if not known:
        raise NotFound(
            "There is no such decision of yours, or it is too old to be judged.",
            param="decision",
            code="decision_not_found",
        )
    return {"decision": opinion.decision, "accepted": True}
