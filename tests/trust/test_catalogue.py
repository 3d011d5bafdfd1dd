"""Each row of the catalogue of trust is shown by tests that exist, or says that it is open."""

import pytest
from trust.catalogue import ROOT, Row, areas, exists
from trust.page import PAGE, counted_before, page

ROWS = [(area, row) for area, rows in areas().items() for row in rows]
LONG = "tests/trust/long/"


@pytest.mark.parametrize(("area", "row"), ROWS, ids=lambda value: getattr(value, "row", value))
def test_a_row_is_shown_by_tests_that_exist_or_says_why_not(area: str, row: Row):
    assert [test for test in (*row.tests, *row.long) if not exists(test)] == []
    assert row.tests or row.long or row.open


def test_quick_tests_are_run_by_make_test_and_long_ones_by_make_trust():
    assert [test for _, row in ROWS for test in row.tests if test.startswith(LONG)] == []
    assert [test for _, row in ROWS for test in row.long if not test.startswith(LONG)] == []


def test_every_test_of_trust_is_named_by_a_row():
    named = {test.split("::")[0] for _, row in ROWS for test in (*row.tests, *row.long)}
    own = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests" / "trust").rglob("test_*.py")
        if path.name != "test_catalogue.py"
    }
    assert own - named == set()


def test_the_page_holds_the_catalogue_as_it_is():
    assert PAGE.read_text("utf-8") == page(counted_before()), "make trust ARGS=--page"
