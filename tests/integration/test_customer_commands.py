"""`turnout organizations|teams|keys|credits|export|import`, as an operator types them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.starting import CONFIG
from router.cli.main import main
from router.customers.carried import CarriedStore


class Gateway:
    """A turnout.yaml, and commands about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "turnout.yaml"
        self.config.write_text(CONFIG)
        self.before: tuple[str, int] = ("", 0)  # what was exported, and rows of the audit log

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--config", str(self.config)])

    def ok(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code in (1, 2), result.output
        assert result.stdout == ""
        return result.stderr

    def shown(self, *arguments: str) -> dict:
        return json.loads(self.ok(*arguments, "--format", "json"))

    def exported(self) -> str:
        return self.ok("export")

    def logged(self) -> list[dict]:
        lines = self.ok("audit", "list", "--format", "json").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """One for all that is refused: it changes nothing."""
    gateway = Gateway(tmp_path_factory.mktemp("refused"))
    gateway.ok("organizations", "create", "acme", "--tier", "pro")
    gateway.ok("teams", "create", "research", "--organization", "acme")
    gateway.ok("teams", "create", "nlp", "--organization", "acme", "--parent", "research")
    gateway.before = (gateway.exported(), len(gateway.logged()))
    return gateway


def key_ids(gateway: Gateway, *options: str) -> list[str]:
    return [
        key["key_id"]
        for key in json.loads(gateway.ok("keys", "list", *options, "--format", "json"))
    ]


def test_a_customer_is_made_changed_raised_suspended_and_served_again(gateway: Gateway) -> None:
    zone = ("--timezone", "Europe/Berlin", "--billing-day", "5", "--tag", "may-leave")
    limits = ("--limit", "tokens_per_day=5000000", "--limit", "per_key.concurrency=2")
    gateway.ok("organizations", "create", "acme", "--tier", "pro", *zone, *limits)
    acme = gateway.shown("organizations", "show", "acme")
    assert (acme["tier"], acme["timezone"], acme["billing_day"]) == ("pro", "Europe/Berlin", 5)
    assert acme["limits"] == {"tokens_per_day": 5_000_000, "per_key": {"concurrency": 2}}
    more = (
        "--limit",
        "tokens_per_month={pool: 9, rollover: 0.5}",
        "--unset",
        "limits.per_key.concurrency",
    )
    gateway.ok("organizations", "change", "acme", "--tier", "enterprise", *more, "--unset", "tags")
    acme = gateway.shown("organizations", "show", "acme")
    assert (acme["tier"], acme["tags"], acme["timezone"]) == ("enterprise", [], "Europe/Berlin")
    pool = {"pool": 9, "rollover": 0.5}
    assert acme["limits"] == {"tokens_per_day": 5_000_000, "tokens_per_month": pool}
    gateway.ok("organizations", "raise", "acme", "--limit", "tokens_per_day=9", "--until", "3d")
    (raised,) = gateway.shown("organizations", "show", "acme")["raised"]
    gateway.ok("organizations", "end-raise", "acme", raised["id"])
    gateway.ok("organizations", "suspend", "acme", "--why", "invoice 17")
    assert gateway.shown("organizations", "show", "acme")["suspended_why"] == "invoice 17"
    assert "acme" in gateway.ok("organizations", "list", "--suspended")
    gateway.ok("organizations", "resume", "acme")
    assert gateway.shown("organizations", "show", "acme")["suspended_at"] is None
    assert "acme" not in gateway.ok("organizations", "list", "--suspended")


def test_a_key_has_all_that_it_was_made_with_and_so_has_the_one_that_takes_its_place(
    gateway: Gateway,
) -> None:
    gateway.ok("organizations", "create", "acme", "--tier", "pro")
    own = ("--name", "ci", "--tag", "may-leave", "--route", "auto", "--model", "m")
    limits = ("--limit", "usd_per_day=5", "--expires", "30d", "--team", "research")
    key = gateway.ok("keys", "create", "--organization", "acme", *own, *limits)
    assert key.startswith("tk-")
    assert key.count("\n") == 1
    (key_id,) = key_ids(gateway)
    shown = gateway.shown("keys", "show", key_id)
    kept = {name: shown[name] for name in ("name", "tags", "routes", "models", "limits", "team")}
    assert kept == {
        "name": "ci", "tags": ["may-leave"], "routes": ["auto"], "models": ["m"],
        "limits": {"usd_per_day": 5}, "team": "research",
    }  # fmt: skip
    assert gateway.ok("keys", "rotate", key_id, "--overlap", "24h").startswith("tk-")
    old, new = key_ids(gateway)
    assert {name: gateway.shown("keys", "show", new)[name] for name in kept} == kept
    assert gateway.shown("keys", "show", old)["replaced_by"] == new
    gateway.ok("keys", "change", new, "--unset", "expires_at", "--name", "build")
    assert gateway.shown("keys", "show", new)["expires_at"] is None
    gateway.ok("keys", "revoke", old)
    assert key_ids(gateway, "--organization", "acme", "--working") == [new]
    assert key_ids(gateway, "--organization", "other") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("organizations", "show", "acmee"), "did you mean 'acme'?"),
        (("organizations", "create", "acme", "--tier", "pro"), "already"),
        (("organizations", "create", "beta", "--tier", "por"), "did you mean 'pro'?"),
        (("organizations", "create", "beta"), "tiers: free"),
        (("organizations", "create", "be\nta", "--tier", "pro"), "do not print"),
        (("organizations", "change", "acme", "--limit", "tokens_per_day=-1"), "tokens_per_day"),
        (("organizations", "change", "acme", "--limit", "tokens_a_day=1"), "is no limit"),
        (("organizations", "change", "acme", "--timezone", "Mars/Base"), "is no time zone"),
        (("organizations", "change", "acme", "--tier", "free", "--version", "7"), "meanwhile"),
        (("teams", "change", "research", "--organization", "acme", "--parent", "nlp"), "of itself"),
        (("teams", "show", "reserch", "--organization", "acme"), "did you mean 'research'?"),
        (("keys", "create", "--organization", "acme", "--tier", "por"), "did you mean 'pro'?"),
        (("keys", "revoke", "key_0"), "there is no key 'key_0'"),
        (("credits", "add", "acme", "5", "--id", "x"), "does not pay beforehand"),
        (("credits", "list", "acmee"), "did you mean 'acme'?"),
    ],
)
def test_what_is_refused_names_what_was_meant_and_changes_nothing(
    acme: Gateway, arguments: tuple[str, ...], says: str
) -> None:
    assert says in acme.refused(*arguments)
    assert (acme.exported(), len(acme.logged())) == acme.before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("organizations", "change", "acme"), "say what to change"),
        (("organizations", "raise", "acme", "--limit", "x=1", "--until", "2026-12-04"), "offset"),
        (("organizations", "change", "acme", "--limit", "tokens"), "write NAME=VALUE"),
        (("organizations", "change", "acme", "--limit", "a={"), "not valid YAML"),
        (("organizations", "change", "acme", "--unset", "limits.concurrency"), "of its own"),
        (("keys", "rotate", "key_0", "--overlap", "long"), "is no duration"),
        (("credits", "add", "acme", "much", "--id", "x"), "must be an amount in USD"),
        (("organisations", "list"), "Did you mean 'organizations'?"),
    ],
)
def test_what_cannot_be_read_ends_with_the_code_of_wrong_usage(
    acme: Gateway, arguments: tuple[str, ...], says: str
) -> None:
    result = acme.run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_every_change_is_in_the_audit_log_with_who_and_what_it_was(gateway: Gateway) -> None:
    gateway.ok("organizations", "create", "acme", "--tier", "pro")
    gateway.ok("organizations", "change", "acme", "--tier", "free")
    gateway.ok("keys", "create", "--organization", "acme")
    (key_id,) = key_ids(gateway)
    gateway.ok("keys", "revoke", key_id)
    revoked, created, changed, made = gateway.logged()
    assert [row["action"] for row in (made, changed, created, revoked)] == [
        "organizations.create", "organizations.change", "keys.create", "keys.revoke",
    ]  # fmt: skip
    assert changed["actor"].endswith(" @ command line")
    assert (changed["before"]["tier"], changed["after"]["tier"]) == ("pro", "free")
    assert revoked["target"] == f"organizations/acme/keys/{key_id}"
    assert revoked["organization"] == "acme"
    assert "hash" not in json.dumps([row["after"] for row in (created, revoked)])


