"""What a backend scored on the probes so far, kept as JSON lines so that a broken run goes on.

    {"probe": "code-00", "score": 1.0, "backend": "moe", "model": "mixtral-8x7b"}

No text is kept. A last line that was cut short is asked again; any other wrong line, or one of
another backend or model, is refused before anything is asked.
"""

import json
from collections.abc import Container
from pathlib import Path
from typing import IO, Any

import click

_AWAY = "Delete the file or move it away to ask again."


class ProbeAnswers:
    """The scores in `path`, of the probes in `known`; ClickException where the file is wrong."""

    def __init__(self, path: Path, backend: str, model: str, known: Container[str]) -> None:
        self.path = path
        self._who = {"backend": backend, "model": model}
        self._known = known
        self.scores: dict[str, float] = {}
        self._whole = b""  # the file as it should be, should its last line be cut
        if path.exists():
            self._read(path.read_bytes())

    def open(self) -> IO[bytes]:
        """The file, ready for more lines."""
        file = self.path.open("ab")
        if file.tell() != len(self._whole):
            file.truncate(0)
            file.write(self._whole)
        return file

    def add(self, file: IO[bytes], probe: str, score: float) -> None:
        """Keep one score: it is on its way to the disk when this returns."""
        record = {"probe": probe, "score": score} | self._who
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        self.scores[probe] = score

    def _read(self, data: bytes) -> None:
        *lines, last = data.split(b"\n")
        if _whole(last):
            lines.append(last)
        self._whole = b"".join(line + b"\n" for line in lines)
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    self._take(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise click.ClickException(
                        f"{self.path} line {number} {_reason(error)}. {_AWAY}"
                    ) from None

    def _take(self, record: Any) -> None:
        """One line; ValueError says what is wrong with it, after the words "line 3"."""
        if not isinstance(record, dict) or not {"probe", "score"} <= record.keys():
            raise ValueError("is no answer to a probe: it needs `probe` and `score`")
        if not self._who.keys() <= record.keys():
            raise ValueError("does not say which backend and model answered")
        who = {key: record[key] for key in self._who}
        if who != self._who:
            raise ValueError(
                f"was answered by {who['backend']} (model {who['model']}), not by "
                f"{self._who['backend']} (model {self._who['model']}): give another --out"
            )
        probe, score = record["probe"], record["score"]
        if not isinstance(probe, str) or probe not in self._known:
            raise ValueError("names no probe of this version")
        if isinstance(score, bool) or score not in (0, 1):
            raise ValueError("has a `score` that is neither 0 nor 1")
        self.scores[probe] = float(score)


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _reason(error: Exception) -> str:
    is_json = isinstance(error, ValueError) and not isinstance(
        error, json.JSONDecodeError | UnicodeDecodeError
    )
    return str(error) if is_json else "is not JSON"
