"""What is committed of the admin API is what is served: its OpenAPI document, its page."""

from pathlib import Path

import orjson
import pytest

from router.admin.application import admin_application
from router.admin.document import document_of, document_text
from router.admin.rights import RIGHTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "admin.md").read_text("utf-8")
APPLICATION = admin_application(None)
DOCUMENT = document_of(APPLICATION)
OPERATIONS = [
    pytest.param(method, operation, id=f"{method} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def test_the_committed_document_is_the_one_that_is_served():
    committed = (ROOT / "docs" / "admin-openapi.json").read_text("utf-8")
    renewed = "renew it: python -m router.admin > docs/admin-openapi.json"
    assert committed == document_text(APPLICATION), renewed
    assert orjson.loads(committed)["openapi"].startswith("3.1")


@pytest.mark.parametrize(("method", "operation"), OPERATIONS)
def test_every_operation_says_what_it_does_and_how_it_fails(method, operation):
    assert operation["summary"]
    assert operation["operationId"]
    problems = {status for status in operation["responses"] if status >= "400"}
    assert problems >= {"401", "403", "404", "413", "422", "429", "503"}
    for status in problems:
        assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    headers = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
    assert ("Idempotency-Key" in headers) is (method == "post")
    assert ("If-Match" in headers) is (method in {"put", "patch", "delete"})


def test_the_page_has_the_table_of_rights():
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    told = {cells[0].strip().strip("`"): cells[1:] for cells in rows if len(cells) == 3}
    assert {
        action: tuple(
            frozenset(cell.replace("everybody", "owner operator billing viewer").split())
            for cell in told[action]
        )
        for action in RIGHTS
    } == {
        action: (
            frozenset(right.everywhere),
            frozenset(right.within) or frozenset({"nobody"}),
        )
        for action, right in RIGHTS.items()
    }
