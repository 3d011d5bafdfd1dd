"""The composition root: builds every part, hands them to each other, and takes them down again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from fastapi import FastAPI

from classifiers.serving import Classifier
from router.alerts.active import notes_activity
from router.alerts.alerts import Alerts, start_alerts
from router.api.administration import Administration
from router.api.cors import Cors
from router.api.door import Door, DoorLimits
from router.api.gateway import Gateway, Limits, SocketLimits
from router.api.guards import Guards, start_guards
from router.api.inference import Inference
from router.api.rest import public_application
from router.backends.cascade.cascade import Cascades
from router.backends.counting.counter import Counter
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.clients import Clients
from router.backends.transport.proxies import EnvironmentProxies
from router.bookkeeping import Bookkeeping, start_bookkeeping
from router.entrance import Entrance, start_authenticators
from router.explaining import Explaining, start_explaining
from router.files.services import FileServices, start_services
from router.gauges import Watched, read_gauges
from router.learning import open_evidence, start_learner, start_recorder
from router.ledger.conversations import Conversations
from router.ledger.estimate import OutputHistory
from router.ledger.ledger import Ledger
from router.loop.learner import Learner
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore
from router.loop.shadow_audit import Auditor, asked_through
from router.pipeline.denials import EdgeDenials
from router.pipeline.detectors import Detectors, start_detectors
from router.pipeline.observers.audits import begins_audits
from router.pipeline.observers.decision_log import Lines
from router.pipeline.observers.decisions import keeps_decisions
from router.pipeline.observers.evidence import judges_cascades, keeps_evidence
from router.pipeline.observers.last_use import notes_use
from router.pipeline.observers.metrics import counts_charges, remembers_lengths
from router.pipeline.observers.observer import PLUGINS, Observer
from router.pipeline.observers.refused import remembers_refusals
from router.pipeline.observers.stickiness import remembers_conversations
from router.pipeline.request_context import Senses
from router.pipeline.send import Sender
from router.pipeline.serving import Serving
from router.pipeline.stored import KeptResponses, kept_responses
from router.pipeline.stored_chats import KeptChats, kept_chats
from router.pipeline.tracing import Tracing, open_tracing
from router.telemetry.metrics import Metrics
from router.telemetry.worker_metrics import WorkerMetrics
from router.world.data_folder import make_data_folder
from router.world.documents import Documents
from router.world.reload import Reloader
from router.world.snapshot import Snapshot, compile_snapshot


@dataclass(frozen=True, slots=True)
class Running:
    """A started gateway, its inference endpoints, and the ASGI applications beside them."""

    gateway: Gateway
    reloader: Reloader
    inference: Inference
    public: FastAPI
    admin: Administration | None


def _kept(stack: AsyncExitStack, documents: Documents) -> KeptResponses | None:
    kept = kept_responses(documents.database, documents.config)
    if kept is not None:
        for part in (kept.shelf, kept.conversations, kept.background):
            part.start()
            stack.push_async_callback(part.close)
    return kept


def _chats(stack: AsyncExitStack, documents: Documents) -> KeptChats | None:
    chats = kept_chats(documents.database, documents.config)
    if chats is not None:
        stack.push_async_callback(chats.shelf.close)
    return chats


def _dispatcher(
    stack: AsyncExitStack, clients: Clients, snapshot: Snapshot, ledger: Ledger
) -> Dispatcher:
    shares = ledger.shares()
    stack.push_async_callback(shares.close)
    dispatcher = Dispatcher(clients, slots=shares)
    dispatcher.adopt(list(snapshot.backends.values()))
    stack.push_async_callback(dispatcher.close)
    return dispatcher


@dataclass(frozen=True, slots=True)
class _Parts:
    """Every part that serves, started."""

    classifier: Classifier
    explaining: Explaining
    bookkeeping: Bookkeeping
    outcomes: OutcomeStore
    recorder: OutcomeRecorder
    dispatcher: Dispatcher
    cascades: Cascades
    auditor: Auditor
    entrance: Entrance
    learner: Learner
    conversations: Conversations
    history: OutputHistory
    metrics: Metrics
    tracing: Tracing | None
    kept: KeptResponses | None
    chats: KeptChats | None
    detectors: Detectors
    alerts: Alerts | None


async def _parts(
    stack: AsyncExitStack,
    documents: Documents,
    snapshot: Snapshot,
    classifier: Classifier,
    clients: Clients,
    *,
    every: WorkerMetrics | None,
) -> _Parts:
    """Start every part; `stack` stops them in reverse order."""
    config = documents.config
    worker = None if every is None else every.number
    tracing = open_tracing(config.telemetry.traces, worker)
    if tracing is not None:
        stack.push_async_callback(asyncio.to_thread, tracing.close)
    detectors = await start_detectors(stack, config.detectors, documents.folder)
    bookkeeping = await start_bookkeeping(stack, documents, snapshot)
    outcomes, prompts = open_evidence(stack, documents)
    dispatcher = _dispatcher(stack, clients, snapshot, bookkeeping.ledger)
    recorder = start_recorder(stack, documents, outcomes, prompts)
    auditor = Auditor(asked_through(dispatcher), recorder, pico_per_day=config.audits.usd_per_day)
    stack.push_async_callback(auditor.close)
    learner = await start_learner(stack, documents, classifier, outcomes, prompts)
    return _Parts(
        classifier=classifier,
        explaining=start_explaining(stack, documents, worker, bookkeeping.usage),
        bookkeeping=bookkeeping,
        outcomes=outcomes,
        recorder=recorder,
        dispatcher=dispatcher,
        cascades=Cascades(dispatcher),
        auditor=auditor,
        entrance=await start_authenticators(stack, documents),
        learner=learner,
        conversations=bookkeeping.ledger.conversations(),
        history=OutputHistory(),
        metrics=Metrics(),
        tracing=tracing,
        kept=_kept(stack, documents),
        chats=_chats(stack, documents),
        detectors=detectors,
        alerts=await start_alerts(stack, documents, clients, (bookkeeping, dispatcher, learner)),
    )


def _observers(parts: _Parts) -> tuple[Observer, ...]:
    """Who is told of each finished request, in this order: our own observers, then plugins'."""
    recorder, classifier, tracing = parts.recorder, parts.classifier, parts.tracing
    log = parts.explaining.log
    lines = Lines(log, classifier) if log.on else None
    return (
        *([] if tracing is None else [tracing.observer()]),  # the first: its clock is exact
        counts_charges(parts.metrics),
        remembers_lengths(parts.history),
        notes_use(parts.entrance.keys.last_use.note),
        remembers_conversations(parts.conversations),
        remembers_refusals(parts.detectors.refusals),
        keeps_evidence(recorder, classifier),
        judges_cascades(recorder, classifier),
        begins_audits(parts.auditor.begin, classifier),
        *([] if parts.alerts is None else [notes_activity(parts.alerts.active)]),
        keeps_decisions(parts.explaining.recorder, parts.metrics, classifier, lines),
        *(make() for _, make in PLUGINS.load()),
    )


