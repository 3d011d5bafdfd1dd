"""Where the embedded server's socket lies: in its folder, or where the path is short enough.

Whoever can put a socket there is the ledger: all that gateways reserve and settle goes to it. So a
place beside other users' files (the folder for temporary files) is used only if it is a folder of
our own that nobody else may enter, and no link. Where another is found under the usual name, a
fresh one is made instead; the data folder, which is private, says which.
"""

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Final

from router.private_files import is_private_folder, private

_LOG = logging.getLogger("turnout")
_NAME: Final = "valkey.sock"
_LONGEST: Final = 100  # the kernel takes 107 bytes
_NOTE: Final = "socket-folder"  # in the data folder: the fresh folder that was made instead


def known_socket(folder: Path) -> Path:
    """The socket of the server in this folder, as far as is known before it is started."""
    own = folder / _NAME
    if _fits(own):
        return own
    return (_noted(folder) or _usual(folder)) / _NAME


def make_socket_place(folder: Path) -> Path:
    """Return the path for the server's socket, in a folder that exists and is ours alone.

    One process at a time may call it, and `folder` is private. Raises OSError where no folder can
    be made.
    """
    own = folder / _NAME
    if _fits(own):
        return own
    noted = _noted(folder, again=True)
    if noted is not None:
        return noted / _NAME
    usual = _usual(folder)
    with contextlib.suppress(FileExistsError):
        usual.mkdir(mode=0o700)
    if is_private_folder(usual):
        return usual / _NAME
    fresh = Path(tempfile.mkdtemp(prefix="turnout-"))
    with open(folder / _NOTE, "w", encoding="utf-8", opener=private) as note:
        note.write(str(fresh))
    _LOG.warning(
        "the folder for the ledger's socket is not ours alone; a fresh one is used",
        extra={"refused": str(usual), "folder": str(fresh)},
    )
    return fresh / _NAME


def _noted(folder: Path, *, again: bool = False) -> Path | None:
    """The fresh folder that was made for this one, while it is still ours alone.

    `again`: make it again where it is gone, since gateways that run will look for a server there.
    """
    try:
        noted = Path((folder / _NOTE).read_text(encoding="utf-8"))
        if again:
            noted.mkdir(mode=0o700, exist_ok=True)
    except (OSError, ValueError):
        return None
    return noted if is_private_folder(noted) and _fits(noted / _NAME) else None


def _usual(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"turnout-{os.getuid()}-{name}"


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST
