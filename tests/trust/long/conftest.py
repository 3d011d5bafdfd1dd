"""The figures of `make trust`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from trust.figures import Figures


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What the tests of one file count; a line each where `make trust` reads it."""
    counted = Figures()
    yield counted
    if path := os.environ.get("TRUST_FIGURES"):
        rows = [
            {"file": request.path.stem.removeprefix("test_"), "what": what, "count": count}
            for what, count in counted.rows()
        ]
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
