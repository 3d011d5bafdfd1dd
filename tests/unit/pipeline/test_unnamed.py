"""What a tier asks every request to say is asked for, and the header of a run is named."""

import pytest
from fakes.caller import FakeCaller, sent
from fakes.corridor import planned
from fakes.world import FIXED, new_world

from policies.headers import ASK_RUN
from router.errors import BadRequest
from router.pipeline.unnamed import USER, refuse_unnamed

NAMED = new_world(FIXED + "tiers:\n  pro: {require: [run]}\n")
BOTH = new_world(FIXED + "tiers:\n  pro: {require: [run, user], per_run: {usd: 1}}\n")


async def test_who_leaves_its_run_out_cannot_evade_the_purse_and_is_told_the_header() -> None:
    for world in (NAMED, BOTH):
        with pytest.raises(BadRequest) as refused:
            await planned(FakeCaller.asking(user="u"), world)
        assert (refused.value.status, refused.value.param) == (400, ASK_RUN)
        assert refused.value.code == "run_required"
        assert ASK_RUN in refused.value.message


async def test_a_run_in_a_header_or_the_body_is_named_and_counted_even_without_ceilings() -> None:
    by_body = FakeCaller.asking(metadata={"run_id": "r"})
    by_header = FakeCaller.asking()
    by_header.fields = sent({ASK_RUN: "r"})
    for caller in (by_body, by_header):
        plan = await planned(caller, NAMED)
        assert plan.reservation.run is not None
        assert plan.reservation.run.name == "r"
        limits = {each.dimension for each in plan.reservation.quotas if each.level == "run"}
        assert limits == {"usd", "tokens", "requests", "repeats"}  # for x-turnout-run-budget


async def test_what_is_named_already_is_not_asked_for_again() -> None:
    ask = (await planned(FakeCaller.asking(user="u", metadata={"run_id": "r"}), BOTH)).ask
    assert ask is not None
    refuse_unnamed({USER}, ask, None)


async def test_both_may_be_asked_for() -> None:
    with pytest.raises(BadRequest, match="end user"):
        await planned(FakeCaller.asking(metadata={"run_id": "r"}), BOTH)
    plan = await planned(FakeCaller.asking(metadata={"run_id": "r"}, user="u"), BOTH)
    assert plan.reservation.end_user == "u"
