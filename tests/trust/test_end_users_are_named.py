"""A tier may ask requests to name their end user: else whoever leaves it out has no limit."""

from typing import Any

import orjson
import pytest
from fakes.caller import FakeCaller
from fakes.corridor import context_of, decided, planned
from fakes.world import FIXED, new_world

from policies.findings import DocumentError
from router.errors import BadRequest
from router.ledger.estimate import OutputHistory
from router.operations.content import parse_content
from router.operations.embedding import parse_embedding
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.pipeline.plan import plan_of

NAMED = new_world(FIXED + "tiers:\n  pro: {require: [user], per_user: {requests_per_minute: 5}}\n")
TURNS = [{"role": "user", "content": "x"}]
SAYS: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
    (parse_message, {"messages": TURNS, "max_tokens": 5}, {"metadata": {"user_id": "u"}},
     "metadata.user_id"),
    (parse_response, {"input": "x"}, {"safety_identifier": "u"}, "safety_identifier"),
    (parse_response, {"input": "x"}, {"user": "u"}, "safety_identifier"),
    (parse_embedding, {"input": "x"}, {"user": "u"}, "user"),
]  # fmt: skip


@pytest.mark.parametrize("user", [{}, {"user": ""}, {"user": None}, {"safety_identifier": ""}])
async def test_a_chat_without_its_end_user_is_refused_by_the_fields_name(user):
    with pytest.raises(BadRequest) as refused:
        await planned(FakeCaller.asking(**user), NAMED)
    assert (refused.value.status, refused.value.param) == (400, "user")
    assert refused.value.code == "user_required"


@pytest.mark.parametrize("field", ["user", "safety_identifier"])
async def test_a_chat_that_names_its_end_user_is_counted_under_that_name(field):
    plan = await planned(FakeCaller.asking(**{field: "u-1"}), NAMED)
    assert plan.reservation.end_user == "u-1"


@pytest.mark.parametrize(("parse", "body", "user", "field"), SAYS)
async def test_each_protocol_is_told_of_its_own_field(parse, body, user, field):
    context = await context_of(FakeCaller.asking(), NAMED)
    decision = decided(context)

    def plan(**more: Any) -> Any:
        ask = parse(orjson.dumps({"model": "auto"} | body | more))
        return plan_of(decision, context._replace(ask=ask), OutputHistory())

    with pytest.raises(BadRequest) as refused:
        plan()
    assert refused.value.param == field
    assert plan(**user).reservation.end_user == "u"


async def test_what_has_no_field_for_it_is_refused_and_says_so():
    context = await context_of(FakeCaller.asking(), NAMED)
    ask = parse_content(orjson.dumps({"contents": [{"parts": [{"text": "x"}]}]}), model="auto")
    with pytest.raises(BadRequest, match="no field") as refused:
        plan_of(decided(context), context._replace(ask=ask), OutputHistory())
    assert refused.value.code == "user_required"


async def test_other_tiers_ask_nobody():
    assert (await planned(FakeCaller.asking(), new_world(FIXED))).reservation.end_user is None


def test_what_nobody_can_require_is_refused_when_the_policy_is_read():
    with pytest.raises(DocumentError, match="user"):
        new_world(FIXED + "tiers:\n  pro: {require: [shoe_size]}\n")
