"""`make fuzz`: every target for its share of ten minutes, then the readers in C under sanitizers.

A failing input is told in the form in which it is kept. Without atheris (it has wheels for Linux on
x86-64) inputs are mutations of what is kept, and the output says so.
"""

import base64
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import click
from fuzz.kept import CORPUS, keep, kept
from fuzz.sanitized import READ_BY, ROOT, build, compiler, run
from fuzz.targets import TARGETS

AT_ONCE = 20_000  # mutations of one run
TOO_LONG = 25  # seconds for one input: it hangs


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="For all targets together.")
@click.option("--target", "chosen", multiple=True, type=click.Choice(list(TARGETS)))
@click.option("--keep", "keeps", is_flag=True, help="Keep the least inputs that reach as much.")
def main(seconds: float, chosen: tuple[str, ...], *, keeps: bool) -> None:
    """Fuzz; exit code 1 where a promise was broken."""
    names = chosen or tuple(TARGETS)
    share = max(1, int(seconds * 0.9 / len(names)))
    by_coverage = find_spec("atheris") is not None
    click.echo(
        f"{share} s a target, {'by coverage' if by_coverage else 'by mutations: no atheris here'}"
    )
    with tempfile.TemporaryDirectory() as folder:
        failed = [
            name
            for name in names
            if not (_cover if by_coverage else _mutate)(name, share, Path(folder) / name)
        ]
        if keeps and by_coverage:
            for name in set(names) - set(failed):
                _merge(name, Path(folder) / name)
        failed += _sanitize([name for name in names if name in READ_BY], seconds * 0.1)
    sys.exit(f"broken: {', '.join(failed)}" if failed else 0)


def _cover(name: str, seconds: int, folder: Path) -> bool:
    """Whether the target held for so long; new inputs lie in `folder` afterwards."""
    _unpack(name, folder)
    broken = folder.with_suffix(".broken")
    limits = [f"-max_total_time={seconds}", f"-timeout={TOO_LONG}", "-max_len=4000"]
    quiet = ["-print_final_stats=1", "-verbosity=0", f"-exact_artifact_path={broken}"]
    done = _python("by_coverage", name, str(folder), *limits, *quiet)
    tried = [line.split()[-1] for line in done.stderr.splitlines() if "executed_units" in line]
    if done.returncode == 0:
        click.echo(f"{name}: {tried[0] if tried else '?'} inputs, none broke it")
        return True
    click.echo(done.stderr[-4000:])
    if broken.exists():
        line = base64.b64encode(broken.read_bytes()).decode()
        click.echo(f"{name}: broken by this line of {CORPUS.name}/{name}.txt: {line}")
    return False


def _mutate(name: str, seconds: int, _folder: Path) -> bool:
    ends, seed, runs = time.monotonic() + seconds, time.time_ns(), 0
    while time.monotonic() < ends:
        done = _python("by_mutations", name, str(AT_ONCE), str(seed + runs))
        if done.returncode:
            click.echo(done.stderr[-4000:])
            return False
        runs += AT_ONCE
    click.echo(f"{name}: {runs} inputs, none broke it")
    return True


def _sanitize(names: list[str], seconds: float) -> list[str]:
    """The readers under sanitizers; the names of those that broke."""
    if not names or compiler() is None:
        click.echo(
            "the readers in C were not sanitized: no gcc here" if names else "no reader chosen"
        )
        return []
    broken = []
    with tempfile.TemporaryDirectory() as built:
        build(Path(built))
        for name in names:
            runs = max(200, int(seconds * 20))
            done = run(Path(built), name, runs, seed=time.time_ns())
            click.echo(f"{name}, sanitized: {done.stdout.strip() or done.stderr[-4000:]}")
            broken += [name] if done.returncode else []
    return broken


def _merge(name: str, folder: Path) -> None:
    """Keep the least of all inputs that reaches as much."""
    least = folder.with_suffix(".least")
    least.mkdir()
    _python("by_coverage", name, str(least), str(folder), "-merge=1", "-max_len=4000")
    found = [path.read_bytes() for path in least.iterdir()]
    if found:
        keep(name, found)
        click.echo(f"{name}: {len(kept(name))} inputs are kept")


def _unpack(name: str, folder: Path) -> None:
    folder.mkdir()
    for number, data in enumerate(kept(name)):
        (folder / f"{number:04}").write_bytes(data)


def _python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "contract")))
    return subprocess.run(
        [sys.executable, "-m", f"fuzz.{module}", *arguments],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
