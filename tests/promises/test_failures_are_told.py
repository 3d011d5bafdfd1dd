"""A test that fails is a failing test: it never ends the run."""

import ast
import gc
from collections.abc import Iterator

import pytest


class Parses:
    """Garbage that parses a source when it is collected, as the log of a traceback does."""

    more = True

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        ast.parse("x = [1, 2, 3]")
        if Parses.more:
            Parses()


@pytest.fixture
def _garbage() -> Iterator[None]:
    """There is something to collect at every moment, and it is collected soon."""
    before = gc.get_threshold()
    gc.set_threshold(20)
    Parses()
    yield
    Parses.more = False
    gc.collect()  # the last one
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_garbage")
def test_a_failing_test_is_told_whatever_it_left_to_collect(request: pytest.FixtureRequest):
    def fails() -> None:
        raise AssertionError("as it should")

    call = pytest.CallInfo.from_call(fails, "call")
    report = request.node.ihook.pytest_runtest_makereport(item=request.node, call=call)
    assert report.failed
    assert "as it should" in report.longreprtext
