"""docs/conformance.md: its records are of the locked clients, and it says what they say."""

import json
import re

import pytest

from conformance.cache import REGISTRIES, SOURCES, driver_digest, version_of
from conformance.clients_table import CLIENTS
from conformance.document import SCHEMATHESIS, WAYS, read_record
from conformance.jobs import JOBS
from conformance.notes import NOTES
from conformance.page import PAGE, render
from conformance.records import RECORDS, read_all, script_digest
from conformance.running import COLUMNS, WORKS

RECORDED = read_all()


def test_the_page_says_what_the_records_say():
    assert PAGE.read_text() == render()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_has_a_lock_a_driver_and_jobs_that_exist(client):
    folder = SOURCES / client.folder
    locks = REGISTRIES[client.registry].locks
    assert [name for name in locks if not (folder / name).is_file()] == []
    drivers = ("drive.py", "drive.mjs", "main.go", "Drive.java", "src/main.rs")
    assert any((folder / name).is_file() for name in drivers)
    assert set(client.jobs) <= set(JOBS)
    assert re.fullmatch(r"\d+(\.\d+)+\S*", version_of(client))


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_of_the_locked_version_and_of_all_jobs(name):
    client = next(client for client in CLIENTS if client.name == name)
    assert RECORDED[name]["version"] == version_of(client)
    assert tuple(RECORDED[name]["jobs"]) == client.jobs


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_of_the_driver_as_it_stands(name):
    client = next(client for client in CLIENTS if client.name == name)
    assert RECORDED[name]["driver"] == driver_digest(client.folder)
    assert RECORDED[name]["protocol"] == client.protocol


def test_the_page_has_a_row_for_every_client_and_no_other():
    kept = {path.stem for path in RECORDS.glob("*.json")}
    names = {client.name for client in CLIENTS}
    text = PAGE.read_text()
    rows = re.findall(r"^\| (\S+) \| `\S+` \S+ \| \w+ \| \d{4}-\d\d-\d\d†? \|", text, re.MULTILINE)
    assert kept == names
    assert sorted(rows) == sorted(names)


def test_the_page_says_how_old_its_records_are():
    dates = sorted(record["date"] for record in RECORDED.values())
    text = PAGE.read_text()
    assert f"The {len(RECORDED)} records are of {dates[0]}" in text
    assert text.count("† |") == sum(r["script"] != script_digest() for r in RECORDED.values())


def test_the_record_of_openais_document_is_of_the_locked_schemathesis_and_without_server_errors():
    record = read_record()
    assert record is not None
    assert record["version"] == version_of(SCHEMATHESIS)
    assert record["ways"].keys() == WAYS.keys()
    for told in record["ways"].values():
        assert told["found"] == []
        assert not any("5xx" in counts for counts in told["operations"].values())


@pytest.mark.parametrize("name", RECORDED)
def test_what_does_not_work_has_a_reason_on_the_page(name):
    verdicts = {
        told[column]["verdict"]
        for told in RECORDED[name]["jobs"].values()
        for column in COLUMNS
        if column in told
    }
    explained = {client for names in NOTES for client in names}
    assert verdicts == {WORKS} or name in explained


def test_python_locks_are_pinned_by_hashes_and_name_no_index():
    for lock in SOURCES.glob("*/requirements.txt"):
        text = lock.read_text()
        pinned = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE | re.IGNORECASE))
        assert text.count("--hash=sha256:") >= len(pinned)
        assert "index-url" not in text


def test_what_node_clients_ask_for_is_an_exact_version():
    for package in SOURCES.glob("*/package.json"):
        wanted = json.loads(package.read_text())["dependencies"]
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), package
