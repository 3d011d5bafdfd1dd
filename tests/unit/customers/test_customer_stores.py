"""Organizations, teams, keys and credits: what is kept, and what is refused and changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from sqlalchemy import create_engine, text

from policies.language.tiers import Tier
from router.customers.credits import CreditStore
from router.customers.errors import Conflict, CustomerError, Exists, Invalid, Missing
from router.customers.keys import KeyStore
from router.customers.organizations import OrganizationStore
from router.customers.policy_rules import PolicyRules
from router.customers.teams import TeamStore

PREPAID = {"organization": {"prepaid_usd": True}}
TIERS = {"free": Tier("free"), "pro": Tier("pro", limits=PREPAID)}
OLD = """
create table api_keys (key_id varchar(40) primary key, key_hash {bytes} not null unique,
  organization varchar(128) not null, team varchar(128), tier varchar(128) not null,
  created_at timestamp not null, revoked_at timestamp)
"""


@dataclass
class Stores:
    url: str
    now: int = 1_000_000
    organizations: OrganizationStore = field(init=False)
    teams: TeamStore = field(init=False)
    keys: KeyStore = field(init=False)
    credits: CreditStore = field(init=False)

    def __post_init__(self) -> None:
        of = (self.url, PolicyRules(lambda: TIERS), lambda: self.now)
        self.organizations, self.teams = OrganizationStore(*of), TeamStore(*of)
        self.keys, self.credits = KeyStore(*of), CreditStore(*of)

    def close(self) -> None:
        for store in (self.organizations, self.teams, self.keys, self.credits):
            store.close()


@pytest.fixture
def stores(database: str) -> Iterator[Stores]:
    stores = Stores(database)
    stores.organizations.create("acme", "free")
    yield stores
    stores.close()


def test_a_change_expects_the_version_that_was_read(stores: Stores) -> None:
    changed = stores.organizations.change("acme", 1, tier="pro", tags=["gold"])
    assert (changed.tier, changed.tags, changed.version) == ("pro", ("gold",), 2)
    with pytest.raises(Conflict) as refused:
        stores.organizations.change("acme", 1, tier="free")
    assert refused.value.version == 2
    assert stores.organizations.get("acme") == changed


WRONG: list[tuple[str, Callable[[Stores], object]]] = [
    ("tier", lambda s: s.organizations.create("bolt", "gold")),
    ("tier", lambda s: s.organizations.create("bolt", "")),
    ("organization", lambda s: s.organizations.create("a\nb", "pro")),
    ("organization", lambda s: s.organizations.create("a\ud800b", "pro")),
    ("organization", lambda s: s.organizations.create("x" * 129, "pro")),
    ("organization", lambda s: s.organizations.create("", "pro")),
    ("organization", lambda s: s.organizations.create("acme", "pro")),
    ("organization", lambda s: s.organizations.change("nobody", tier="pro")),
    ("organization", lambda s: s.keys.add("nobody")),
    ("organization", lambda s: s.credits.add("acme", "c1", 5)),
    ("timezone", lambda s: s.organizations.change("acme", timezone="Mars/Base")),
    ("billing_day", lambda s: s.organizations.change("acme", billing_day=31)),
    ("limits.tokens_per_day", lambda s: s.organizations.change(
        "acme", limits={"tokens_per_day": -1})),
    ("limits.usd_per_day", lambda s: s.organizations.change("acme", limits={"usd_per_day": 9e8})),
    ("limits.tokens", lambda s: s.organizations.change("acme", limits={"tokens": 1})),
    ("limits.per_key.concurrency", lambda s: s.organizations.raise_limits(
        "acme", {"per_key": {"concurrency": 0}}, 2_000_000)),
    ("limits.per_run.idle", lambda s: s.keys.add("acme", limits={"per_run": {"idle": "1h"}})),
    ("limits.per_run.usd", lambda s: s.keys.add("acme", limits={"per_run": {"usd": None}})),
    ("limits.per_run.usd", lambda s: s.teams.create("acme", "a", limits={"per_run": {"usd": 9e8}})),
    ("limits.per_run.requests", lambda s: s.organizations.change(
        "acme", limits={"per_run": {"requests": 0}})),
    ("until", lambda s: s.organizations.raise_limits("acme", {"concurrency": 1}, 999)),
    ("parent", lambda s: s.teams.create("acme", "a", parent="a")),
    ("parent", lambda s: s.teams.create("acme", "a", parent="nobody")),
    ("team", lambda s: s.keys.add("acme", team="nobody")),
    ("tier", lambda s: s.keys.add("acme", tier="gold")),
    ("expires_at", lambda s: s.keys.add("acme", expires_at=5)),
    ("models.1", lambda s: s.keys.add("acme", models=["a", "\x1b[31m"])),
    ("amount", lambda s: s.credits.add("acme", "c1", 0)),
    ("version", lambda s: s.organizations.change("acme", version=5)),
]  # fmt: skip


def test_what_cannot_be_kept_is_refused_by_its_field_and_nothing_changes(stores: Stores) -> None:
    before = stores.organizations.state(), stores.organizations.page(), stores.keys.page()
    for name, change in WRONG:
        with pytest.raises(CustomerError) as refused:
            change(stores)
        assert refused.value.field == name
        assert refused.value.message.isprintable()
    after = stores.organizations.state(), stores.organizations.page(), stores.keys.page()
    assert before == after


def test_a_team_cannot_become_a_part_of_its_parts(stores: Stores) -> None:
    for team, parent in (("a", None), ("b", "a"), ("c", "b")):
        stores.teams.create("acme", team, parent=parent)
    with pytest.raises(Invalid, match="a > c > b > a"):
        stores.teams.change("acme", "a", parent="c")
    stores.teams.change("acme", "c", parent="a")
    stores.keys.add("acme", team="c")
    with pytest.raises(Invalid, match="1 working keys"):
        stores.teams.remove("acme", "c")


def test_a_rotated_key_ends_after_its_overlap_and_no_later_than_it_would_have(
    stores: Stores,
) -> None:
    _, old = stores.keys.add("acme", name="ci", tags=["may-leave"], expires_at=1_500_000)
    key, new = stores.keys.rotate(old.key_id, 3_600_000)
    ended = stores.keys.get(old.key_id)
    assert ended is not None
    assert (ended.replaced_by, ended.expires_at) == (new.key_id, 1_500_000)
    assert (new.name, new.tags, new.expires_at) == ("ci", ("may-leave",), 1_500_000)
    assert key.startswith("tk-")
    with pytest.raises(Invalid, match=new.key_id):
        stores.keys.rotate(old.key_id, 1)


def test_lists_go_on_behind_what_was_read_last(stores: Stores) -> None:
    made = [stores.keys.add("acme")[1].key_id for _ in range(5)]
    first = stores.keys.page("acme", most=2)
    rest = stores.keys.page("acme", after=first[-1].key_id)
    assert sorted(made) == sorted(key.key_id for key in [*first, *rest])
    stores.organizations.create("bolt", "pro")
    assert [row.organization for row in stores.organizations.page("acme")] == ["bolt"]
    assert stores.organizations.page(tier="pro") == stores.organizations.page("acme")


def test_a_credit_is_noted_once_for_each_id(stores: Stores) -> None:
    stores.organizations.change("acme", tier="pro")
    noted = [stores.credits.add("acme", "c1", 5)[1] for _ in range(2)]
    assert noted == [True, False]
    with pytest.raises(Exists):
        stores.credits.add("acme", "c1", 6)
    assert [each.amount_nano for each in stores.credits.page("acme")] == [5]


def test_last_use_is_noted_without_anybody_reading_customers_again(stores: Stores) -> None:
    _, key = stores.keys.add("acme")
    change = stores.keys.state()
    stores.keys.used({key.key_id: 7, "sub_1": 8})
    stores.keys.used({key.key_id: 5})  # another gateway, later
    noted = stores.keys.get(key.key_id)
    assert noted is not None
    assert (noted.last_used_at, stores.keys.state()) == (7, change)


def test_an_organization_that_is_not_there_is_missing(stores: Stores) -> None:
    for change in (
        lambda: stores.organizations.suspend("nobody"),
        lambda: stores.teams.create("nobody", "a"),
        lambda: stores.organizations.end_raise("acme", "raise_1"),
    ):
        with pytest.raises(Missing):
            change()


def test_older_tables_become_customers_and_their_keys_go_on(database: str) -> None:
    engine = create_engine(database)
    kind = "bytea" if engine.dialect.name == "postgresql" else "blob"
    rows = [
        ("key_1", "acme", "a", "free", 1),
        ("key_2", "acme", None, "pro", 2),
        ("key_3", "bolt", None, "", 3),
    ]
    with engine.begin() as connection:
        connection.execute(text(OLD.format(bytes=kind)))
        for key, organization, team, tier, day in rows:
            made = text("insert into api_keys values (:k, :h, :o, :t, :r, :at, null)")
            values = {"k": key, "h": key.encode(), "o": organization, "t": team, "r": tier}
            connection.execute(made, values | {"at": datetime(2026, 1, day)})
    engine.dispose()
    stores = Stores(database)
    tiers = {row.organization: row.tier for row in stores.organizations.page()}
    assert tiers == {"acme": "pro", "bolt": ""}
    own = {key.key_id: key.tier for key in stores.keys.page()}
    assert own == {"key_1": "free", "key_2": "", "key_3": ""}
    counted = {key.key_id: key.tier for key in stores.keys.all()}
    assert counted == {"key_1": "free", "key_2": "pro", "key_3": ""}
    assert [team.team for team in stores.teams.page("acme")] == ["a"]
    stores.close()
