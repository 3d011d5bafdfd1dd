"""A PostgreSQL server for the tests, from what the system has installed."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
from patience import until

_NO_FLUSHES: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def _program(name: str) -> str:
    """Where a program of PostgreSQL's server is: Debian keeps it off the PATH."""
    candidates = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    there = [str(path) for path in candidates if path is not None]
    assert there, "PostgreSQL is missing. On Debian: apt-get install postgresql"
    return there[-1]


class PostgreSQL:
    """A running server; `new_database` makes an empty database and returns its address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def new_database(self) -> str:
        """An SQLAlchemy address."""
        self._made += 1
        name = f"database_{self._made}"
        with self._connect() as connection:
            connection.execute(f"create database {name}")  # type: ignore[call-overload]
        return f"postgresql+psycopg://turnout@/{name}?host={self._folder}"

    def answers(self) -> bool:
        """Whether it can be asked."""
        with suppress(psycopg.OperationalError), self._connect():
            return True
        return False

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        where = f"host={self._folder} user=turnout dbname=postgres"
        return psycopg.connect(where, autocommit=True)


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a server on a socket in a folder of its own, which is gone afterwards."""
    root = os.getuid() == 0
    with tempfile.TemporaryDirectory(prefix="turnout-postgresql-") as name:
        folder = Path(name)
        if root:  # the server refuses to run as root
            shutil.chown(folder, "nobody")
        user = {"user": "nobody"} if root else {}
        data = str(folder / "data")
        making = [_program("initdb"), "-D", data, "-U", "turnout", "-A", "trust", "-N"]
        making += ["-E", "UTF8", "--locale=C"]
        subprocess.run(making, check=True, capture_output=True, cwd=folder, **user)
        command = [_program("postgres"), "-D", data, "-k", name, "-c", "listen_addresses="]
        for setting in _NO_FLUSHES:
            command += ["-c", setting]
        log = (folder / "log").open("wb")
        with log, subprocess.Popen(command, cwd=folder, stderr=log, **user) as process:
            try:
                server = PostgreSQL(folder)
                until(server.answers, (folder / "log").read_text)
                yield server
            finally:
                process.send_signal(signal.SIGINT)  # whoever is still connected is cut off
