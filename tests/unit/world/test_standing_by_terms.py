"""What holds for a customer by its own terms, in the place of its tier's."""

from fakes.world import new_world

from router.domain import Principal, Terms
from router.ledger.check.expected import expected_scopes
from router.ledger.check.history import LimitHistory, calendar_limits
from router.ledger.keys import shard
from router.ledger.quotas.dimensions import DIMENSIONS, QuotaError, quotas
from router.usage_row import UsageRow
from router.world.books import WorldBooks
from router.world.reload import stranded

POLICY = """\
version: 1
routes:
  auto: {candidates: [local, moe], objective: fixed}
  fine: {candidates: [premium], objective: fixed}
aliases: {best: fine}
tiers:
  pro:
    tokens_per_day: 100
    requests_per_minute: 5
    timezone: Europe/Berlin
    per_key: {concurrency: 2}
    when_exhausted: {downgrade: [local], limits: {tokens_per_day: 7}}
"""
WORLD = new_world(POLICY)


def asker(**terms) -> Principal:
    made = Terms(**{"limits": {}} | terms)
    return Principal("key1", "acme", "pro", terms=made)


def limits_of(principal: Principal) -> dict[str, int]:
    standing = WORLD.standing_of(principal)
    return {f"{each.level}.{each.dimension}": each.limit for each in standing.quotas}


def test_single_limits_stand_in_the_place_of_the_tiers_and_the_others_stay() -> None:
    own = {
        "organization": {"tokens_per_day": 500, "requests_per_minute": None},
        "team": {"tokens_per_day": 9},
    }
    assert limits_of(asker(limits=own)) == {
        "organization.tokens_per_day": 500, "team.tokens_per_day": 9, "key.concurrency": 2,
    }  # fmt: skip


def test_who_has_no_terms_has_the_tiers_own_standing_and_equal_terms_share_one() -> None:
    assert WORLD.standing_of(Principal("k", "acme", "pro")) is WORLD.standing("pro")
    only_routes = asker(routes=frozenset({"auto"}))
    assert WORLD.standing_of(only_routes) is WORLD.standing("pro")
    mine = asker(limits={"organization": {"tokens_per_day": 5}})
    assert WORLD.standing_of(mine) is WORLD.standing_of(mine)


def test_terms_hold_beyond_the_budgets_too() -> None:
    mine = asker(limits={"organization": {"requests_per_minute": 9, "tokens_per_day": 5}})
    beyond = Principal("key1", "acme", "pro (exhausted)", terms=mine.terms)
    there = WORLD.standing("pro (exhausted)")
    limits = limits_of(beyond)
    assert limits["organization.requests_per_minute"] == 9
    assert limits.keys() == {f"{each.level}.{each.dimension}" for each in there.quotas}


def test_days_and_months_are_those_of_the_organizations_own_calendar() -> None:
    quotas_there = WORLD.standing_of(asker(timezone="Asia/Tokyo", billing_day=15)).quotas
    options = {(each.options.timezone, each.options.billing_day) for each in quotas_there}
    assert options == {("Asia/Tokyo", 15)}


def test_books_and_checks_go_by_the_organizations_own_calendar() -> None:
    own = {"acme": ("Asia/Tokyo", 15)}
    books = WorldBooks(lambda: WORLD, own.get)
    at = 1_794_063_600_000  # 2026-11-07, 15:00 UTC: the next day in Tokyo
    days = {
        organization: books.entered(_row(organization, at), None)[:]
        for organization in ("acme", "bolt")
    }
    of = {name: (row[_DAY], row[_PERIOD]) for name, row in days.items()}
    assert of == {"acme": ("2026-11-08", "2026-10-15"), "bolt": ("2026-11-07", "2026-11-01")}
    history = LimitHistory([], calendar_limits(WORLD.quotas))
    nobody = dict.fromkeys(("team", "key_id", "end_user", "asked"))
    customers = [nobody | {"organization": name, "tier": "pro"} for name in ("acme", "bolt")]
    shards = [shard(0)]
    found = expected_scopes(customers, WORLD.quotas, history, shards, own)[0]
    zones = {
        scope.scope.organization: limit.quota.options.timezone
        for scope in found.values()
        for limit in scope.limits.values()
        if limit.quota is not None
    }
    assert zones == {"acme": "Asia/Tokyo", "bolt": "Europe/Berlin"}


_DAY, _PERIOD = UsageRow._fields.index("day"), UsageRow._fields.index("period")


def _row(organization: str, at: int) -> UsageRow:
    empty = dict.fromkeys(UsageRow._fields)
    numbers = {"seq": 0, "cost_pico": 0, "input_tokens": 0, "output_tokens": 0}
    said = {"organization": organization, "tier": "pro", "admitted_at": at, "hold_id": "h"}
    return UsageRow(**empty | numbers | said)


def test_a_key_sees_the_names_that_it_may_use() -> None:
    everything = WORLD.visible(Principal("k", "acme", "pro"))
    assert set(everything) == {"auto", "fine", "best", "local", "moe", "premium"}
    assert set(WORLD.visible(asker(routes=frozenset({"fine"})))) == {"fine", "best", "premium"}
    assert WORLD.visible(asker(models=frozenset({"best", "gone"}))) == ("best",)


def test_a_reload_says_whom_the_tiers_that_are_gone_strand() -> None:
    in_use = {"pro": (4, 9), "old": (2, 3), "": (1, 1), "unused": (0, 0)}
    [line] = stranded(WORLD.policy, in_use)
    assert "`old`: 2 organizations and 3 keys" in line
    assert stranded(new_world().policy, in_use) == []  # without tiers everything is open


def test_what_rules_let_through_the_ledger_can_keep() -> None:
    from_rules = dict.fromkeys(DIMENSIONS, 9 * 10**15 // 60000)
    for name, row in DIMENSIONS.items():
        if row.period == "endless":
            continue
        value = 9_000_000 * 10**12 if row.money else from_rules[name]
        bucket = row.window_ms == 60_000
        try:
            quotas({"organization": {name: {"limit": value, "burst": value} if bucket else value}})
        except QuotaError as error:
            raise AssertionError(name) from error
