"""The corridor over fakes alone: what every test of a whole walk begins with."""

from dataclasses import dataclass, field, replace
from typing import Any

from fakes.backends import FakeBackends, Scripted
from fakes.caller import FakeCaller
from fakes.clock import FakeClock
from fakes.ledger import FakeLedger
from fakes.parts import ACME, FakeAuthenticator, FakeClassifier, FakeConversations
from fakes.world import new_world
from policies.decision import Decision
from router.backends.dispatch.upstream import Event
from router.ledger.estimate import OutputHistory
from router.operations.operation import Operation
from router.operations.table import OPERATIONS
from router.pipeline.meter import Meter
from router.pipeline.observers.observer import Finished, Observer
from router.pipeline.plan import Plan, plan_of
from router.pipeline.request_context import RequestContext, Senses, gather
from router.pipeline.serve import serve
from router.pipeline.serving import Keeps, KeepsChats, Serving
from router.pipeline.signals import EVERYTHING, read_signals
from router.world.snapshot import Snapshot

CHAT: Operation = OPERATIONS[0]


@dataclass(slots=True)
class FakeCorridor:
    """The collaborators of a walk, each to be looked at afterwards. `finished_records` are the
    records that the observers got.
    """

    backends: FakeBackends
    ledger: FakeLedger = field(default_factory=FakeLedger)
    world: Snapshot = field(default_factory=new_world)
    authenticator: FakeAuthenticator = field(default_factory=FakeAuthenticator)
    classifier: FakeClassifier = field(default_factory=FakeClassifier)
    conversations: FakeConversations = field(default_factory=FakeConversations)
    recorded: bool = False
    kept: Keeps | None = None
    chats: KeepsChats | None = None
    finished_records: list[Finished] = field(default_factory=list)

    @classmethod
    def answering(cls, *script: Scripted, **parts: Any) -> "FakeCorridor":
        """Return one whose backends answer by this script."""
        return cls(FakeBackends(*script), **parts)

    def serving(self, *observers: Observer) -> Serving:
        """Return the collaborators as the corridor takes them; the observers come last."""
        self.backends.adopt(list(self.world.backends.values()))
        return Serving(
            snapshot=self.world,
            authenticator=self.authenticator,
            senses=Senses(self.classifier, self.conversations, {}, recorded=self.recorded),
            ledger=self.ledger,
            backends=self.backends,
            history=OutputHistory(),
            observers=(self.finished_records.append, *observers),
            kept=self.kept,
            chats=self.chats,
        )

    async def walk(
        self, caller: FakeCaller, *observers: Observer, operation: Operation = CHAT
    ) -> Finished:
        """Walk one request; return its record. Raises what the corridor raises."""
        await serve(self.serving(*observers), operation, caller)
        return self.finished_records[-1]


async def context_of(
    caller: FakeCaller, world: Snapshot | None = None, **senses: Any
) -> RequestContext:
    """Return what is known of a chat request, gathered over fakes."""
    parts = Senses(FakeClassifier(), FakeConversations(), {})
    ask = CHAT.parse(caller.raw, caller.fields)
    return await gather(replace(parts, **senses), world or new_world(), ACME, ask, caller)


async def planned(caller: FakeCaller, world: Snapshot | None = None, **senses: Any) -> Plan:
    """Return the plan of a chat request, decided over healthy backends."""
    context = await context_of(caller, world, **senses)
    return plan_of(decided(context), context, OutputHistory())


def decided(context: RequestContext) -> Decision:
    """Return the decision of a request that is not denied."""
    backends = FakeBackends()
    backends.adopt(list(context.world.backends.values()))
    signals = read_signals(context, backends.view(), EVERYTHING)
    decision = context.world.policy.decide(signals, context.hints)
    assert isinstance(decision, Decision), decision
    return decision


def new_meter(plan: Plan, world: Snapshot, *events: Event, clock: FakeClock | None = None) -> Meter:
    """Return a meter that was told these events."""
    backends = FakeBackends()
    backends.adopt(list(world.backends.values()))
    meter = Meter(plan, world.prices, backends.view(), clock or FakeClock())
    meter.events.extend(events)
    return meter
