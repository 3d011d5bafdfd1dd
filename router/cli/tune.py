"""`turnout tune`: thresholds of a route, searched against a decision log."""

import sys
from pathlib import Path

import click

from policies.replay.tune import TuneError
from policies.replay.tune import tune as tune_route
from router.cli.common.log_options import console, json_option, logs_option, print_json
from router.cli.common.policies import Log, policy_or_end, progress
from router.cli.common.replay_report import print_tuning, tuning_json


@click.command()
@click.option("--policy", "policy_name", required=True, help="A file, or a shipped policy's name.")
@logs_option
@click.option("--route", help="The route to tune; default: the policy's first.")
@click.option("--budget", type=float, help="USD for all requests of the route in the log.")
@click.option("--quality", type=float, help="Mean P(success) to reach, 0 to 1.")
@json_option
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

    Costs are those of `turnout replay`, to the last digit: what was expected when a request was
    decided, scaled by what each backend's answers in the logs really cost. Requests that would
    have met a 429 are left out.
    """
    if (budget is None) == (quality is None):
        raise click.UsageError("give --budget or --quality")
    policy = policy_or_end(policy_name)
    chosen = route or next(iter(policy.routes))
    if chosen not in policy.routes:
        raise click.BadParameter(f"there is no route `{chosen}`", param_hint="--route")
    with _Trying() as bar:
        try:
            tuning = tune_route(
                policy,
                Log(logs).records,
                chosen,
                budget_usd=budget,
                quality=quality,
                progress=bar.show,
            )
        except TuneError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        print_json(tuning_json(tuning))
    else:
        print_tuning(tuning, console())
    sys.exit(0 if tuning.chosen is not None else 1)


class _Trying:
    """A progress bar between two readings of the log: a terminal shows one at a time."""

    def __init__(self) -> None:
        self._bar = progress()
        self._task = self._bar.add_task("trying", total=1.0)

    def show(self, done: float) -> None:
        """Move to this share of the work."""
        self._bar.start()
        self._bar.update(self._task, completed=done)
        if done >= 1.0:
            self._bar.stop()

    def __enter__(self) -> "_Trying":
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()
