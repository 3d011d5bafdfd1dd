"""Both documents on disk: found beside each other, and refused with a remedy where they are not."""

from pathlib import Path

import pytest
import yaml
from fakes.world import FIXED, backend

from policies.findings import DocumentError
from policies.policy import load
from router.world.document_files import read_shipped_policy, shipped_policies
from router.world.documents import policy_path_of, read_config, read_documents


@pytest.fixture
def write(tmp_path: Path):
    """Writes both documents; keywords are keys of turnout.yaml. Returns its path."""

    def written(text: bytes | None = FIXED.encode(), **settings: object) -> Path:
        backends = {name: backend(name) for name in ("local", "moe", "premium")}
        config = {"version": 1, "policy": "policy.yaml", "backends": backends} | settings
        path = tmp_path / "turnout.yaml"
        path.write_text(yaml.safe_dump(config))
        if text is not None:
            (tmp_path / "policy.yaml").write_bytes(text)
        return path

    return written


def test_a_policy_lies_beside_the_configuration_that_names_it(write) -> None:
    path = write()
    documents = read_documents(path, {})
    assert documents.policy_path == path.parent / "policy.yaml"
    assert set(documents.backends) == {"local", "moe", "premium"}
    assert documents.prices.price("moe").output_pico == 2_000_000
    assert documents.config.policy == "policy.yaml"


@pytest.mark.parametrize("name", shipped_policies())
def test_every_shipped_policy_can_be_named_and_needs_no_file(write, name: str) -> None:
    loaded = read_config(write(None, policy=name), {})
    assert policy_path_of(loaded, Path("turnout.yaml")) is None
    assert load(read_shipped_policy(name), name).routes


def test_the_data_folder_and_the_database_lie_below_the_configuration(write) -> None:
    path = write(data="there")
    documents = read_documents(path, {})
    assert documents.data == path.parent.resolve() / "there"
    assert documents.database == f"sqlite:///{path.parent.resolve() / 'there' / 'turnout.db'}"
    elsewhere = read_documents(write(database="postgresql+psycopg://u@h/n"), {})
    assert elsewhere.database == "postgresql+psycopg://u@h/n"


def _finding(path: Path):
    with pytest.raises(DocumentError) as caught:
        read_documents(path, {})
    (finding,) = caught.value.findings
    return finding


def test_a_configuration_that_is_not_there_says_how_to_begin(tmp_path: Path) -> None:
    finding = _finding(tmp_path / "turnout.yaml")
    assert finding.rule == "unreadable"
    assert "turnout demo" in finding.hint


def test_a_policy_that_is_not_there_names_those_that_ship(write) -> None:
    finding = _finding(write(None))
    assert finding.rule == "unreadable"
    assert all(name in finding.hint for name in shipped_policies())


def test_a_policy_that_is_no_text_is_unreadable(write) -> None:
    assert "UTF-8" in _finding(write(b"\xff\xfe\x00")).message
