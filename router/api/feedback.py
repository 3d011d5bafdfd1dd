"""POST /v1/feedback: a customer says how good an answer was.

An opinion may reach another worker or replica than the answer did, before that one has stored its
decision. So a decision that is not found is looked up again, for a little longer than a recorder's
pause.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router.database import DatabaseError
from router.domain import Principal
from router.errors import BadRequest, NotFound, PayloadTooLarge, Unavailable, retry_after
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore
from router.pipeline.response_headers import DECISION

_MOST: Final = 10_000  # bytes of a body
_NAMED: Final = 3  # places that an error names, and characters of each
_SHOWN: Final = 40
_LONGEST_JUDGE: Final = 64  # characters of a judge's name in SQL
_HASHED: Final = "blake2b:"
_LOOKS: Final = (0.0, 0.25, 0.5, 0.5, 0.5, 1.0)  # seconds before each; a recorder stores after one
_UNKNOWN: Final = (
    "There is no forecast of yours with this decision id, so nothing to judge. Send the header "
    f"{DECISION} of an answer that this organization got, in time: old ones are forgotten. "
    "A request that the classifier did not score for its backend (many that name one themselves) "
    "has an id, but nothing to learn from."
)


class Feedback(BaseModel):
    """What is sent: the id of `x-turnout-decision`, and a score from 0 (useless) to 1 (good)."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    decision: str = Field(pattern=r"^[0-9a-f]{32}$")
    score: float = Field(ge=0, le=1, allow_inf_nan=False)


def parse_feedback(body: bytes) -> Feedback:
    """Read an opinion. Raises BadRequest, PayloadTooLarge."""
    if len(body) > _MOST:
        raise PayloadTooLarge(f"An opinion has at most {_MOST} bytes.")
    try:
        opinion = Feedback.model_validate_json(body)
    except ValidationError as error:
        places = {".".join(map(str, item["loc"]))[:_SHOWN] for item in error.errors()}
        raise _wrong(sorted(places)) from None
    if len(json.loads(body, object_pairs_hook=list)) != len(Feedback.model_fields):
        raise _wrong(["a name that is there twice"])
    return opinion


def _wrong(places: list[str]) -> BadRequest:
    return BadRequest(
        f'Send {{"decision": "the id of {DECISION}", "score": a number from 0 to 1}}. Wrong: '
        f"{', '.join(places[:_NAMED]).strip() or 'the body'}.",
        param=places[0] if places[0] in Feedback.model_fields else None,
    )


def judge_of(principal: Principal) -> str:
    """Whose opinion a key's is: its organization's, by its name or, if that is long, a digest."""
    name = principal.organization
    if len(name) <= _LONGEST_JUDGE:
        return name
    return _HASHED + blake2b(name.encode(), digest_size=16).hexdigest()


class Opinions:
    """Takes opinions in; `sleep` is what passes the time between two looks for a decision."""

    def __init__(
        self,
        recorder: OutcomeRecorder,
        store: OutcomeStore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._recorder = recorder
        self._store = store
        self._sleep = sleep

    async def take(self, principal: Principal, body: bytes) -> bytes:
        """Keep an opinion and return the answer to it.

        A key can judge the decisions of its own organization only, and judges for all of it: a
        second key's opinion takes the place of the first one's, and more keys weigh no more. Raises
        BadRequest, PayloadTooLarge, NotFound, Unavailable.
        """
        opinion = parse_feedback(body)
        await self._recorder.flush()
        for pause in _LOOKS:
            if pause:
                await self._sleep(pause)
            if await self._judge(principal, opinion):
                return orjson.dumps({"decision": opinion.decision, "accepted": True})
        raise NotFound(_UNKNOWN, param="decision", code="decision_not_found")

    async def _judge(self, principal: Principal, opinion: Feedback) -> bool:
        try:
            return await asyncio.to_thread(
                self._store.judge,
                opinion.decision,
                opinion.score,
                organization=principal.organization,
                source="feedback",
                by=judge_of(principal),
                at=time.time_ns() // 1_000_000,
            )
        except DatabaseError:
            raise Unavailable(
                "The database that keeps opinions does not answer. Please send it again.",
                headers=retry_after(1000),
            ) from None
