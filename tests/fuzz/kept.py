"""The inputs that are kept: a file a target, a line an input, in base64."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).parent / "corpus"
MOST_KEPT: Final = 400  # inputs of a target, the smallest first


def kept(target: str) -> list[bytes]:
    """What is kept of a target's inputs."""
    path = CORPUS / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text("ascii").split()]


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these instead, each once."""
    chosen = sorted(set(inputs), key=lambda one: (len(one), one))[:MOST_KEPT]
    lines = [base64.b64encode(one).decode() for one in chosen if one]
    (CORPUS / f"{target}.txt").write_text("\n".join(lines) + "\n", "ascii")
