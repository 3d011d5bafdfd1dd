"""`turnout ledger`: check, repair, show and credit a ledger."""

from pathlib import Path

import click
import orjson

from policies.money import PICO_PER_NANO, to_pico, usd
from router.cli.common.customers import Asked, changing
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.ledgers import connected, run, server_of
from router.cli.common.saying import say, say_json
from router.cli.common.state_printer import print_state
from router.cli.common.tables import standard_output
from router.cli.ledger_check import check, repair
from router.customers.credits import CreditStore
from router.ledger.check.show import show as show_state
from router.ledger.check.words import Shown
from router.ledger.server.address import parse_address
from router.world.documents import Documents


@click.group()
def ledger() -> None:
    """Check, repair and show the ledger of quotas and usage; `turnout drill` tests one."""


ledger.add_command(check)
ledger.add_command(repair)


@ledger.command()
@config_option
@click.option("--organization", required=True, help="The customer.")
@click.option("--usd", "amount", default="0", help="Dollars to add; negative takes back; 0 reads.")
@click.option("--id", "credit_id", help="The same id adds once, however often it is sent.")
def credit(config_path: Path, organization: str, amount: str, credit_id: str | None) -> None:
    """Add to a customer's prepaid balance, or read it.

    `turnout credits add` does the same and keeps a history of it, too; the audit log gets either.
    """
    try:
        nano = to_pico(amount, signed=True) // PICO_PER_NANO
    except ValueError as error:
        raise click.BadParameter(f"{amount!r} {error}") from None
    if nano and not credit_id:
        raise click.UsageError("name the credit with --id, so that sending it twice is harmless")
    if nano:
        with changing(config_path, CreditStore, "ledger.credit", Asked(organization)) as (_, told):
            told.target = f"organizations/{organization}/credits/{credit_id}"
            told.after = {"id": credit_id, "amount_usd": usd(nano * PICO_PER_NANO, least=2)}
    run(_credit(documents_or_end(config_path), organization, nano, credit_id or "read"))


@ledger.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for pipes.")
@click.argument("key")
def show(config_path: Path, key: str, *, as_json: bool) -> None:
    """Print what the ledger holds under KEY, in words.

    \b
    KEY may be
      acme             an organization: its scopes, counts and open holds
      k:acme/key1      a scope: o, t, k, u, m, r for organization, team, key, user, model,
                       run
      019a...          a hold, by its id (28 hexadecimal digits, as in a usage row)
      lg:{v07}:h       a key of the server: h open holds, j usage journal, t clock,
                       s: scopes, r: closed by the reaper, d: marks; lg:meta

    Amounts are in the unit of their dimension; what a request holds counts until it is settled.
    A limit is shown where the ledger has seen it: limits come with each request, from the policy.
    Nothing is changed. Exit code 1 where the ledger knows nothing of KEY.
    """
    shown = run(_show_state(documents_or_end(config_path), key))
    if as_json:
        say_json(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    else:
        print_state(shown, standard_output())


async def _show_state(documents: Documents, key: str) -> Shown:
    async with server_of(documents) as url:
        return await show_state(parse_address(url), key)


async def _credit(documents: Documents, organization: str, nano: int, credit_id: str) -> None:
    async with connected(documents) as reached:
        balance = await reached.credit(organization, nano, credit_id)
    if nano and not balance.added:
        say(f"The credit {credit_id} was added before: nothing changed.")
    dollars = {
        name: f"{'-' if value < 0 else ''}${usd(abs(value) * PICO_PER_NANO, least=2)}"
        for name, value in (
            ("granted", balance.granted),
            ("used", balance.used),
            ("held", balance.held),
            ("left", balance.left),
        )
    }
    say("  ".join(f"{name} {value}" for name, value in dollars.items()))
