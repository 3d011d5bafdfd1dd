"""`turnout demo`: the whole of it on this machine, with no key, no GPU and no network."""

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import click
import openai
from openai import OpenAI
from rich.console import Console

from router.cli.common.documents import documents_or_end
from router.cli.demo_parts.prompts import PIECES
from router.cli.demo_parts.report import (
    answers_table,
    print_caveat,
    print_invitation,
    refusal_panel,
)
from router.cli.demo_parts.run import DemoAnswer, ask, run_into_limit
from router.cli.demo_parts.stack import Stack, running_stack

_MOST_FREE_REQUESTS = 60


def _clients(stack: Stack) -> dict[str, OpenAI]:
    return {
        tier: OpenAI(base_url=stack.base_url, api_key=key, max_retries=0)
        for tier, key in stack.keys.items()
    }


def _shortfalls(answers: Sequence[DemoAnswer]) -> list[str]:
    """Return each promise of the demo that was broken."""
    served = {answer.backend for answer in answers}
    lacking = [
        f"no prompt went to {name}" for name in ("local", "moe", "premium") if name not in served
    ]
    return lacking + [f"{a.piece.title}: empty answer" for a in answers if not a.text]


def _show(console: Console, stack: Stack) -> None:
    clients = _clients(stack)
    answers = []
    with console.status("asking") as status:
        for piece in PIECES:
            status.update(f"asking: {piece.title} ({piece.note})")
            answers.append(ask(clients[piece.customer], piece))
        status.update("running the free key into its limit")
        refusal = run_into_limit(clients["free"], _MOST_FREE_REQUESTS)
    documents = documents_or_end(stack.config)
    console.print(answers_table(answers, documents.prices))
    print_caveat(console)
    console.print(refusal_panel(refusal))
    shortfalls = _shortfalls(answers)
    if shortfalls:
        raise click.ClickException("; ".join(shortfalls))


def _wait_for_ctrl_c() -> None:
    done = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    done.wait()


@click.command()
@click.option("--once", is_flag=True, help="End after the tables; exit code 0 only if all worked.")
@click.option("--port", default=8080, show_default=True, help="Where the gateway listens.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".turnout/demo"),
    show_default=True,
    help="Emptied, then filled with the demo's configuration, ledger and logs.",
)
def demo(once: bool, port: int, folder: Path) -> None:
    """See Turnout work: no key, no GPU, no network.

    Starts a real local model (llama.cpp), two SIMULATED backends that stand for a MoE and a premium
    model, the embedded ledger and the gateway; asks a handful of prompts through the official
    openai client and shows which backend took each, why, and what it saved; then runs a free key
    into its limit.
    """
    console = Console()
    with ExitStack() as lifetime:
        with console.status("starting") as status:
            tell = lambda part: status.update(f"starting {part}")  # noqa: E731 # one use
            stack = lifetime.enter_context(running_stack(port, folder, tell))
        try:
            _show(console, stack)
        except openai.APIError as error:
            raise click.ClickException(f"the gateway refused a request: {error}") from error
        if not once:
            print_invitation(console, stack)
            _wait_for_ctrl_c()
