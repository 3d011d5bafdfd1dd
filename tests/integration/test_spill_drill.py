"""What the shadow price promises, on a small run of its drill."""

import subprocess
import sys
from pathlib import Path

DRILL = Path(__file__).parents[2] / "bench" / "spill.py"


def test_with_the_shadow_price_one_pays_less_and_is_answered_better() -> None:
    drill = subprocess.run(
        [sys.executable, str(DRILL), "--requests", "3000", "--seeds", "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "in 3 of 3 runs" in drill.stdout
