"""The one place that reads the process environment."""

import os
from collections.abc import Mapping
from typing import Final

LOG_LEVEL: Final = "TURNOUT_LOG_LEVEL"
CONFIG: Final = "TURNOUT_CONFIG"


def environment() -> Mapping[str, str]:
    """Return the process environment as it is now: `${NAME}` of turnout.yaml, and the proxies."""
    return dict(os.environ)


def log_level() -> str:
    """Return the level of the logs: TURNOUT_LOG_LEVEL, else `info`."""
    return os.environ.get(LOG_LEVEL, "info")
