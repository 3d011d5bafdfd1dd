"""What commands about customers read of the documents: as the full reader does, or not at all."""

from pathlib import Path

import pytest

from policies.language.document import PolicyDoc
from router.world.config import Config
from router.world.document_files import shipped_policies
from router.world.documents import read_documents
from router.world.outline import CONFIG_KEYS, POLICY_KEYS, Outline, outline

BACKENDS = """\
backends:
  local: &SAME
  moe: &SAME
  premium: &SAME
""".replace("&SAME", '{base_url: "http://127.0.0.1:1/v1", model: m, price: {input: 1, output: 1}}')
POLICY = """\
version: 1
timezone: Europe/Berlin
routes: {auto: {candidates: [local]}}
tiers:
  free: {requests_per_day: 20}
  pro: {tokens_per_month: {pool: 5, rollover: 0.5}, per_key: {concurrency: 2}, prepaid_usd: true}
"""
ENVIRON = {"PASSWORD": "hush", "LEDGER": "redis://ledger:6379/0"}


@pytest.fixture
def write(tmp_path: Path):
    """Writes both documents; returns the first one's path."""

    def written(head: str = "", policy: str = POLICY, backends: str = BACKENDS) -> Path:
        (tmp_path / "own.yaml").write_text(policy)
        path = tmp_path / "turnout.yaml"
        path.write_text(f"version: 1\n{head}\n{backends}")
        return path

    return written


@pytest.mark.parametrize(
    "head",
    [
        "",
        "policy: own.yaml",
        *(f"policy: {name}" for name in shipped_policies()),
        "policy: own.yaml\ndata: else/where\nledger: ${LEDGER}\ndecisions: {to: told.jsonl}",
        'policy: own.yaml\ndatabase: "postgresql+psycopg://turnout:${PASSWORD}@sql/turnout"',
    ],
)
def test_the_outline_is_what_the_full_reader_finds(write, head: str) -> None:
    path = write(head)
    found = outline(path, ENVIRON)
    assert found is not None
    assert found == read_documents(path, ENVIRON).outline()
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("head", "policy"),
    [
        ("databse: sqlite:///other.db", POLICY),  # another database than was meant
        ("database: ' '", POLICY),
        ("database: ${NOT_SET_ANYWHERE}", POLICY),
        ("database: $DATABASE", POLICY),
        ("data: 5", POLICY),
        ("ledger: [embedded]", POLICY),
        ("decisions: [stdout]", POLICY),
        ("policy: ownn.yaml", POLICY),
        ("policy: {name: own.yaml}", POLICY),
        ("data: [", POLICY),
        ("policy: own.yaml", POLICY.replace("tiers", "teirs")),
        ("policy: own.yaml", POLICY.replace("{requests_per_day: 20}", "gone")),
        ("policy: own.yaml", POLICY.replace("  free:", '  "fr ee":')),
        ("policy: own.yaml", POLICY.replace("version: 1", "version: 2")),
        ("policy: own.yaml", POLICY.replace("routes:", "routes: {}\nshadow:")),
        ("policy: own.yaml", "- just a list"),
        ("policy: own.yaml", ""),
    ],
)
def test_where_anything_is_in_doubt_there_is_no_outline(write, head: str, policy: str) -> None:
    assert outline(write(head, policy), {}) is None


def test_without_a_file_or_a_backend_there_is_no_outline(write, tmp_path: Path) -> None:
    assert outline(tmp_path / "none.yaml", {}) is None
    assert outline(tmp_path, {}) is None
    assert outline(write(backends="backends: {}"), {}) is None


def test_a_key_is_revoked_while_a_backend_is_being_edited(write) -> None:
    found = outline(write(backends="backends: {local: {modle: m}}"), {})
    assert isinstance(found, Outline)


@pytest.mark.parametrize(("known", "model"), [(CONFIG_KEYS, Config), (POLICY_KEYS, PolicyDoc)])
def test_the_keys_that_are_known_without_the_models_are_those_of_the_models(known, model) -> None:
    """A new section of turnout.yaml is named in router/world/outline.py, too."""
    assert known == {info.alias or name for name, info in model.model_fields.items()}
