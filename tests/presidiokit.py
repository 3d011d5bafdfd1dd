"""Processes of Presidio for tests: the real code of ours around a library that stands in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from router.presidio.pool import Pool
from router.presidio.spec import Spec

STAND_IN: Final = str(Path(__file__).with_name("presidio_stand_in"))


def pipeline_in(folder: Path) -> Path:
    """A folder that looks like a spaCy pipeline."""
    (folder / "pipeline").mkdir()
    (folder / "pipeline" / "config.cfg").touch()
    return folder / "pipeline"


def spec(folder: Path, **more) -> Spec:
    """What the stand-in is told."""
    return Spec(entities=("PERSON",), languages={"en": str(folder)}, **more)


@asynccontextmanager
async def running(pool: Pool) -> AsyncIterator[Pool]:
    """A pool that is started, and ended whatever happens."""
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()
