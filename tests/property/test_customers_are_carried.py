"""Whatever customers there are: what is exported is read as it was written, and imports once."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from policies.language.source import parse
from router.cli.carrying import written
from router.customers.carried import CarriedStore
from router.customers.policy_rules import PolicyRules
from router.customers.tables import API_KEYS, ORGANIZATIONS, TEAMS

TIERS = {"free": None, "pro": None}
PRINTED = st.characters(exclude_categories=("C", "Z"))
ODD = ("1e3", "true", "null", "5", "~", "no", "12:30", "a: b", "# x", "- y", "'", "\U0001d518")
WORDS = st.text(PRINTED, min_size=1, max_size=12).filter(lambda word: word not in {".", ".."})
NAMES = st.sampled_from(ODD) | WORDS
COUNTS = st.integers(1, 10**12)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "tokens_per_day": COUNTS | st.none(),
        "usd_per_month": st.integers(0, 1000) | st.sampled_from([0.5, 12.25]),
        "requests_per_minute": st.builds(lambda n: {"limit": n, "burst": 3}, st.integers(1, 99)),
        "per_run": st.fixed_dictionaries({"usd": st.just(0.5), "requests": COUNTS}),
        "tokens_per_month": st.fixed_dictionaries({"pool": COUNTS, "rollover": st.just(0.5)}),
    },
)
TAGS = st.lists(NAMES, max_size=3, unique=True)
TIER = st.sampled_from(list(TIERS))


def _without_nothing(values: dict) -> dict:
    return {name: value for name, value in values.items() if value not in (None, [], {}, "")}


@st.composite
def organizations(draw: st.DrawFn) -> dict:
    teams = draw(st.lists(NAMES, max_size=3, unique=True))
    parents = {team: draw(st.sampled_from([None, *teams[:n]])) for n, team in enumerate(teams)}
    keys = draw(
        st.lists(st.from_regex(r"key_[0-9a-f]{4}", fullmatch=True), max_size=3, unique=True)
    )
    return _without_nothing(
        {
            "tier": draw(TIER),
            "timezone": draw(st.sampled_from([None, "UTC", "Europe/Berlin"])),
            "billing_day": draw(st.none() | st.integers(1, 28)),
            "tags": draw(TAGS),
            "limits": draw(LIMITS),
            "suspended": draw(st.none() | NAMES),
            "teams": {team: _a_team(draw, parents[team]) for team in teams},
            "keys": {key: _a_key(draw, teams) for key in keys},
        }
    )


def _a_team(draw: st.DrawFn, parent: str | None) -> dict:
    return _without_nothing({"parent": parent, "tags": draw(TAGS), "limits": draw(LIMITS)})


def _a_key(draw: st.DrawFn, teams: list[str]) -> dict:
    return _without_nothing(
        {
            "hash": draw(st.binary(min_size=32, max_size=32)).hex(),
            "name": draw(st.none() | NAMES),
            "team": draw(st.sampled_from([None, *teams])),
            "tier": draw(st.sampled_from(["", *TIERS])),
            "tags": draw(TAGS),
            "expires_at": draw(st.sampled_from([None, "2031-12-04T20:00:00.250Z"])),
            "models": draw(st.none() | st.lists(NAMES, min_size=1, max_size=2, unique=True)),
            "limits": draw(LIMITS),
        }
    )


def _each_once(customers: dict) -> dict:
    """Ids and hashes of keys are each one's own."""
    seen: set[str] = set()
    for of in customers.values():
        kept = {}
        for key, values in of.get("keys", {}).items():
            if seen.isdisjoint((key, values["hash"])):
                kept[key] = values
                seen |= {key, values["hash"]}
        of.pop("keys", None)
        if kept:
            of["keys"] = kept
    return customers


@settings(max_examples=20, deadline=None)
@given(customers=st.dictionaries(NAMES, organizations(), max_size=3).map(_each_once))
def test_what_is_exported_is_imported_as_it_was_and_then_nothing_is_left_to_do(
    shared_database: str, customers: dict
) -> None:
    document = {"version": 1, "organizations": customers}
    read = parse(written(document), "customers.yaml").value
    assert read["organizations"] == customers
    store = CarriedStore(shared_database, PolicyRules(lambda: TIERS))
    try:
        with store.database.writing() as connection:
            for table in (API_KEYS, TEAMS, ORGANIZATIONS):
                connection.execute(delete(table))
        store.apply(read)
        assert store.document() == document
        again = parse(written(store.document()), "again.yaml").value
        assert store.plan(again, prune=True) == []
    finally:
        store.close()
