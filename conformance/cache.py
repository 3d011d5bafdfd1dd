"""Where clients are installed, each by itself, from its lock. Git ignores the folder."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from conformance.clients_table import Client

SOURCES: Final = Path(__file__).parent / "clients"
KITS: Final = Path(__file__).parent / "kits"
CACHE: Final = Path(__file__).parents[1] / ".conformance"
_PATIENCE_SECONDS: Final = 1800.0


class CannotInstall(RuntimeError):
    """A tool is missing, or what the lock names could not be had; the text says which."""


@dataclass(frozen=True, slots=True)
class Registry:
    """`tool` must be on the machine; `locks` are the files that pin; `install` runs in the folder;
    `version` reads that of a package out of the lock; what ends with `compiled` is built."""

    tool: str
    hint: str
    locks: tuple[str, ...]
    install: Callable[[Path], Sequence[Sequence[str]]]
    command: Callable[[Path], Sequence[str]]
    version: Callable[[Path, str], str]
    compiled: str = "none"


def _python_steps(folder: Path) -> Sequence[Sequence[str]]:
    """uv where it is there: it takes seconds where pip takes minutes, from the same lock."""
    python = str(folder / ".venv" / "bin" / "python")
    uv = shutil.which("uv")
    if uv is None:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        return (
            [sys.executable, "-m", "venv", str(folder / ".venv")],
            [*pip, "--no-deps", "--require-hashes", "-r", "requirements.txt"],
        )
    return (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder / ".venv")],
        [
            *(uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
            *("--python", python, "-r", "requirements.txt"),
        ],
    )


def _python_version(folder: Path, package: str) -> str:
    text = (folder / "requirements.txt").read_text()
    return str(re.findall(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)[0])


def _node_version(folder: Path, package: str) -> str:
    lock = json.loads((folder / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def _go_version(folder: Path, package: str) -> str:
    text = (folder / "go.mod").read_text()
    return str(re.findall(rf"{re.escape(package)} v(\S+)", text)[0])


def _java_version(folder: Path, package: str) -> str:
    text = (folder / "pom.xml").read_text()
    return str(re.findall(rf"<artifactId>{package}</artifactId>\s*<version>(.+?)<", text)[0])


def _rust_version(folder: Path, package: str) -> str:
    text = (folder / "Cargo.lock").read_text()
    return str(re.findall(rf'name = "{package}"\nversion = "(.+?)"', text)[0])


REGISTRIES: Final[Mapping[str, Registry]] = MappingProxyType(
    {
        "PyPI": Registry(
            "python3",
            "Python 3.11 or newer",
            ("requirements.txt",),
            _python_steps,
            lambda folder: [str(folder / ".venv" / "bin" / "python"), "drive.py"],
            _python_version,
        ),
        "npm": Registry(
            "npm",
            "Node 20 or newer (on Debian: apt-get install npm)",
            ("package-lock.json", "package.json"),
            # Not `npm ci`: it refuses locks whose packages for other systems a registry lacks.
            lambda _folder: [["npm", "install", "--no-save", "--no-audit", "--no-fund"]],
            lambda _folder: ["node", "drive.mjs"],
            _node_version,
        ),
        "Go": Registry(
            "go",
            "Go 1.24 or newer (https://go.dev/dl)",
            ("go.sum", "go.mod"),
            lambda _folder: [["go", "build", "-mod=readonly", "-o", "drive", "."]],
            lambda folder: [str(folder / "drive")],
            _go_version,
            ".go",
        ),
        "Maven": Registry(
            "mvn",
            "a JDK 17 and Maven (on Debian: apt-get install maven)",
            ("pom.xml",),
            lambda _folder: [["mvn", "--batch-mode", "--no-transfer-progress", "package"]],
            lambda _folder: ["java", "-cp", "target/classes:target/lib/*", "Drive"],
            _java_version,
            ".java",
        ),
        "crates.io": Registry(
            "cargo",
            "Rust (https://rustup.rs)",
            ("Cargo.lock", "Cargo.toml"),
            lambda _folder: [["cargo", "build", "--quiet", "--locked"]],
            lambda folder: [str(folder / "target" / "debug" / "drive")],
            _rust_version,
            ".rs",
        ),
    }
)


def version_of(client: Client) -> str:
    """The locked version of a client."""
    return REGISTRIES[client.registry].version(SOURCES / client.folder, client.package)


def command_of(client: Client, folder: Path) -> list[str]:
    """How its driver is started. Agents, which are commands themselves, have a driver in Python."""
    if client.registry == "npm" and (folder / "drive.py").exists():
        return [sys.executable, "drive.py"]
    return list(REGISTRIES[client.registry].command(folder))


def install(client: Client, say: Callable[[str], None]) -> Path:
    """Install a client unless it is there as its lock and driver say. Raises CannotInstall."""
    registry, source = REGISTRIES[client.registry], SOURCES / client.folder
    if shutil.which(registry.tool) is None:
        raise CannotInstall(f"{registry.tool} is missing: {client.name} needs {registry.hint}")
    folder = CACHE / client.folder
    stamp, wanted = folder / ".installed", _digest(source, registry)
    if not (stamp.exists() and stamp.read_text() == wanted):
        say(f"installing {client.folder} from {registry.locks[0]}")
        stamp.unlink(missing_ok=True)
        copied(client, folder)
        for step in registry.install(folder):
            _run(step, folder)
        stamp.write_text(wanted)
    return copied(client, folder)


def driver_digest(folder: str) -> str:
    """Of a client's lock and driver: a record tells it, and is of no other."""
    return digest_of(sorted(path for path in (SOURCES / folder).rglob("*") if path.is_file()))


def digest_of(files: Sequence[Path]) -> str:
    """The first letters of a sha256 of files, in their order."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _digest(source: Path, registry: Registry) -> str:
    """What a build depends on: locks, and drivers that are compiled."""
    files = [source / name for name in registry.locks]
    for folder in (source, KITS):
        files += sorted(path for path in folder.rglob("*") if path.suffix == registry.compiled)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def copied(client: Client, folder: Path) -> Path:
    """Driver, lock and kits in a folder, which is returned."""
    shutil.copytree(SOURCES / client.folder, folder, dirs_exist_ok=True)
    shutil.copytree(KITS, folder, dirs_exist_ok=True)
    return folder


def _run(step: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        step,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        env=os.environ | {"npm_config_update_notifier": "false"},
        check=False,
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip()[-1500:]
        raise CannotInstall(f"{' '.join(step[:4])} ... failed in {folder}:\n{last}")
