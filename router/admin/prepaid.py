"""Credits to prepaid balances, and the balances, which the ledger keeps."""

from typing import Final

from policies.money import PICO_PER_NANO
from router.admin.call import Answer, Call, Calling
from router.admin.customer_models import Balance, Credit, CreditAdded, NewCredit
from router.admin.models import Page, dollars, instant
from router.admin.organizations import existing
from router.admin.pages import Paging, page, place_of
from router.admin.problems import unprocessable
from router.admin.routing import AdminRoutes
from router.customers.records import StoredCredit
from router.ledger.credits import Balance as LedgerBalance

routes: Final = AdminRoutes("credits")
_KIND: Final = "credits"
_PATH: Final = "/organizations/{organization}"
_READ: Final = "read"  # any id reads a balance


def _credit(row: StoredCredit) -> Credit:
    return Credit(
        id=row.id,
        organization=row.organization,
        amount=dollars(row.amount_nano * PICO_PER_NANO),
        at=instant(row.at),
        by=row.by,
        note=row.note,
    )


def _balance(organization: str, balance: LedgerBalance) -> Balance:
    return Balance(
        organization=organization,
        granted=dollars(balance.granted * PICO_PER_NANO),
        used=dollars(balance.used * PICO_PER_NANO),
        held=dollars(balance.held * PICO_PER_NANO),
        left=dollars(balance.left * PICO_PER_NANO),
    )


def _added(call: Call, organization: str, nano: int, credit_id: str) -> LedgerBalance:
    return call.parts.on_loop(call.parts.ledger.credit(organization, nano, credit_id))


@routes.serve("POST", f"{_PATH}/credits", "credits.add", CreditAdded, status=201)
def add_credit(call: Calling, organization: str, body: NewCredit) -> Answer:
    """Add to a prepaid balance, once for each `id`, however often it is sent; negative takes back.

    The ledger adds it while its row is written: where either fails, send it again with the same id.
    """
    nano, rest = divmod(body.amount, PICO_PER_NANO)
    if rest:
        raise unprocessable("amount", "has over 9 decimals of a USD")
    existing(call, organization)
    target = f"organizations/{organization}/credits/{body.id}"
    with call.parts.stores.database.together():
        row, new = call.parts.stores.credits.add(
            organization, body.id, nano, by=call.who.name, note=body.note
        )
        if new:
            with call.change("credits.add", target, organization) as told:
                told.after = _credit(row).model_dump()
        balance = _added(call, organization, nano, body.id)
    document = CreditAdded(credit=_credit(row), balance=_balance(organization, balance), new=new)
    return Answer(document, 201)


@routes.serve("GET", f"{_PATH}/credits", "credits.read", Page[Credit])
def list_credits(call: Calling, organization: str, asked: Paging) -> Answer:
    """What was added to a balance and taken back, newest first."""
    existing(call, organization)
    rows = call.parts.stores.credits.page(
        organization, place_of(_KIND, asked.cursor, (int, str)), asked.limit + 1
    )
    shown, following = page(_KIND, rows, asked.limit, lambda row: (row.at, row.id))
    return Answer(Page[Credit](items=[_credit(row) for row in shown], next_cursor=following))


@routes.serve("GET", f"{_PATH}/balance", "credits.read", Balance)
def get_balance(call: Calling, organization: str) -> Answer:
    """A prepaid balance, as the ledger has it at this moment."""
    existing(call, organization)
    return Answer(_balance(organization, _added(call, organization, 0, _READ)))
