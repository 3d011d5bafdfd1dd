"""Hostile answers against every wall that this machine has."""

from trust.figures import Figures
from trust.hostile_programs import hostile

from classifiers.probing.walls.proof import gets_out, laid_out, prove
from classifiers.probing.walls.table import WALLS
from classifiers.probing.walls.wall import NoWall


def test_no_hostile_answer_gets_out(figures: Figures) -> None:
    for name, opening in WALLS.items():
        try:
            with opening() as run, laid_out() as lures:
                prove(run)
                out = [what for what, one in hostile().items() if gets_out(run, one, lures)]
        except NoWall as error:
            figures.add(f"{name} is not here: {error}", 0)
            continue
        figures.add(f"hostile programs behind {name}", len(hostile()))
        figures.add("programs that got out", len(out))
        assert out == []
