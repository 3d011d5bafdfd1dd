"""What names in the documents look like."""

from typing import Final

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"
