"""The ledger of a gateway and the books beside it: journal, limits told, losses noticed."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from router.keeping.keeper import Keeper
from router.keeping.retention import Retention
from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.ledger.told_limits import ToldLimits
from router.ledger.watch import LedgerWatch
from router.usage.books import LedgerBooks
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore
from router.world.books import WorldBooks
from router.world.documents import Documents
from router.world.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """A connected ledger, the usage that its journal comes to, what watches it, what the books are
    told of its limits, and by which world their rows are priced and dated.
    """

    ledger: Ledger
    usage: UsageStore
    watch: LedgerWatch
    limits: ToldLimits
    books: WorldBooks
    keeper: Keeper

    def adopted(self, snapshot: Snapshot) -> None:
        """Requests are counted by this snapshot from now on."""
        self.limits.tell(snapshot.quotas)


async def start_bookkeeping(
    stack: AsyncExitStack, documents: Documents, snapshot: Snapshot
) -> Bookkeeping:
    """Start the ledger and what goes with it; `stack` stops them in reverse order.

    Raises LedgerUnavailable, StartupError, EmbeddedError, DatabaseError.
    """
    url = documents.config.ledger
    if url == "embedded":
        embedded = await stack.enter_async_context(Embedded(documents.data / "ledger"))
        url = embedded.url
    demands, spool = documents.config.ledger_server, documents.data / "spool"
    ledger = await Ledger.connect(
        url, command_seconds=demands.budget, durability=demands.durability, spool=spool
    )
    stack.push_async_callback(ledger.close)
    usage, books = UsageStore(documents.database), LedgerBooks(documents.database)
    world = WorldBooks(lambda: snapshot)
    stack.callback(usage.close)
    stack.callback(books.close)
    usage.prepare()  # at the start: the journal would wait for ever for a table that is not ours
    books.prepare()
    journal = JournalConsumer(ledger.journal(), usage, ledger.written, books=world)
    journal.start()
    stack.push_async_callback(journal.close)
    limits, watch = ToldLimits(books, ledger.process), ledger.watch(books)
    limits.tell(snapshot.quotas)
    stack.push_async_callback(limits.close)
    await watch.start()
    stack.push_async_callback(watch.close)
    stack.push_async_callback(ledger.settled)
    keeper = _keeper(documents, ledger.process)
    keeper.start()
    stack.push_async_callback(keeper.close)
    return Bookkeeping(ledger, usage, watch, limits, world, keeper)


def _keeper(documents: Documents, holder: str) -> Keeper:
    """What rolls up and prunes; a process of a gateway is its holder's."""
    retention = Retention(documents.database, documents.config.retention)
    retention.prepare()
    return Keeper(retention, holder)
