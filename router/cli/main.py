"""The `turnout` command."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

from policies.plugin_error import PluginError
from router.cli.common.lazy import Later, LazyGroup
from router.printable import printable

COMMANDS: Final[Mapping[str, Later]] = MappingProxyType(
    {
        "serve": Later(
            "router.cli.serve:serve",
            "Run the gateway until SIGTERM or Ctrl-C; streams in flight may finish first.",
        ),
        "check": Later(
            "router.cli.check:check",
            "Check turnout.yaml, its policy and its ability cards, or one policy, without serving.",
        ),
        "organizations": Later(
            "router.cli.organizations:organizations",
            "Make, list, change, raise, suspend and resume organizations: the customers.",
        ),
        "teams": Later(
            "router.cli.teams:teams",
            "Make, list, change and remove the teams of an organization.",
        ),
        "keys": Later(
            "router.cli.keys:keys",
            "Make, list, change, rotate and revoke the keys of customers.",
        ),
        "credentials": Later(
            "router.cli.credentials:credentials",
            "Set, list and remove customers' own credentials at providers, and encrypt them anew.",
        ),
        "credits": Later(
            "router.cli.credits:credits_",
            "Add to the balance of customers who pay beforehand, and list what was added.",
        ),
        "export": Later(
            "router.cli.carrying:export_customers",
            "Write all customers as YAML: organizations, teams, keys by id and hash, limits, tags.",
        ),
        "import": Later(
            "router.cli.carrying:import_customers",
            "Make customers what FILE says, all at once or not at all; first say what that would"
            " do.",
        ),
        "usage": Later(
            "router.cli.usage:usage",
            "Show what was spent, from the stored usage.",
        ),
        "audit": Later(
            "router.cli.audit:audit",
            "Who changed what, from where; and whether the log of it is whole.",
        ),
        "responses": Later(
            "router.cli.responses:responses",
            "Count and erase the responses and conversations that are kept for customers.",
        ),
        "savings": Later(
            "router.cli.savings:show_savings",
            "Show what routing saved beside sending everything to one backend, the baseline.",
        ),
        "ledger": Later(
            "router.cli.ledger:ledger",
            "Check, repair and show the ledger of quotas and usage; `turnout drill` tests one.",
        ),
        "models": Later(
            "router.cli.models:models",
            "List the providers to write as `provider:` in turnout.yaml, or the models of one of"
            " them.",
        ),
        "prices": Later(
            "router.cli.prices:prices",
            "Show list prices in USD per million tokens, as they were or are at a time, with"
            " source, version and day of the list.",
        ),
        "explain": Later(
            "router.cli.explain:explain",
            "Say why a request goes where it goes: each rule, each candidate, the winner.",
        ),
        "replay": Later(
            "router.cli.replay:replay",
            "Decide the requests of decision LOGS again under another policy.",
        ),
        "diff": Later(
            "router.cli.diff:diff",
            "Compare policy BEFORE with policy AFTER over decision logs: files, or shipped names.",
        ),
        "tune": Later(
            "router.cli.tune:tune",
            "Search the thresholds of a route against decision logs; print the lines to paste.",
        ),
        "schema": Later(
            "router.cli.schema:schema",
            "Print the JSON Schema of a policy (or of its probes), for editors that complete and"
            " check.",
        ),
        "score": Later(
            "router.cli.score:score",
            "Say how likely each backend is to answer well, for every chat request in REQUESTS.",
        ),
        "calibrate": Later(
            "router.cli.calibrate:calibrate",
            "Fit an ability card: how likely BACKEND answers well, given what the classifier sees.",
        ),
        "recalibrate": Later(
            "router.cli.recalibrate:recalibrate_cards",
            "Refit ability cards on the outcomes of feedback, verifiers and audits.",
        ),
        "outcomes": Later(
            "router.cli.outcomes:outcomes",
            "Write the stored outcomes as JSON lines, oldest first.",
        ),
        "backup": Later(
            "router.cli.backup:backup",
            "Write a consistent copy of the database to FILE (- for standard output) while gateways"
            " serve.",
        ),
        "restore": Later(
            "router.cli.backup:restore",
            "Put a backup into the database of turnout.yaml, whatever it is: SQLite or PostgreSQL.",
        ),
        "copy": Later(
            "router.cli.backup:copy_database",
            "Copy the database into another one, such as a PostgreSQL; then name that in"
            " turnout.yaml.",
        ),
        "alerts": Later(
            "router.cli.alerts:alerts",
            "Test where alerts go, list what was told, and turn a destination on again.",
        ),
        "drill": Later(
            "router.cli.drill:drill",
            "Break a copy of this deployment on purpose, and say which promises held.",
        ),
        "demo": Later(
            "router.cli.demo:demo",
            "See Turnout work: no key, no GPU, no network.",
        ),
    }
)


class _Commands(LazyGroup):
    """The whole command line."""

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


@click.command(
    cls=_Commands, lazily=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="turnout", prog_name="turnout")
def main() -> None:
    """Send each prompt to the cheapest backend that can handle it.

    \b
    First look:      turnout demo
    For real:        turnout check --config turnout.yaml
                     turnout keys create --config turnout.yaml --organization acme --tier pro
                     turnout serve --config turnout.yaml

    Then point any OpenAI client at http://127.0.0.1:8080/v1 with that key and `model: auto`.
    """
