"""The `turnout` command."""

from importlib.metadata import version

import click

from router.cli.cards import recalibrate_cards
from router.cli.check import check
from router.cli.demo import demo
from router.cli.explain import explain
from router.cli.keys import keys
from router.cli.ledger import ledger
from router.cli.models import models
from router.cli.prices import prices
from router.cli.replay import diff, replay, tune
from router.cli.savings import show_savings
from router.cli.schema import schema
from router.cli.score import score
from router.cli.serve import serve
from router.cli.usage import usage


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("turnout"), prog_name="turnout")
def main() -> None:
    """Send each prompt to the cheapest backend that can handle it.

    \b
    First look:      turnout demo
    For real:        turnout check --config turnout.yaml
                     turnout keys create --config turnout.yaml --organization acme --tier pro
                     turnout serve --config turnout.yaml

    Then point any OpenAI client at http://127.0.0.1:8080/v1 with that key and `model: auto`.
    """


for _command in (
    *(serve, check, keys, usage, show_savings, ledger, models, prices),
    *(explain, replay, diff, tune, schema, score, recalibrate_cards, demo),
):
    main.add_command(_command)