def test_an_import_says_first_what_it_would_do_and_is_whole_or_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    gateway.ok("keys", "create", "--organization", "acme", "--tier", "pro", "--team", "research")
    gateway.ok("organizations", "create", "beta", "--tier", "free")
    file = tmp_path / "customers.yaml"
    text = gateway.exported()
    file.write_text(text.replace("tier: free", "tier: enterprise"))
    planned = gateway.ok("import", str(file))
    assert planned == "~ organizations/beta\n    tier: free -> enterprise\n"
    assert gateway.exported() == text
    assert gateway.ok("import", str(file), "--yes") == planned
    assert gateway.exported() == file.read_text()
    assert gateway.ok("import", str(file), "--yes", "--prune") == ""
    file.write_text("version: 1\norganizations: {gamma: {tier: free}, delta: {teir: free}}")
    assert "did you mean tier?" in gateway.refused("import", str(file), "--yes")
    assert "gamma" not in gateway.exported()


def test_what_a_file_lacks_stays_unless_it_is_to_be_pruned(
    gateway: Gateway, tmp_path: Path
) -> None:
    gateway.ok("keys", "create", "--organization", "acme", "--tier", "pro", "--team", "research")
    (key_id,) = key_ids(gateway)
    file, whole = tmp_path / "customers.yaml", gateway.exported()
    file.write_text("version: 1\norganizations: {beta: {tier: free}}")
    gateway.ok("import", str(file), "--yes")
    assert key_ids(gateway, "--working") == [key_id]
    assert gateway.ok("import", str(file), "--yes", "--prune").splitlines() == [
        f"- organizations/acme/keys/{key_id}",
        "- organizations/acme/teams/research",
        "- organizations/acme",
    ]
    assert key_ids(gateway, "--working") == []
    assert gateway.shown("organizations", "show", "acme")["suspended_at"] is not None
    assert gateway.ok("import", str(file), "--yes", "--prune") == ""
    file.write_text(whole)
    assert "is revoked for good" in gateway.refused("import", str(file), "--yes")


