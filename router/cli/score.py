"""`turnout score`: JSONL of chat requests in, JSONL of probabilities out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import orjson

from classifiers.artifact import ArtifactError
from classifiers.features import FEATURES_VERSION
from classifiers.prompt import Prompt, prompt_of_messages
from classifiers.serving import Classifier

BATCH: Final = 64
_EMPTY: Final = Prompt()


@click.command()
@click.argument("requests", type=click.File("rb"), default="-")
@click.option("--out", type=click.File("wb"), default="-", help="Where to write; default: stdout.")
@click.option(
    "--ability",
    "cards",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An ability card to use in place of the shipped one of its name, or beside them.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to score; auto takes the GPU where there is one.",
)
def score(requests: BinaryIO, out: BinaryIO, cards: Sequence[Path], device: str) -> None:
    """Say how likely each backend is to answer well, for every chat request in REQUESTS.

    REQUESTS holds one JSON object a line with `messages` (and `tools`), as sent to
    /v1/chat/completions; `model` may be missing. Each line gives one line
    {"id", "success": {ability: probability}, "features_version", "classifier"}; the id is the
    request's `id` or `custom_id`, else its line number. A line that cannot be read gives an empty
    `success` and an `error`, and the exit code is 1.
    """
    try:
        classifier = Classifier.load(device=device, cards=cards)
    except ArtifactError as error:
        raise click.ClickException(str(error)) from None
    unreadable = 0
    for lines in _batches(requests):
        results = list(_score(classifier, lines))
        unreadable += sum("error" in result for result in results)
        out.write(b"".join(orjson.dumps(result) + b"\n" for result in results))
    if unreadable:
        click.echo(f"{unreadable} lines could not be read; their `error` says why", err=True)
        raise SystemExit(1)


def _batches(source: Iterable[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    numbered = ((number, line) for number, line in enumerate(source, 1) if line.strip())
    while batch := list(islice(numbered, BATCH)):
        yield batch


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
    name = request.get("id", request.get("custom_id", number))
    body = request.get("body") if "messages" not in request else request
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return name, _EMPTY, f"line {number} has no `messages`: a list of chat messages is needed"
    return name, prompt_of_messages(body["messages"], body.get("tools")), ""
