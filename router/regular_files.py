"""Files that configuration names: read whole, and only what is a file.

A pipe, a device or a socket under such a name has no end, or no beginning: whoever reads it waits.
"""

import os
import stat
from pathlib import Path
from typing import Final

_FOLDER: Final = "Is a directory"
_ENDLESS: Final = "it is a pipe, a device or a socket, not a file"


def read_regular(path: Path | str, most: int) -> bytes:
    """The bytes of a file, links followed; of a longer one, one more than `most`.

    Never waits: what is no regular file is refused. Raises OSError.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(opened).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(None, _FOLDER if stat.S_ISDIR(mode) else _ENDLESS)
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read(most + 1)
    finally:
        os.close(opened)
