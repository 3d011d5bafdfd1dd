"""The `turnout` command.

A command's module is imported when the command is called: what `turnout demo` needs (the official
client, half a second) must not slow down `turnout serve`.
"""

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from types import MappingProxyType, ModuleType
from typing import Final

import click

from policies.plugins import PluginError
from router.printable import printable

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serve": "router.cli.serve:serve",
        "check": "router.cli.check:check",
        "keys": "router.cli.keys:keys",
        "usage": "router.cli.usage:usage",
        "responses": "router.cli.responses:responses",
        "savings": "router.cli.savings:show_savings",
        "ledger": "router.cli.ledger:ledger",
        "models": "router.cli.models:models",
        "prices": "router.cli.prices:prices",
        "explain": "router.cli.explain:explain",
        "replay": "router.cli.replay:replay",
        "diff": "router.cli.diff:diff",
        "tune": "router.cli.tune:tune",
        "schema": "router.cli.schema:schema",
        "score": "router.cli.score:score",
        "calibrate": "router.cli.calibrate:calibrate",
        "recalibrate": "router.cli.recalibrate:recalibrate_cards",
        "outcomes": "router.cli.outcomes:outcomes",
        "alerts": "router.cli.alerts:alerts",
        "drill": "router.cli.drill:drill",
        "demo": "router.cli.demo:demo",
    }
)


def _imported(module: str) -> ModuleType:
    """Import a module, once. All that comes with it stays: to look through it for garbage meanwhile
    takes a sixth of the time, and at the end of a command as much again.
    """
    if module in sys.modules:
        return sys.modules[module]
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


class _Commands(click.Group):
    """A group whose commands are rows of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, None where there is none."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command: click.Command = getattr(_imported(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what a plugin breaks is told in its own words."""
        try:
            return super().invoke(ctx)
        except PluginError as error:
            raise click.ClickException(printable(str(error))) from error
        except click.ClickException as error:
            # It quotes what it was given; click means nobody to change it.
            vars(error)["message"] = printable(error.message, keep="\n")
            raise


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
