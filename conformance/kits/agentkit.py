"""What drivers of coding agents share: a home and a folder of their own, a prompt, what is left."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import kit

HELLO = "Hello from the scripted model."
FILE = "greeting.txt"
SECONDS = 200.0
HERE = Path(__file__).parent


class At:
    """Where an agent works: `home` holds its settings, `folder` the file."""

    def __init__(self, root: Path) -> None:
        self.home, self.folder = root / "home", root / "work"
        for folder in (self.home, self.folder):
            folder.mkdir()
        subprocess.run(["git", "init", "--quiet"], cwd=self.folder, check=True)
        self.file = self.folder / FILE
        self.file.write_text("Hello wrold\n")

    def write(self, name: str, text: str) -> Path:
        """A file of settings, in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


Command = Callable[[At, str], tuple[list[str], Mapping[str, str]]]


def binary(name: str) -> str:
    """An agent's command, where its installation put it."""
    inside = HERE / "node_modules" / ".bin" / name
    return str(inside if inside.exists() else Path(sys.executable).parent / name)


def work(command: Command, prompt: Callable[[At], str]) -> tuple[At, str, str]:
    """Run an agent; return its file's text and what it said."""
    with tempfile.TemporaryDirectory(prefix="turnout-agent-") as root:
        at = At(Path(root).resolve())
        words, env = command(at, prompt(at))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "GIT_"))}
        done = subprocess.run(
            words,
            cwd=at.folder,
            env=kept | {"HOME": str(at.home), "TERM": "dumb", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return at.file.read_text(), done.stdout, done.stderr


def last_word(out: str, err: str) -> str:
    """The end of what an agent said, for the record of a failure."""
    lines = (out.strip() or err.strip()).splitlines()[-3:]
    return " ".join(lines).replace(kit.ROOT, "ROOT")[-300:]


def run(command: Command, notes: Callable[[str], dict] = lambda err: {}) -> None:
    """The jobs of an agent; `notes` reads more for the outcome out of what it complained of."""

    def say() -> dict:
        _, out, err = work(command, lambda _: kit.SAY)
        return {"text": HELLO if HELLO in out else last_word(out, err)} | notes(err)

    def edit() -> dict:
        def prompt(at: At) -> str:
            return f"Mend the spelling in {at.file} please. [job:edit {at.file}]"

        text, out, err = work(command, prompt)
        said = {} if "world" in text else {"said": last_word(out, err)}
        return {"file": text} | said | notes(err)

    kit.run(say=say, edit=edit)
