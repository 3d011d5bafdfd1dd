"""Both walls hold, against each program of the corpus; what both need beyond pip is bubblewrap."""

from collections.abc import Iterator

import pytest
from trust.hostile_programs import hostile

from classifiers.probing.walls.proof import gets_out, laid_out, prove
from classifiers.probing.walls.table import WALLS
from classifiers.probing.walls.wall import Run

HOSTILE = hostile()


@pytest.fixture(scope="module", params=list(WALLS))
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with WALLS[request.param]() as opened:
        yield opened


def test_the_wall_proves_itself_on_this_machine(run: Run) -> None:
    prove(run)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_does_not_get_out(run: Run, name: str) -> None:
    with laid_out() as lures:
        assert not gets_out(run, HOSTILE[name], lures)
