"""The version of this program's tables: `make revision` writes this file."""

from typing import Final

HEAD: Final = "0001"
