"""The observer that remembers what a limit refused."""

import pytest
from fakes.finished import finished_of

from router.errors import LimitExceeded, UpstreamFailed
from router.pipeline.observers.refused import remembers_refusals
from router.pipeline.refused_lately import Refusals

HEADERS = (("retry-after-ms", "900"), ("x-turnout-limit", "key:requests_per_minute"))
OVER = LimitExceeded("No more.", headers=HEADERS)


@pytest.mark.parametrize(("error", "known"), [(OVER, True), (UpstreamFailed("No."), False)])
async def test_a_refusal_of_a_limit_is_remembered_for_who_asked(error, known):
    refusals, finished = Refusals(), (await finished_of())._replace(error=error)
    remembers_refusals(refusals)(finished)
    context = finished.context
    asker = (context.principal, context.ask.user or "", context.ask.model)
    if known:
        with pytest.raises(LimitExceeded):
            refusals.check(*asker)
    else:
        refusals.check(*asker)
