"""The demo's tables: what was asked, who answered and why, what it cost and would have cost."""

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from policies.money import to_usd, usd_rounded
from router.cli.demo_parts.run import DemoAnswer, DemoRefusal
from router.cli.demo_parts.stack import Stack
from router.ledger.rate_limit_headers import SPOKE as LIMIT
from router.prices.book import PriceBook

_STYLES = {"local": "green", "moe": "yellow", "premium": "red"}
_SHOWN_HEADERS = (
    "retry-after",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    LIMIT,
)


def _micro(pico: int) -> str:
    """Return pico-USD in millionths of a dollar, which is the scale of one prompt."""
    return usd_rounded(to_usd(pico * 1_000_000), 1)


def _odds(answer: DemoAnswer) -> Text:
    text = Text()
    for at, name in enumerate(_STYLES):
        value = answer.success.get(name)
        shown = "  –" if value is None else f"{value:.2f}"
        text.append(
            ("" if at == 0 else " ") + shown, _STYLES[name] if name == answer.backend else "dim"
        )
    return text


def answers_table(answers: Sequence[DemoAnswer], prices: PriceBook) -> Table:
    """Return the table of all answers with its totals; it fits a terminal of eighty columns."""
    table = Table(title="What was asked, and which track it took", title_justify="left")
    table.add_column("Prompt, and why it went there")
    table.add_column("P(success)\n[green]local[/] [yellow]moe[/] [red]premium[/]", no_wrap=True)
    table.add_column("Backend", no_wrap=True)
    table.add_column("Tokens\nin time", justify="right", no_wrap=True)
    table.add_column("µUSD, and\nat premium", justify="right", no_wrap=True)
    cost = premium = 0
    for answer in answers:
        spent = prices.price(answer.backend).cost(answer.usage)
        instead = prices.price("premium").cost(answer.usage)
        cost, premium = cost + spent, premium + instead
        table.add_row(
            _prompt_and_why(answer),
            _odds(answer),
            Text(answer.backend, _STYLES[answer.backend]),
            f"{answer.usage.input_tokens}+{answer.usage.output_tokens}\n{answer.seconds:.2f} s",
            f"{_micro(spent)}\n[dim]{_micro(instead)}[/]",
        )
    table.add_section()
    saved = 100 * (1 - cost / premium) if premium else 0.0
    total = f"[bold]{_micro(cost)}[/]\n{_micro(premium)}"
    table.add_row(f"[bold]Total: {saved:.0f} % saved beside always premium", "", "", "", total)
    return table


def _prompt_and_why(answer: DemoAnswer) -> Text:
    piece, reason = answer.piece, answer.reason.removeprefix("cheapest_capable: ")
    text = Text(piece.title, "bold")
    text.append(f": {piece.note} · {piece.customer}\n", "dim not bold")
    return text.append(reason, "not bold")


def refusal_panel(refusal: DemoRefusal) -> Panel:
    """Return what the free customer sees at the limit."""
    lines = [f"[bold]429[/] after {refusal.after} more requests: {escape(refusal.message)}", ""]
    lines += [
        f"{name}: {escape(refusal.headers[name])}"
        for name in _SHOWN_HEADERS
        if name in refusal.headers
    ]
    return Panel("\n".join(lines), title="The free key at its limit", title_align="left")


def print_caveat(console: Console) -> None:
    """Say plainly what is real here and what is not."""
    console.print(
        "[dim]Real: the gateway, its classifier, the ledger (Valkey), the local model. "
        "[bold]Simulated: the answers and timing of moe and premium[/bold]; their prices are list "
        "prices. Costs are per the price book; 1 µUSD is a millionth of a dollar. P(success) of "
        "local speaks of a model of 7 to 9 billion parameters; yours: see `turnout calibrate`.[/]"
    )


def print_invitation(console: Console, stack: Stack) -> None:
    """Print a `curl` ready to paste, and where things are."""
    body = '{"model": "auto", "messages": [{"role": "user", "content": "Which planet is red?"}]}'
    command = (
        f"curl -i {stack.base_url}/chat/completions \\\n"
        f"  -H 'Authorization: Bearer {stack.keys['pro']}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )
    console.print("\n[bold]Your turn.[/] The gateway stays up; paste this into another terminal:\n")
    console.print(command, highlight=False, soft_wrap=True, markup=False)
    console.print(f"\nIts configuration and logs: {stack.folder}\nCtrl-C ends it all.")