def test_customers_are_carried_to_another_database(
    gateway: Gateway, database: str, tmp_path: Path
) -> None:
    gateway.ok("keys", "create", "--organization", "acme", "--tier", "pro", "--team", "research")
    file = tmp_path / "customers.yaml"
    file.write_text(gateway.exported())
    gateway.config.write_text(f"database: {json.dumps(database)}\n{CONFIG}")
    gateway.ok("import", str(file), "--yes")
    assert gateway.exported() == file.read_text()
    store = CarriedStore(database)
    assert list(store.document()["organizations"]) == ["acme"]
    store.close()


def test_a_credit_is_in_the_history_and_in_the_ledger_once(gateway: Gateway) -> None:
    gateway.ok("organizations", "create", "acme", "--tier", "pro", "--limit", "prepaid_usd=true")
    for _ in range(2):
        told = gateway.ok("credits", "add", "acme", "12.50", "--id", "invoice-17", "--note", "bank")
        assert told.splitlines()[-1] == "granted $12.50  used $0.00  held $0.00  left $12.50"
    assert "nothing changed" in told
    (credit,) = json.loads(gateway.ok("credits", "list", "acme", "--format", "json"))
    assert (credit["id"], credit["amount_usd"], credit["note"]) == ("invoice-17", "12.50", "bank")
    assert gateway.shown("credits", "balance", "acme")["left_usd"] == "12.50"
    assert "another amount" in gateway.refused("credits", "add", "acme", "9", "--id", "invoice-17")
