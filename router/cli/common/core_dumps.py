"""A process that crashes leaves nothing of its memory on disk: it holds prompts and keys."""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def forbid_core_dumps() -> None:
    """Have the system write no memory of this process, and of those that it starts no files.

    On Linux it is no longer dumpable: that holds for programs that take cores by a pipe too, and
    nobody but root may look into it. A process that it starts decides on that anew.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
