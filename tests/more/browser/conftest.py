"""A browser for the tests of pages; each test's visits begin unknown to everybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browserkit import Visits, started
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, while the tests of a file run: those of others may need an event loop."""
    with started() as running:
        yield running


@pytest.fixture
def visits(browser: Browser, tmp_path: Path) -> Iterator[Visits]:
    """Pages, which fail the test by whatever goes wrong on them."""
    kept = Visits(browser, tmp_path)
    yield kept
    kept.close()
    kept.check()
