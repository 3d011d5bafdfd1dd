"""How large a request would be: asked of the backend it would go to, else estimated.

The request is gathered and decided like any other, so that a private one goes nowhere it may not,
and is then not sent. The first backend of the decision is asked, since that is who would serve: the
size at another one would be no answer. Where its server does not tell, nobody else is asked and the
gateway estimates by length, as it does for holds; the header `x-turnout-count` says which it was.
"""

from policies.decision import Denial
from router.ask import KEPT_ELSEWHERE
from router.errors import BadRequest
from router.operations.operation import Count
from router.pipeline.caller import Caller
from router.pipeline.plan import in_order
from router.pipeline.request_context import RequestContext, gather
from router.pipeline.response_headers import of_count
from router.pipeline.serving import Serving
from router.pipeline.signals import read_signals
from router.pipeline.within_terms import decided
from router.protocols.usage import estimate_input


async def count(serving: Serving, row: Count, caller: Caller) -> None:
    """Answer how many tokens a request would have. Raises TurnoutError where it is wrong.

    Nothing is held and nothing charged.
    """
    principal = serving.authenticator.authenticate(caller.authorization)
    ask = row.parse(await caller.body(), caller.fields)
    world = serving.world_of(principal)
    if row.resumes and serving.kept is not None:
        ask = await serving.kept.resumed(row.parse, world, principal, ask, caller.fields)
    context = await gather(serving.senses, world, principal, ask, caller)
    name = _would_serve(serving, context)
    counted = None
    if name and serving.counter is not None:
        counted = await serving.counter.count(
            world.backends[name], ask, caller.id, principal.organization
        )
    if counted is not None:
        caller.headers += of_count(name)
        await caller.send(row.write(counted.tokens) if counted.body is None else counted.body)
        return
    if not ask.features.isdisjoint(KEPT_ELSEWHERE):
        raise BadRequest("What a provider keeps cannot be counted here. Send it whole.")
    caller.headers += of_count(None)
    await caller.send(row.write(max(1, estimate_input(ask))))


def _would_serve(serving: Serving, context: RequestContext) -> str:
    """The backend to which the request would go first; empty where it would be refused."""
    signals = read_signals(context, serving.health_of(context.world), context.needs)
    decision = decided(context, signals)
    if isinstance(decision, Denial):
        return ""
    name = in_order(decision)[0]
    spared = decision.redact is None or name in decision.redact.spared
    return name if spared else ""  # what is redacted is not counted by others
