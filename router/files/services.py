"""Everything that keeps files and runs batches, put together: only where a backend offers it."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from router.files.batches import Batches
from router.files.desk import Desk, HasAccounts
from router.files.references import References
from router.files.shelf import Shelf
from router.files.uploads import Uploads
from router.files.watcher import Watcher
from router.ledger.ledger import Ledger
from router.pipeline.serving import Serving
from router.stored.ownership import OwnershipStore
from router.stored.registry import Registry
from router.world.documents import Documents


@dataclass(frozen=True, slots=True)
class FileServices:
    """What the edge asks; `watcher` is to be started and closed, `registry` to be closed."""

    registry: Registry
    uploads: Uploads
    shelf: Shelf
    batches: Batches
    watcher: Watcher

    async def close(self) -> None:
        """Stop looking after batches, and let go of the database."""
        await self.watcher.close()
        self.registry.close()


def start_services(
    stack: AsyncExitStack,
    documents: Documents,
    serving: Serving,
    accounts: HasAccounts,
    ledger: Ledger,
) -> FileServices | None:
    """Start the services, and have the corridor ask whose the files of requests are; `stack` stops
    them. None where no backend offers files or batches.

    Raises DatabaseError where the table cannot be made.
    """
    if not any(backend.offers for backend in serving.snapshot.backends.values()):
        return None
    store, config = OwnershipStore(documents.database), documents.config
    store.prepare()
    registry = Registry(store)
    desk = Desk(serving, registry, accounts, config.files, config.batches)
    serving.files = References(desk)
    holds = ledger.long_holds()
    watcher = Watcher(desk, holds)
    uploads = Uploads(
        desk,
        documents.data / "uploads",
        line=config.limits.body,
        patience=config.limits.body_timeout,
    )
    services = FileServices(registry, uploads, Shelf(desk, watcher), Batches(desk, holds), watcher)
    watcher.start()
    stack.push_async_callback(services.close)
    return services
