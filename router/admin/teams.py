"""Teams of customers."""

from typing import Final

from router.admin.call import Answer, Call, Calling
from router.admin.customer_models import NewTeam, Team, TeamChange
from router.admin.customers import changes_of, team_document
from router.admin.models import Page
from router.admin.organizations import existing
from router.admin.pages import Paging, page, place_of
from router.admin.paths import path_of
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes
from router.customers.records import StoredTeam

routes: Final = AdminRoutes("teams")
_KIND: Final = "teams"
_ALL: Final = "/organizations/{organization}/teams"
_PATH: Final = f"{_ALL}/{{team}}"


def _existing(call: Call, organization: str, team: str) -> StoredTeam:
    row = call.parts.stores.teams.get(organization, team)
    if row is None:
        raise not_found(f"team {team!r} of organization {organization!r}")
    return row


def _target(organization: str, team: str) -> str:
    return f"organizations/{organization}/teams/{team}"


@routes.serve("POST", _ALL, "teams.change", Team, status=201)
def create_team(call: Calling, organization: str, body: NewTeam) -> Answer:
    """Make a team of a customer, perhaps within another one."""
    target = _target(organization, body.team)
    with call.change("teams.create", target, organization) as told:
        row = call.parts.stores.teams.create(organization, **changes_of(call, body))
        told.after = team_document(row).model_dump()
    where = path_of("organizations/{}/teams/{}", organization, body.team)
    return Answer(team_document(row), 201, row.version, where)


@routes.serve("GET", _ALL, "teams.read", Page[Team])
def list_teams(call: Calling, organization: str, asked: Paging) -> Answer:
    """The teams of a customer, by name."""
    existing(call, organization)
    place = place_of(_KIND, asked.cursor, (str,))
    after = None if place is None else place[0]
    rows = call.parts.stores.teams.page(organization, after, asked.limit + 1)
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.team,))
    return Answer(Page[Team](items=[team_document(row) for row in shown], next_cursor=following))


@routes.serve("GET", _PATH, "teams.read", Team)
def get_team(call: Calling, organization: str, team: str) -> Answer:
    """One team."""
    row = _existing(call, organization, team)
    return Answer(team_document(row), version=row.version)


@routes.serve("PATCH", _PATH, "teams.change", Team)
def change_team(call: Calling, organization: str, team: str, body: TeamChange) -> Answer:
    """Change what is given, and nothing else. A team cannot become a part of itself."""
    with call.change("teams.change", _target(organization, team), organization) as told:
        before = _existing(call, organization, team)
        after = call.parts.stores.teams.change(
            organization, team, call.expect(before.version), **changes_of(call, body)
        )
        told.before = team_document(before).model_dump()
        told.after = team_document(after).model_dump()
    return Answer(team_document(after), version=after.version)


@routes.serve("DELETE", _PATH, "teams.change", Team)
def remove_team(call: Calling, organization: str, team: str) -> Answer:
    """Remove a team that has neither working keys nor teams within it.

    What it used stays in the books. The answer is what it was.
    """
    with call.change("teams.remove", _target(organization, team), organization) as told:
        before = _existing(call, organization, team)
        call.parts.stores.teams.remove(organization, team, call.expect(before.version))
        told.before = team_document(before).model_dump()
    return Answer(team_document(before))
