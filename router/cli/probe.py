"""Ask a backend the probe prompts: cost first, then a progress bar; a broken run goes on."""

import asyncio
import json
from pathlib import Path
from typing import IO, Any, Final

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from classifiers.checks import check
from classifiers.outcomes import Outcome
from classifiers.probes import Probe, probes
from classifiers.prompt import prompt_of_text
from policies.findings import suggestion
from router.backends.aiohttp_transport import AiohttpTransport
from router.backends.backend import Backend
from router.backends.dispatch import Dispatcher
from router.domain import PICO_PER_USD, Usage
from router.errors import TurnoutError
from router.pipeline.documents import Documents
from router.pipeline.resolve import resolve
from router.pipeline.snapshot import price_book
from router.wire.chat import parse_chat

ANSWER_TOKENS: Final = 500  # the most a probe may answer
LIKELY_TOKENS: Final = 150
AT_ONCE: Final = 4
FAILURES: Final = 10  # so many failures without an answer between them end the run


def probe_backend(
    documents: Documents, name: str, *, answers: Path, yes: bool, limit: int | None
) -> list[Outcome]:
    """Ask every probe that was not asked yet; returns the outcomes of all.

    Scores are kept in `answers` as they come (no text), so that a run that broke off goes on.
    Ends with a ClickException where the backend is unknown or does not answer.
    """
    backend = _backend(documents, name)
    asked = probes()[:limit]
    done = _answered(answers)
    open_ = [probe for probe in asked if probe.id not in done]
    if open_:
        _confirm(documents, name, open_, yes)
        with answers.open("a", encoding="utf-8") as file:
            asyncio.run(_ask_all(backend, open_, file))
        done = _answered(answers)
    return [
        Outcome(name, done[probe.id], prompt_of_text(probe.text), by="probes")
        for probe in asked
        if probe.id in done
    ]


def _backend(documents: Documents, name: str) -> Backend:
    sections = documents.config.backends
    if name not in sections:
        hint = suggestion(name, sections, what="backends")
        raise click.ClickException(f"{documents.config_path} has no backend {name!r}: {hint}")
    backend = resolve(name, sections[name]).backend
    if backend is None:
        raise click.ClickException(f"backend {name!r} is not complete: run turnout check")
    return backend


def _confirm(documents: Documents, name: str, open_: list[Probe], yes: bool) -> None:
    price = price_book(documents.config).price(name)
    tokens = sum(len(probe.text) // 4 + 10 for probe in open_)
    likely = price.cost(Usage(tokens, LIKELY_TOKENS * len(open_))) / PICO_PER_USD
    most = price.cost(Usage(tokens, ANSWER_TOKENS * len(open_))) / PICO_PER_USD
    click.echo(
        f"{name}: {len(open_)} probe prompts, about {tokens} tokens in; likely ${likely:.4f}, at "
        f"most ${most:.4f} at the prices of {documents.config_path}",
        err=True,
    )
    if most > 0 and not yes:
        click.confirm("Ask them?", abort=True, err=True)


def _answered(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    records = (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip())
    return {record["probe"]: float(record["score"]) for record in records}


async def _ask_all(backend: Backend, open_: list[Probe], file: IO[str]) -> None:
    dispatcher = Dispatcher(AiohttpTransport())
    dispatcher.adopt([backend])
    waiting = iter(open_)
    failed: list[str] = []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(f"asking {backend.name}", total=len(open_))

        async def worker() -> None:
            for probe in waiting:
                try:
                    answer = await _ask(dispatcher, backend, probe)
                except TurnoutError as error:
                    failed.append(error.message)
                    if len(failed) >= FAILURES:
                        return
                    continue
                failed.clear()
                score = await asyncio.to_thread(check, probe, answer)
                file.write(json.dumps({"probe": probe.id, "score": score}) + "\n")
                file.flush()
                bar.advance(task)

        try:
            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        finally:
            await dispatcher.close()
    if len(failed) >= FAILURES:
        raise click.ClickException(
            f"{backend.name} does not answer: {failed[-1].rstrip('.')}. What was answered is kept; "
            "run the same command again to go on."
        )


async def _ask(dispatcher: Dispatcher, backend: Backend, probe: Probe) -> str:
    """The text of one answer; TurnoutError where there is none."""
    body = {
        "model": backend.name,
        "messages": [{"role": "user", "content": probe.text}],
        "temperature": 0,
        "max_tokens": ANSWER_TOKENS,
    }
    request = parse_chat(orjson.dumps(body))
    async with dispatcher.open((backend,), request, f"probe-{probe.id}") as upstream:
        reply: Any = orjson.loads(upstream.body)
    return str(reply["choices"][0]["message"].get("content") or "")
