"""`turnout diff`: two policies over one decision log."""

from collections.abc import Mapping
from pathlib import Path

import click

from policies.replay.diff import diff as diff_policies
from router.cli.common.log_options import (
    console,
    draw_cost_quality,
    json_option,
    logs_option,
    outcomes_option,
    png_option,
    print_json,
    tiers_option,
    verdicts_of,
)
from router.cli.common.policies import Log, policy_or_end
from router.cli.common.replay_report import diff_json, print_diff


@click.command()
@click.argument("before")
@click.argument("after")
@logs_option
@tiers_option
@outcomes_option
@png_option
@json_option
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
    """Compare policy BEFORE with policy AFTER over decision logs: files, or shipped names.

    Costs and qualities are those of `turnout replay`; the changes are of the requests that both
    policies serve.
    """
    old, new = policy_or_end(before), policy_or_end(after)
    both = diff_policies(old, new, Log(logs, tiers, verdicts_of(config_path)).records())
    if as_json:
        print_json(diff_json(both))
    else:
        print_diff(both, console())
    draw_cost_quality({"before": both.before, "after": both.after}, png)
