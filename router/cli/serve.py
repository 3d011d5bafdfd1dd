"""`turnout serve`: run the gateway."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import click
import uvicorn
import uvloop
from fastapi import FastAPI

from classifiers.artifact import ArtifactError
from classifiers.serving import Classifier
from policies.findings import DocumentError
from router.api.connection import Connection
from router.api.server_state import DatedState
from router.app import Running, running
from router.cli.common.core_dumps import forbid_core_dumps
from router.cli.common.descriptors import raise_descriptors
from router.cli.common.documents import config_option, documents_or_end, end_with_findings
from router.cli.common.stores import no_database
from router.cli.stopping import Stopping
from router.cli.workers import Supervisor, WorkerArgs
from router.database import DatabaseError
from router.errors import TurnoutError
from router.learning import load_classifier
from router.ledger.server.address import AddressError
from router.ledger.server.embedded import EmbeddedError
from router.ledger.server.errors import StartupError
from router.presidio.spec import Unusable
from router.settings import environment, log_level
from router.telemetry.logs import set_up_logs
from router.telemetry.worker_metrics import WorkerMetrics
from router.world.config_values import host_and_port
from router.world.documents import Documents
from router.world.missing_rates import warn_of_missing

_LOG = logging.getLogger("turnout")
_COLLECT_AFTER: Final = 10_000  # containers made and not freed; a request leaves hardly any
# The message of each says what is wrong and what to change.
_PLAIN: Final = (
    *(ArtifactError, StartupError, EmbeddedError, AddressError, TurnoutError),
    Unusable,
)


def _listen(address: str, *, shared: bool = False) -> socket.socket:
    host, port = host_and_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio turns Nagle's algorithm off on accepted connections.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise click.ClickException(
            f"cannot listen on {address}: {reason}. Change `listen` in turnout.yaml, "
            "or stop what is using the port."
        ) from None
    return listener


class _SignalFreeServer(uvicorn.Server):
    """uvicorn, leaving the signals to us: its own way ends the process before holds are settled.

    It sleeps until `end`, where uvicorn looks ten times a second whether it should.
    """

    def __init__(self, application: FastAPI, protocol: Callable[..., asyncio.Protocol]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=protocol,  # type: ignore[arg-type] # called as its constructor would be
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here depends on a client's address
            )
        )
        self.server_state = DatedState()
        self._ended = asyncio.Event()

    def end(self, *, at_once: bool = False) -> None:
        """Stop after what is in flight, or without waiting for it."""
        self.force_exit = at_once
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _heed_signals(started: Running, stopping: Stopping) -> None:
    """SIGTERM stops with notice, SIGINT (somebody sits there) without; SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.begin)
    loop.add_signal_handler(signal.SIGINT, partial(stopping.begin, noticed=True))
    loop.add_signal_handler(signal.SIGHUP, started.reloader.reload)


async def _serve(
    documents: Documents,
    classifier: Classifier,
    listeners: list[socket.socket],
    inherited: WorkerArgs | None = None,
) -> None:
    worker_metrics = (
        None if inherited is None else WorkerMetrics(Path(inherited.folder), inherited.number)
    )
    async with running(documents, classifier, environment(), worker_metrics) as started:
        servers = [_SignalFreeServer(started.public, partial(Connection, started.inference))]
        if started.admin is not None and len(listeners) > 1:  # it is the first worker's
            administered = partial(Connection, started.admin.inference)
            servers.append(_SignalFreeServer(started.admin.application, administered))
        kept = started.gateway.serving.kept
        if kept is not None:
            kept.background.attend(servers[0].server_state.tasks)
        stop = documents.config.stop
        stopping = Stopping(
            started.gateway, servers, started.inference.abandon, stop.notice, stop.drain
        )
        _heed_signals(started, stopping)
        if inherited is not None:
            lifeline = inherited.lifeline
            asyncio.get_running_loop().add_reader(lifeline, _end, stopping, lifeline)
        _LOG.info(
            "listening",
            extra={
                "address": f"http://{documents.config.listen}",
                "policy": documents.policy.version,
                "classifier": classifier.version,
                "device": classifier.provider,
                "keys": len(started.gateway.serving.authenticator),
            },
        )
        _spare_the_collector()
        pairs = zip(servers, listeners, strict=True)
        await asyncio.gather(*(server.serve(sockets=[address]) for server, address in pairs))
        stopping.over()
        await started.inference.abandon()


def _spare_the_collector() -> None:
    """Freeze what was built at the start: the garbage collector need not visit it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)


def _end(stopping: Stopping, lifeline: int) -> None:
    """Stop: the process that supervises us is gone."""
    asyncio.get_running_loop().remove_reader(lifeline)
    stopping.begin(noticed=True)


def _run_alone(documents: Documents, inherited: WorkerArgs | None) -> None:
    """Serve in this process, on sockets of our own or on inherited ones."""
    config = documents.config
    addresses = [config.listen, *([config.admin.listen] if config.admin else [])]
    raise_descriptors(config.connections.most)
    classifier = load_classifier(documents)
    with ExitStack() as stack:
        sockets = inherited.sockets() if inherited else [_listen(address) for address in addresses]
        listeners = [stack.enter_context(listener) for listener in sockets]
        uvloop.run(_serve(documents, classifier, listeners, inherited))


def _run_workers(documents: Documents, count: int) -> None:
    """Start workers and supervise them; ends this process with their status."""
    config = documents.config

    async def supervise() -> int:
        return await Supervisor(documents.config_path, public, admin).run()

    with ExitStack() as stack:
        first = stack.enter_context(_listen(config.listen, shared=True))
        host, port = host_and_port(config.listen)[0], first.getsockname()[1]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        others = [_listen(address, shared=True) for _ in range(count - 1)]
        public = [first, *(stack.enter_context(listener) for listener in others)]
        admin = stack.enter_context(_listen(config.admin.listen)) if config.admin else None
        status = asyncio.run(supervise())
    sys.exit(status)


@click.command()
@config_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that share the port, the keys and the ledger; about one a core.",
)
@click.option(
    "--worker-args", hidden=True, help="What a worker inherits from the process that supervises it."
)
def serve(config_path: Path, workers: int, worker_args: str | None) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; streams in flight may finish first.

    Both documents are checked before anything listens; see `turnout check`. They are read again
    when they change and on SIGHUP; one with mistakes is refused, and the old stays in force.
    """
    set_up_logs(log_level())
    documents = documents_or_end(config_path)
    if not documents.config.core_dumps:
        forbid_core_dumps()
    if worker_args is None:
        warn_of_missing(documents.loaded.missing)
    try:
        if workers > 1 and worker_args is None:
            _run_workers(documents, workers)
        else:
            _run_alone(documents, WorkerArgs.from_text(worker_args) if worker_args else None)
    except DocumentError as error:
        end_with_findings(error)
    except _PLAIN as error:
        raise click.ClickException(str(error)) from error
    except DatabaseError as error:
        raise no_database(error) from None