def _serving(parts: _Parts, snapshot: Snapshot, counts_per_minute: int) -> Serving:
    """The corridor's collaborators."""
    recorded = parts.explaining.log.on
    return Serving(
        snapshot=snapshot,
        authenticator=parts.entrance.authenticator,
        senses=Senses(
            parts.classifier, parts.conversations, {}, recorded=recorded, detectors=parts.detectors
        ),
        ledger=parts.bookkeeping.ledger,
        backends=Sender(parts.dispatcher, parts.cascades),
        history=parts.history,
        observers=_observers(parts),
        tracing=parts.tracing,
        kept=parts.kept,
        chats=parts.chats,
        own=parts.entrance.own,
        counter=Counter(parts.dispatcher.health_of, per_minute=counts_per_minute),
    )


def _gateway(
    parts: _Parts,
    documents: Documents,
    serving: Serving,
    files: FileServices | None,
    worker_metrics: WorkerMetrics | None,
    *,
    guards: Guards,
) -> Gateway:
    limits, stream = documents.config.limits, documents.config.stream
    explaining = parts.explaining
    gateway = Gateway(
        serving=serving,
        limits=Limits(limits.body, limits.body_timeout, **stream.model_dump(), room=guards.room),
        cors=Cors.of(**documents.config.cors.model_dump()),
        sockets=SocketLimits(**documents.config.websocket.model_dump()),
        door=Door(DoorLimits(**documents.config.connections.model_dump())),
        metrics=parts.metrics,
        classifier=parts.classifier,
        ledger=parts.bookkeeping.ledger,
        watch=parts.bookkeeping.watch,
        ready_without=documents.config.ledger_server.on_loss == "serve",
        recorder=parts.recorder,
        outcomes=parts.outcomes,
        worker_metrics=worker_metrics,
        denials=EdgeDenials(explaining.recorder, parts.metrics, serving),
        decisions=explaining.recorder,
        readings=explaining.readings,
        files=files,
        alerts=parts.alerts,
    )
    watched = Watched(
        serving, parts.classifier, parts.cascades, parts.bookkeeping.ledger, parts.auditor,
        parts.learner, parts.bookkeeping.watch, explaining.log, gateway.door, guards,
        explaining.recorder, parts.bookkeeping.keeper, parts.alerts,
    )  # fmt: skip
    parts.metrics.gauges = partial(read_gauges, watched)
    return gateway


