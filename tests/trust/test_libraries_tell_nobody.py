"""What we load brings no telemetry of its own: nobody hears of it, nothing is kept for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOADS = """\
import os
import router.cli.serve
from classifiers.runtime import ort
print(ort.__version__, len(os.listdir("/proc/self/task")))
"""


def test_onnx_runtime_keeps_no_id_of_the_machine_and_starts_no_thread_to_send_it(tmp_path):
    kept = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    kept |= {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"}  # numpy has threads, too
    command = [sys.executable, "-c", LOADS]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.split()[1:] == ["1"]
    assert list(tmp_path.rglob("*")) == []


def test_onnx_runtime_is_loaded_where_its_telemetry_is_switched_off_and_nowhere_else():
    loads = re.compile(r"^\s*(?:import|from) onnxruntime\b", re.MULTILINE)
    folders = ("router", "policies", "classifiers", "bench")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = [str(path.relative_to(ROOT)) for path in sources if loads.search(path.read_text())]
    assert found == ["classifiers/runtime.py"]
