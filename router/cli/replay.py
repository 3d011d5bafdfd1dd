"""`turnout replay`: a decision log under another policy."""

from collections.abc import Mapping
from pathlib import Path

import click

from policies.replay.replay import replay as replay_log
from router.cli.common.log_options import (
    LOG,
    console,
    draw_cost_quality,
    json_option,
    outcomes_option,
    png_option,
    print_json,
    tiers_option,
    verdicts_of,
)
from router.cli.common.policies import Log, policy_or_end
from router.cli.common.replay_report import print_report, report_json


@click.command()
@click.argument("logs", nargs=-1, required=True, type=LOG)
@click.option("--policy", "policy_name", required=True, help="A file, or a shipped policy's name.")
@click.option(
    "--by",
    type=click.Choice(["route", "tier", "customer"]),
    default="tier",
    show_default=True,
    help="What the table is split by.",
)
@tiers_option
@outcomes_option
@png_option
@json_option
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

    A cost is what was expected when the request was decided (price, estimated prompt, usual
    answer), scaled by what the backend's answers in the logs really cost; of a backend that was
    never asked, by what all others' did. A cascade costs each step as often as it is expected to be
    reached. `diff` and `tune` go by the same yardstick.
    """
    policy = policy_or_end(policy_name)
    report = replay_log(policy, Log(logs, tiers, verdicts_of(config_path)).records())
    if as_json:
        print_json(report_json(report))
    else:
        print_report(report, by, console())
    draw_cost_quality({"": report}, png)
