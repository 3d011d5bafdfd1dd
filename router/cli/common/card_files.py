"""Where `turnout calibrate` puts a card: checked before any work, written whole or not at all."""

import os
import re
import tempfile
from pathlib import Path
from typing import Final

import click

STDOUT: Final = Path("-")
_PLAIN: Final = re.compile(r"\w[\w.@+-]*")
_LONGEST: Final = 200  # bytes of a name; file systems take 255 with the ending
_ROOM: Final = 1 << 18  # bytes; a card has at most some 100 KB


def card_path(name: str, out: Path | None) -> Path:
    """The file for the card `name`: `out`, else NAME.json. ClickException if it cannot be one."""
    if out is None and (not _PLAIN.fullmatch(name) or len(name.encode()) > _LONGEST):
        shown = repr(name if len(name) <= 60 else name[:60] + "...")
        raise click.ClickException(
            f"the backend name {shown} is no plain file name: say with --out where its card goes"
        )
    path = out or Path(f"{name}.json")
    if path != STDOUT:
        _check_room(path)
    return path


def write_card(path: Path, card: bytes) -> None:
    """Write a card; a card that was there stays until the new one is whole."""
    if path == STDOUT:
        click.echo(card, nl=False)
        return
    try:
        if path.exists() and not path.is_file():  # a pipe, say
            path.write_bytes(card)
            return
        path = path.resolve()
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(card)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> click.ClickException:
    """The one line about a file that cannot be written."""
    return click.ClickException(f"{path} cannot be written: {error.strerror or error}")


def _check_room(path: Path) -> None:
    if path.is_dir():
        raise click.ClickException(f"{path} is a folder: give --out the name of a file")
    if path.exists() and not path.is_file():
        return
    if path.exists() and not os.access(path, os.W_OK):
        raise click.ClickException(f"{path} cannot be written: Permission denied")
    try:
        with tempfile.TemporaryFile(dir=path.resolve().parent) as file:
            file.write(bytes(_ROOM))
    except OSError as error:
        raise cannot_write(path, error) from None
