"""`turnout replay`, `diff` and `tune`: policies over a decision log."""

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from policies.diff import diff as diff_policies
from policies.replay import Report
from policies.replay import replay as replay_log
from policies.tune import TuneError
from policies.tune import tune as tune_route
from router.cli.documents import documents_or_end
from router.cli.policies import Log, policy_or_end, progress
from router.cli.replay_report import (
    diff_json,
    named_points,
    print_diff,
    print_report,
    print_tuning,
    report_json,
    tuning_json,
)
from router.outcomes.store import OutcomeStore

_LOG: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_WIDTH: Final = 140  # of tables that do not go to a terminal

_Option = Callable[[Callable[..., Any]], Callable[..., Any]]
_json_option: _Option = click.option("--json", "as_json", is_flag=True, help="JSON, not tables.")
_png_option: _Option = click.option(
    "--png",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw the cost-quality plane (needs the extra `train`).",
)
_logs_option: _Option = click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    type=_LOG,
    help="A decision log; may be repeated.",
)


def _tiers(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> Any:
    """OLD=NEW pairs as a mapping."""
    split = [pair.partition("=") for pair in pairs]
    wrong = [old for old, sign, new in split if not (old and sign and new)]
    if wrong:
        raise click.BadParameter(f"`{wrong[0]}` is not OLD=NEW, such as free=small")
    return {old: new for old, _, new in split}


_outcomes_option: _Option = click.option(
    "--config",
    "config_path",
    type=_LOG,
    help="turnout.yaml: count the feedback and audits in its database as verdicts.",
)
_tiers_option: _Option = click.option(
    "--as-tier",
    "tiers",
    multiple=True,
    callback=_tiers,
    help="OLD=NEW: treat the log's tier OLD as NEW; may be repeated.",
)


@click.command()
@click.argument("logs", nargs=-1, required=True, type=_LOG)
@click.option("--policy", "policy_name", required=True, help="A file, or a shipped policy's name.")
@click.option(
    "--by",
    type=click.Choice(["route", "tier", "customer"]),
    default="tier",
    show_default=True,
    help="What the table is split by.",
)
@_tiers_option
@_outcomes_option
@_png_option
@_json_option
def replay(
    *,
    logs: tuple[Path, ...],
    policy_name: str,
    by: str,
    tiers: Mapping[str, str],
    config_path: Path | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Decide the requests of decision LOGS again under another policy.

    Cost, mix, latency, predicted quality with its interval and coverage, and who would have met a
    429; beside every backend alone, prompt length and a shuffled control at equal cost.
    """
    policy = policy_or_end(policy_name)
    report = replay_log(policy, Log(logs, tiers, _verdicts(config_path)).records())
    if as_json:
        _print_json(report_json(report))
    else:
        print_report(report, by, _console())
    _draw({"": report}, png)


@click.command()
@click.argument("before")
@click.argument("after")
@_logs_option
@_tiers_option
@_outcomes_option
@_png_option
@_json_option
def diff(
    *,
    before: str,
    after: str,
    logs: tuple[Path, ...],
    tiers: Mapping[str, str],
    config_path: Path | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Compare policy BEFORE with policy AFTER over decision logs: files, or shipped names."""
    old, new = policy_or_end(before), policy_or_end(after)
    both = diff_policies(old, new, Log(logs, tiers, _verdicts(config_path)).records())
    if as_json:
        _print_json(diff_json(both))
    else:
        print_diff(both, _console())
    _draw({"before": both.before, "after": both.after}, png)


@click.command()
@click.option("--policy", "policy_name", required=True, help="A file, or a shipped policy's name.")
@_logs_option
@click.option("--route", help="The route to tune; default: the policy's first.")
@click.option("--budget", type=float, help="USD for all requests of the route in the log.")
@click.option("--quality", type=float, help="Mean P(success) to reach, 0 to 1.")
@_json_option
def tune(
    *,
    policy_name: str,
    logs: tuple[Path, ...],
    route: str | None,
    budget: float | None,
    quality: float | None,
    as_json: bool,
) -> None:
    """Search the thresholds of a route against decision logs; print the lines to paste.

    With --budget: the best quality within it. With --quality: the least cost that reaches it.
    """
    if (budget is None) == (quality is None):
        raise click.UsageError("give --budget or --quality")
    policy = policy_or_end(policy_name)
    chosen = route or next(iter(policy.routes))
    if chosen not in policy.routes:
        raise click.BadParameter(f"there is no route `{chosen}`", param_hint="--route")
    with _Trying() as bar:
        try:
            found = tune_route(
                policy,
                Log(logs).records(),
                chosen,
                budget_usd=budget,
                quality=quality,
                progress=bar.show,
            )
        except TuneError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        _print_json(tuning_json(found))
    else:
        print_tuning(found, _console())
    sys.exit(0 if found.chosen is not None else 1)


def _verdicts(config_path: Path | None) -> Mapping[tuple[str, str], float]:
    """What customers and audits said of past answers, from the gateway's own database."""
    if config_path is None:
        return {}
    documents = documents_or_end(config_path)
    try:
        store = OutcomeStore(documents.database, keep=documents.config.outcomes.keep)
        try:
            return store.verdicts()
        finally:
            store.close()
    except SQLAlchemyError as error:
        raise click.ClickException(f"the database cannot be read: {type(error).__name__}") from None


class _Trying:
    """A progress bar that appears once the log was read: a terminal shows one at a time."""

    def __init__(self) -> None:
        self._bar = progress()
        self._task = self._bar.add_task("trying", total=1.0)

    def show(self, done: float) -> None:
        """Move to this share of the work."""
        self._bar.start()
        self._bar.update(self._task, completed=done)

    def __enter__(self) -> "_Trying":
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def _print_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2))


def _draw(reports: Mapping[str, Report], path: Path | None) -> None:
    if path is None:
        return
    points = named_points(reports)
    if not points:
        raise click.ClickException("there is nothing to draw: no record knows every backend")
    try:
        plane = import_module("router.cli.plane")  # matplotlib is no dependency of the gateway
    except ImportError:
        raise click.ClickException("--png needs matplotlib: pip install 'turnout[train]'") from None
    plane.draw(points, path)
    click.echo(f"drawn: {path}", err=True)
