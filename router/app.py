"""The composition root: builds every part, hands them to each other, and takes them down again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from classifiers.serving import Classifier
from policies.policy import Policy
from router.api.inference import Inference
from router.api.rest import build_rest
from router.auth.authenticate import Authenticator
from router.auth.store import KeyStore
from router.backends.dispatch import Dispatcher
from router.backends.aiohttp_transport import AiohttpTransport
from router.ledger.embedded import Embedded
from router.ledger.ledger import Ledger
from router.pipeline.config import Config
from router.pipeline.gateway import Gateway, Limits, gauges
from router.pipeline.snapshot import compile_snapshot
from router.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Running:
    """A started gateway and the ASGI application in front of it."""

    gateway: Gateway
    application: Inference


def load_classifier(config: Config, folder: Path) -> Classifier:
    """Load the shipped classifier and the operator's ability cards. Raises ArtifactError."""
    section = config.classifier
    cards = [folder / card for card in section.cards]
    return Classifier.load(device=section.device, cards=cards, deadline=section.deadline)


@asynccontextmanager
async def running(
    config: Config, policy: Policy, classifier: Classifier, *, data: Path, database: str
) -> AsyncIterator[Running]:
    """Start everything, yield it, and on exit settle, flush and stop it in reverse order.

    Raises DocumentError where the documents do not fit each other, LedgerUnavailable where the
    ledger does not answer, before anything listens.
    """
    snapshot = compile_snapshot(config, policy)
    data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        url = config.ledger
        if url == "embedded":
            embedded = await stack.enter_async_context(Embedded(data / "ledger"))
            url = embedded.url
        ledger = await Ledger.connect(url)
        stack.push_async_callback(ledger.close)
        store = KeyStore(database)
        stack.callback(store.close)
        authenticator = Authenticator(store)
        await authenticator.start()
        stack.push_async_callback(authenticator.close)
        dispatcher = Dispatcher(AiohttpTransport())
        dispatcher.adopt(list(snapshot.backends.values()))
        stack.push_async_callback(dispatcher.close)
        gateway = Gateway(
            snapshot=snapshot,
            authenticator=authenticator,
            classifier=classifier,
            ledger=ledger,
            dispatcher=dispatcher,
            limits=Limits(config.limits.body, config.limits.body_timeout),
            metrics=Metrics(lambda: gauges(gateway)),
        )
        gateway.ready = True
        yield Running(gateway, Inference(gateway, build_rest(gateway)))
        gateway.ready = False
