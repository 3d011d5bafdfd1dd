"""`turnout score`: JSONL of chat requests in, JSONL of probabilities out."""

from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import click
import orjson

from classifiers.artifact import ArtifactError
from classifiers.prompt import Prompt, prompt_of_messages
from classifiers.serving import Classifier
from classifiers.text.lexical_features import FEATURES_VERSION
from router.cli.common.saying import say
from router.cli.common.streams import STANDARD, any_file, reading, writing
from router.printable import safe_json

BATCH: Final = 64
_AT_ONCE: Final = 1 << 20  # bytes read at most before they are scored
_BOM: Final = b"\xef\xbb\xbf"
_EMPTY: Final = Prompt()


@click.command()
@click.argument("requests", type=any_file, default=STANDARD)
@click.option("--out", type=any_file, default=STANDARD, help="Where to write; default: stdout.")
@click.option(
    "--ability",
    "cards",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An ability card to use in place of the shipped one of its name, or beside them. "
    "May be given several times.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to score; auto takes the GPU where there is one.",
)
def score(requests: Path, out: Path, cards: Sequence[Path], device: str) -> None:
    """Say how likely each backend is to answer well, for every chat request in REQUESTS.

    REQUESTS holds one JSON object a line with `messages` (and `tools`), as sent to
    /v1/chat/completions; `model` may be missing. Each line gives one line
    {"id", "success": {ability: probability}, "features_version", "classifier"}; the id is the
    request's `id` or `custom_id`, else its line number. A line that cannot be read gives an empty
    `success` and an `error`, and the exit code is 1. Lines are answered as they arrive.
    """
    try:
        classifier = Classifier.load(device=device, cards=cards)
    except ArtifactError as error:
        raise click.ClickException(str(error)) from None
    with reading(requests) as source, writing(out, source=source) as sink:
        unreadable = _answer(classifier, source, sink)
    if unreadable:
        say(f"{unreadable} lines could not be read; their `error` says why", err=True)
        raise SystemExit(1)


def _answer(classifier: Classifier, source: BinaryIO, sink: BinaryIO) -> int:
    """Answer every line; returns how many could not be read."""
    unreadable = 0
    for lines in _arrivals(source):
        for start in range(0, len(lines), BATCH):
            results = list(_score(classifier, lines[start : start + BATCH]))
            unreadable += sum("error" in result for result in results)
            written = "\n".join(orjson.dumps(result).decode() for result in results)
            sink.write(f"{safe_json(written)}\n".encode())
        sink.flush()
    return unreadable


def _arrivals(source: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """The lines that are there, numbered and without blank ones; more are not waited for."""
    number = 0
    for text in _whole_lines(cast(BufferedReader, source)):
        lines = text.split(b"\n")
        if not number:
            lines[0] = lines[0].removeprefix(_BOM)
        yield [(place, line) for place, line in enumerate(lines, number + 1) if line.strip()]
        number += len(lines)


def _whole_lines(source: BufferedReader) -> Iterator[bytes]:
    parts: list[bytes] = []
    while chunk := source.read1(_AT_ONCE):
        whole, newline, rest = chunk.rpartition(b"\n")
        if newline:
            yield b"".join((*parts, whole))
            parts = []
        parts.append(rest)
    if tail := b"".join(parts):
        yield tail


def _score(
    classifier: Classifier, lines: Sequence[tuple[int, bytes]]
) -> Iterator[Mapping[str, Any]]:
    read = [_read(number, line) for number, line in lines]
    scored = classifier.score([prompt for _, prompt, _ in read])
    for (name, _, error), classification in zip(read, scored, strict=True):
        result: dict[str, Any] = {
            "id": name,
            "success": {} if error else _rounded(classification.success),
            "features_version": FEATURES_VERSION,
            "classifier": classifier.version,
        }
        yield {**result, "error": error} if error else result


def _rounded(success: Mapping[str, float]) -> dict[str, float]:
    return {name: round(p, 6) for name, p in success.items()}


def _read(number: int, line: bytes) -> tuple[Any, Prompt, str]:
    """(id, prompt, what is wrong) of one line."""
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return number, _EMPTY, f"line {number} is not JSON: {error}"
    if not isinstance(request, dict):
        return number, _EMPTY, f"line {number} is not a JSON object"
    given = (request.get("id"), request.get("custom_id"))
    name = next((each for each in given if each is not None), number)
    if not _writable(name):
        return number, _EMPTY, f"the id of line {number} is nested too deeply"
    body = request.get("body") if "messages" not in request else request
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return name, _EMPTY, f"line {number} has no `messages`: a list of chat messages is needed"
    return name, prompt_of_messages(body["messages"], body.get("tools")), ""


def _writable(name: Any) -> bool:
    try:
        orjson.dumps({"id": name})
    except TypeError:  # orjson reads deeper than it writes
        return False
    return True
