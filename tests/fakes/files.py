"""The services of files and batches over fakes, and a real database."""

from dataclasses import dataclass, field
from typing import Any

from fakes.accounts import FakeAccounts, FakeLongHolds
from fakes.corridor import FakeCorridor
from fakes.parts import ACME
from fakes.world import FIXED, new_world
from router.domain import Principal
from router.files.batches import Batches
from router.files.desk import Asker, Desk, asker_of
from router.files.references import References
from router.files.shelf import Shelf
from router.files.watcher import Watcher
from router.stored.ownership import OwnershipStore
from router.stored.registry import Registry
from router.world.config_kept import BatchSection, FileSection
from router.world.offered import OPENAI

CLAUDE: dict[str, Any] = {"dialect": "anthropic", "offers": ["files", "batches"]}
OFFERING: dict[str, Any] = {
    "local": {"offers": ["files", "batches"]},
    "premium": CLAUDE,
}
SECOND = Principal("key2", "second", "pro")


class Clock:
    """Unix milliseconds; it stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass(slots=True)
class FakeFiles:
    """Everything that keeps files and runs batches, over a simulator in memory."""

    database: str
    policy: str = FIXED
    offering: dict[str, Any] = field(default_factory=lambda: OFFERING)
    clock: Clock = field(default_factory=Clock)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    holds: FakeLongHolds = field(default_factory=FakeLongHolds)
    store: OwnershipStore = field(init=False)
    registry: Registry = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        """Put the parts together."""
        world = new_world(self.policy, each=self.offering)
        serving = FakeCorridor.answering(world=world).serving()
        self.store = OwnershipStore(self.database, self.clock)
        self.store.prepare()
        self.registry = Registry(self.store)
        self.desk = Desk(serving, self.registry, self.accounts, FileSection(), BatchSection())
        serving.files = References(self.desk)

    def watcher(self) -> Watcher:
        """Return one gateway's."""
        holds: Any = self.holds
        return Watcher(self.desk, holds)

    def batches(self) -> Batches:
        """Return what begins batches."""
        holds: Any = self.holds
        return Batches(self.desk, holds)

    def shelf(self) -> Shelf:
        """Return what looks things up."""
        return Shelf(self.desk, self.watcher())

    def close(self) -> None:
        """Let go of the database."""
        self.registry.close()


def asker(family: str = OPENAI, principal: Principal = ACME) -> Asker:
    """Return who asks."""
    return asker_of(principal, family, {}, "req1")
