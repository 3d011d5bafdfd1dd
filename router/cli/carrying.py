"""`turnout export` and `turnout import`: customers as YAML, for those who keep all in git."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import yaml

from policies.findings import DocumentError
from policies.language.source import MAX_BYTES, parse, resolve
from router.cli.common.customer_documents import words
from router.cli.common.customer_rules import OutlineRules
from router.cli.common.customers import Asked, WrongValue, actor, open_log, reading, refused
from router.cli.common.documents import config_option, end_with_findings, outline_or_end
from router.cli.common.saying import say
from router.cli.common.stores import opened
from router.cli.common.streams import STANDARD, any_file, writing
from router.customers.carried import CarriedStore, Step
from router.customers.errors import CustomerError, Invalid
from router.regular_files import read_regular

_ROOM: Final = 100  # how many times as large as a policy a file of customers may be
_SIGNS: Final = {"create": "+", "change": "~", "remove": "-"}
_HEAD: Final = """\
# Customers of this gateway, by `turnout export`. Keys stand here by id and hash, never by key;
# what was used, balances and raises do not. `turnout import` says first what it would do.
"""


class _Dumper(yaml.CSafeDumper):
    """Writes text so that it is text when it is read: "5", "true" and the like in quotes."""


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    plain = isinstance(resolve(text), str)
    style = None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def written(document: Any) -> str:
    """A document as YAML."""
    body: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return _HEAD + body


@click.command("export")
@config_option
@click.option("--out", type=any_file, default=STANDARD, help="A file; default: standard output.")
def export_customers(config_path: Path, out: Path) -> None:
    """Write all customers as YAML: organizations, teams, keys by id and hash, limits, tags.

    Balances, what was used, raises and revoked keys are not in it, and no key can be made from it.

    \b
    turnout export > customers.yaml
    """
    with reading(config_path, CarriedStore) as store:
        document = store.document()
    with writing(out) as sink:
        sink.write(written(document).encode())


@click.command("import")
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do it; without it nothing is changed.")
@click.option(
    "--prune",
    is_flag=True,
    help="What FILE lacks goes: keys are revoked, teams removed, organizations suspended.",
)
def import_customers(config_path: Path, file: Path, *, yes: bool, prune: bool) -> None:
    """Make customers what FILE says, all at once or not at all; first say what that would do.

    Nothing is removed but with --prune. A second import of the same file changes nothing.

    \b
    turnout import customers.yaml            # what would be created (+), changed (~), removed (-)
    turnout import customers.yaml --yes
    """
    wanted = _read(file)
    documents = outline_or_end(config_path)
    with (
        opened(documents, lambda url: CarriedStore(url, OutlineRules(documents))) as store,
        opened(documents, open_log) as log,
    ):
        try:
            if not yes:
                _tell(store.plan(wanted, prune=prune), done=False)
                return
            with log.change(actor(), "customers.import", "organizations") as told:
                steps = store.apply(wanted, prune=prune)
                told.after = {does: _count(steps, does) for does in _SIGNS}
                for step in steps:
                    its = step.place.organization
                    action = f"{step.place.kind}s.{step.does}"
                    with log.change(actor(), action, _target(step), its) as one:
                        one.before, one.after = step.before, step.after
        except Invalid as error:
            raise WrongValue(f"{file}: {error}") from None
        except CustomerError as error:
            raise refused(error, Asked(), documents) from None
    _tell(steps, done=True)


def _read(file: Path) -> Any:
    """The values of a file, or the command's end."""
    try:
        text = read_regular(file, _ROOM * MAX_BYTES).decode()
        return parse(text, str(file), _ROOM).value
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise click.ClickException(f"{file} cannot be read: {reason}") from None
    except DocumentError as error:
        end_with_findings(error)


def _tell(steps: Sequence[Step], *, done: bool) -> None:
    for step in steps:
        say(f"{_SIGNS[step.does]} {_target(step)}{_differences(step)}")
    if not steps:
        say("Customers are what the file says: nothing to change.", err=True)
        return
    counts = ", ".join(f"{_count(steps, does)} to {does}" for does in _SIGNS)
    say(f"{counts}: {'done' if done else 'nothing is changed without --yes'}.", err=True)


def _target(step: Step) -> str:
    place = step.place
    return Asked(
        place.organization,
        place.name if place.kind == "team" else "",
        place.name if place.kind == "key" else "",
    ).target


def _differences(step: Step) -> str:
    """What a change changes, in words; nothing for what is made or goes."""
    if step.before is None or step.after is None:
        return ""
    names = [
        name
        for name in {**step.before, **step.after}
        if step.before.get(name) != step.after.get(name)
    ]
    return "".join(
        f"\n    {name}: {_one_line(step.before.get(name))} -> {_one_line(step.after.get(name))}"
        for name in names
    )


def _one_line(value: Any) -> str:
    return words(value).replace("\n", ", ") or "-"


def _count(steps: Sequence[Step], does: str) -> int:
    return sum(step.does == does for step in steps)
