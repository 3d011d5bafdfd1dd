"""Logs: one JSON object a line for machines, one readable line on a terminal. Never any prompt.

Nothing here can see a prompt, a completion or a key: callers pass short facts as `extra`, and an
exception is logged by its type and the places in our own code, never by its text, since foreign
exceptions quote what they were given.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

from router.printable import printable

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _failure(record: logging.LogRecord) -> dict[str, object]:
    if record.exc_info is None or record.exc_info[1] is None:
        return {}
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
    return {"error": type(error).__name__, "at": " > ".join(places[-8:])}


class JsonFormatter(logging.Formatter):
    """One JSON object a line; line breaks and control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
            **_failure(record),
        }
        return json.dumps(line, default=str)


class TerminalFormatter(logging.Formatter):
    """Time, level, message, then the facts as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one readable line."""
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        facts = {**_facts(record), **_failure(record)}
        tail = "".join(f"  {key}={value}" for key, value in facts.items())
        text = f"{clock} {record.levelname.lower():7} {record.getMessage()}{tail}"
        return printable(text.replace("\n", " "))


def set_up_logs(level: str) -> None:
    """Send logs to standard error: readable on a terminal, JSON lines otherwise."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TerminalFormatter() if sys.stderr.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("asyncio", "hpack", "httpcore", "httpx", "sqlalchemy", "urllib3", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