async def _reloader(
    stack: AsyncExitStack,
    documents: Documents,
    environ: Mapping[str, str],
    gateway: Gateway,
    parts: _Parts,
) -> Reloader:
    reloader = Reloader(
        gateway.serving,
        documents,
        environ,
        gateway.metrics.reloads,
        adopted=parts.bookkeeping.adopted,
        in_use=parts.entrance.keys.tiers,
    )
    await reloader.start()
    stack.push_async_callback(reloader.close)
    return reloader


async def _admin(
    stack: AsyncExitStack,
    documents: Documents,
    gateway: Gateway,
    reloader: Reloader,
    ledger: Ledger,
) -> Administration | None:
    if documents.config.admin is None:
        return None
    opening: Any = import_module("router.admin.opening")  # half a second, where nobody asks for it
    opened: Administration = await opening.open_admin(stack, documents, gateway, reloader, ledger)
    return opened


@asynccontextmanager
async def running(
    documents: Documents,
    classifier: Classifier,
    environ: Mapping[str, str],
    worker_metrics: WorkerMetrics | None = None,
) -> AsyncIterator[Running]:
    """Start everything, yield it, and on exit settle, flush and stop it in reverse order.

    `environ` names the proxies; `worker_metrics` are the other workers of this gateway, if any.
    Raises DocumentError where the documents do not fit each other, LedgerUnavailable, StartupError
    or EmbeddedError where there is no fit ledger, Unusable where Presidio does not come up, OSError
    where a file cannot be opened.
    """
    snapshot = compile_snapshot(documents.loaded, documents.policy)
    make_data_folder(documents)
    async with AsyncExitStack() as stack:
        stack.callback(classifier.close)
        clients = Clients(documents.config.transport, EnvironmentProxies.read(environ))
        parts = await _parts(stack, documents, snapshot, classifier, clients, every=worker_metrics)
        serving = _serving(parts, snapshot, documents.config.limits.counts_per_minute)
        books = parts.bookkeeping
        books.books.world = lambda: serving.snapshot
        books.books.calendar = parts.entrance.keys.calendar_of
        files = start_services(stack, documents, serving, parts.dispatcher, books.ledger)
        guards = start_guards(stack, documents.config.limits, serving, parts.entrance.authenticator)
        gateway = _gateway(parts, documents, serving, files, worker_metrics, guards=guards)
        reloader = await _reloader(stack, documents, environ, gateway, parts)
        if worker_metrics is not None:
            await worker_metrics.start(gateway.metrics.exposition)
            stack.push_async_callback(worker_metrics.close)
        gateway.ready = True
        admin = await _admin(stack, documents, gateway, reloader, books.ledger)
        yield Running(gateway, reloader, Inference(gateway), public_application(gateway), admin)
        gateway.ready = False
