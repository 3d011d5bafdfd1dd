"""The walls there are, the one to prefer first. None is used before it proved itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final

from classifiers.probing.walls.bubblewrap import bubblewrap
from classifiers.probing.walls.proof import prove
from classifiers.probing.walls.wall import NoWall, Run, Wall
from classifiers.probing.walls.wasm import wasm

Opening = Callable[[], AbstractContextManager[Run]]

WALLS: Final[Mapping[str, Opening]] = {
    "bubblewrap": bubblewrap,
    "wasm": wasm,
}


@contextmanager
def open_wall(
    names: Sequence[str] = tuple(WALLS), walls: Mapping[str, Opening] = WALLS
) -> Iterator[Wall]:
    """The first of these walls that is here and holds; NoWall says of each why it is not."""
    reasons = []
    with ExitStack() as stack:
        for name in names:
            try:
                run = stack.enter_context(walls[name]())
                prove(run)
            except NoWall as error:
                reasons.append(f"{name}: {error}")
            else:
                yield Wall(name, run)
                return
        raise NoWall("; ".join(reasons) or "none is wanted")
