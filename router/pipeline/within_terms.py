"""What the policy decides, within what a key may use."""

from policies.decision import Decision, Denial
from policies.policy import Policy
from policies.signals import Signals
from router.domain import Terms
from router.pipeline.request_context import RequestContext


def decided(
    context: RequestContext, signals: Signals, *, exhausted: bool = False
) -> Decision | Denial:
    """Return what the policy decides. A key that may not use what it asks for is denied as a tier
    would be, in words of its own."""
    policy, terms = context.world.policy, context.principal.terms
    if terms is None:
        return policy.decide(signals, context.hints, exhausted=exhausted)
    model = context.hints.route or context.ask.model
    if not _may_use(policy, terms, model):
        place = policy.resolve(model) or "none"
        message = f"This key may not use `{model}`."
        return Denial(place, "route_not_allowed", "limits of this key", message)
    return policy.decide(signals, context.hints, exhausted=exhausted, routes=terms.routes)


def _may_use(policy: Policy, terms: Terms, model: str) -> bool:
    if terms.models is not None and model not in terms.models:
        return False
    if terms.routes is None:
        return True
    name = policy.resolve(model)
    route = policy.routes.get(name or "")
    if route is not None:
        return route.name in terms.routes
    through = [each for each in policy.routes.values() if name in each.candidates]
    return not through or any(each.name in terms.routes for each in through)
