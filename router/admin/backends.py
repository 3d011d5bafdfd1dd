"""Backends as this gateway sees them: whether they answer, and what is held against them."""

from typing import Final, Literal

from router.admin.call import Answer, Calling
from router.admin.models import Name, Page, Told
from router.admin.pages import Paging, page, place_of
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes
from router.api.gateway import Gateway
from router.backends.health.health import Health

routes: Final = AdminRoutes("backends")
_KIND: Final = "backends"


class BackendState(Told):
    """How a backend does."""

    healthy: bool
    in_flight: int
    queued: int


class DeploymentState(Told):
    """One address of a backend with one credential, and its breaker."""

    id: str
    breaker: Literal["closed", "open", "half_open"]
    in_flight: int
    failures: dict[str, int]


class BackendDetails(BackendState):
    """A backend. `load` is the part of its slots in use, over 1 where requests wait; `failures` are
    failed tries since the start, by their kind."""

    name: str
    model: str
    dialect: str
    simulated: bool
    load: float
    wait_ms: int
    deployments: list[DeploymentState]


def states(gateway: Gateway) -> dict[str, BackendState]:
    """How each backend does, by name."""
    return {
        name: BackendState(healthy=health.healthy, in_flight=health.in_flight, queued=health.queued)
        for name, health in gateway.serving.backends.view().items()
    }


def _details(name: str, health: Health) -> BackendDetails:
    backend = health.backend
    return BackendDetails(
        name=name,
        healthy=health.healthy,
        in_flight=health.in_flight,
        queued=health.queued,
        model=backend.model,
        dialect=backend.dialect,
        simulated=backend.simulated,
        load=health.load,
        wait_ms=health.wait_ms,
        deployments=[
            DeploymentState(
                id=state.deployment.id,
                breaker=state.blame.state.value,
                in_flight=state.in_flight,
                failures=dict(state.failures),
            )
            for state in health.deployments
        ],
    )


@routes.serve("GET", "/backends", "backends.read", Page[BackendDetails])
def list_backends(call: Calling, asked: Paging) -> Answer:
    """The backends of turnout.yaml, as this gateway sees them, by name."""
    place = place_of(_KIND, asked.cursor, (str,))
    view = call.parts.gateway.serving.backends.view
    rows = call.parts.look(lambda: [_details(*each) for each in sorted(view().items())])
    behind = [row for row in rows if place is None or row.name > place[0]]
    items, following = page(_KIND, behind[: asked.limit + 1], asked.limit, lambda row: (row.name,))
    return Answer(Page[BackendDetails](items=list(items), next_cursor=following))


@routes.serve("GET", "/backends/{name}", "backends.read", BackendDetails)
def get_backend(call: Calling, name: Name) -> Answer:
    """One backend, as this gateway sees it."""
    view = call.parts.gateway.serving.backends.view

    def look() -> BackendDetails | None:
        known = view()
        return _details(name, known[name]) if name in known else None

    details = call.parts.look(look)
    if details is None:
        raise not_found(f"backend {name!r}")
    return Answer(details)
