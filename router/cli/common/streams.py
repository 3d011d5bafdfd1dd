"""Files and standard streams of a command: opened when needed, their failures one plain line."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

import click

STANDARD: Final = Path("-")
any_file: Final = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or standard input for `-`. What fails ends the command with exit code 1."""
    try:
        if path == STANDARD:
            yield _standard("stdin")
        else:
            with path.open("rb") as source:
                yield source
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(
            f"{_name(path, 'input')} cannot be read: {_why(error)}"
        ) from None


@contextmanager
def writing(path: Path, *, source: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """Empty a file, or take standard output for `-`; all is written when the block ends.

    What fails ends the command with exit code 1, and so does a file that is also the source.
    """
    try:
        standard = _standard("stdout") if path == STANDARD else None
        if source is not None and _same(source, standard or path):
            raise click.ClickException(
                f"{_name(path, 'output')} is the file that is read: write to another"
            )
        if standard is not None:
            yield standard
            standard.flush()
        else:
            with path.open("wb") as out:
                yield out
    except BrokenPipeError:
        raise  # the reader has had enough: click ends the command quietly
    except OSError as error:
        if path == STANDARD:
            _forget_output()
        message = f"{_name(path, 'output')} cannot be written: {_why(error)}"
        raise click.ClickException(message) from None


def _name(path: Path, standard: str) -> str:
    return f"standard {standard}" if path == STANDARD else str(path)


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _standard(name: Literal["stdin", "stdout"]) -> BinaryIO:
    stream = getattr(sys, name)
    if stream is None:  # closed by whoever started the command
        raise OSError("it is closed")
    return cast(BinaryIO, stream.buffer)


def _same(source: BinaryIO, target: BinaryIO | Path) -> bool:
    """Whether both are one regular file, by whatever names."""
    with suppress(OSError):  # no file yet, or a stream without one
        there = target.stat() if isinstance(target, Path) else os.fstat(target.fileno())
        here = os.fstat(source.fileno())
        return stat.S_ISREG(there.st_mode) and os.path.samestat(here, there)
    return False


def _forget_output() -> None:
    """Discard what is still buffered, or the interpreter fails on it once more."""
    with suppress(OSError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
