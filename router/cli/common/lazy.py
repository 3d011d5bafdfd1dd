"""Commands that are imported when they are called, and not to say what there is.

What `turnout demo` needs (the official client, half a second) must not slow down `turnout serve`,
and what `turnout serve` needs not `turnout keys list` (ADR 168). It is the one place of the command
line that imports by name.
"""

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import click


class Later(NamedTuple):
    """A command that is not imported yet: `module:name`, and the first sentence of its help."""

    target: str
    says: str


def imported(module: str) -> ModuleType:
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


class LazyGroup(click.Group):
    """A group whose commands are rows of a table, listed in its order."""

    def __init__(self, *arguments: Any, lazily: Mapping[str, Later], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lazily = lazily
        # What stands in for each is enough to be listed, and to be named where somebody mistypes.
        self.commands = {name: click.Command(name, help=row.says) for name, row in lazily.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self._lazily)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, None where there is none."""
        row = self._lazily.get(cmd_name)
        if row is None:
            return None
        module, _, name = row.target.partition(":")
        command: click.Command = getattr(imported(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands as click does, without importing any."""
        width = formatter.width - 6 - max(map(len, self._lazily))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, stand.get_short_help_str(width)) for name, stand in self.commands.items()]
            )
