"""The readers in C under AddressSanitizer and UndefinedBehaviorSanitizer.

    python -m fuzz.sanitized FOLDER NAME RUNS SEED     (in a process that `run` makes ready)

They are built anew into a folder and take the place of the installed ones; whatever they read
beyond its end, or overflow, ends the process with the sanitizer's report.
"""

import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = {
    "router._scan": ["router/native/scan.c"],
    "router._weigh": ["router/native/weigh.c"],
    "router._burden": ["router/native/burden.c"],
    "router._cut": ["router/native/cut.c", "router/native/json_text.c"],
    "router._join": ["router/native/join.c"],
    "router._filling": ["router/native/filling.c"],
    "classifiers._reader": ["classifiers/native/*.c"],
}
READ_BY: Final = {
    "scan": "router._scan",
    "weigh": "router._weigh",
    "burden": "router._burden",
    "ahead": "router._cut",
    "written": "router._join",
    "filling": "router._filling",
    "prompts": "classifiers._reader",
}
_FLAGS: Final = (
    "-shared", "-fPIC", "-g", "-O1", "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
)  # fmt: skip


def compiler() -> str | None:
    """The compiler that has both sanitizers, if there is one."""
    return shutil.which("gcc")


def build(folder: Path) -> None:
    """Build the readers into `folder`. Raises CalledProcessError where they do not compile."""
    include = sysconfig.get_path("include")
    for name, patterns in SOURCES.items():
        sources = sorted(str(path) for one in patterns for path in ROOT.glob(one))
        built = str(folder / f"{name}.so")
        subprocess.run(
            [compiler() or "gcc", *_FLAGS, f"-I{include}", *sources, "-o", built], check=True
        )


def run(folder: Path, target: str, runs: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Try a target on the readers in `folder`, by mutations."""
    preloaded = [_file(library) for library in ("libasan.so", "libubsan.so", "libstdc++.so")]
    paths = (ROOT, ROOT / "tests", ROOT / "tests" / "contract")
    environment = os.environ | {
        "LD_PRELOAD": " ".join(preloaded),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter's own, which lives until the end
        "PYTHONMALLOC": "malloc",  # else objects lie in arenas, where no end is seen
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    command = [sys.executable, "-m", "fuzz.sanitized", str(folder), target, str(runs), str(seed)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _file(library: str) -> str:
    found = subprocess.run(
        [compiler() or "gcc", f"-print-file-name={library}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def _load(folder: Path) -> None:
    """Put the readers of `folder` in the place of the installed ones."""
    for name in SOURCES:
        spec = spec_from_file_location(name, folder / f"{name}.so")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


def main(folder: str, target: str, runs: str, seed: str) -> None:
    """Load the readers, then what uses them."""
    _load(Path(folder))
    reader = importlib.import_module("fuzz.readers").READERS[target]
    tried = importlib.import_module("fuzz.trying").tried
    used = importlib.import_module(READ_BY[target])
    assert str(used.__file__).startswith(folder)
    sys.stdout.write(f"{tried(target, reader, int(runs), int(seed))} inputs\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
