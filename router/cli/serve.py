"""`turnout serve`: run the gateway."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import uvicorn
import uvloop

from classifiers.artifact import ArtifactError
from classifiers.serving import Classifier
from policies.findings import DocumentError
from router.app import load_classifier, running
from router.cli.documents import Documents, config_option, end_with_findings, read_documents
from router.errors import TurnoutError
from router.pipeline.gateway import Gateway
from router.settings import log_level
from router.telemetry.logs import set_up_logs

_LOG = logging.getLogger("turnout")
_DRAIN_SECONDS: Final = 600


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {reason}. Change `listen` in turnout.yaml, "
            "or stop what is using the port."
        ) from None


class _Server(uvicorn.Server):
    """uvicorn, leaving the signals to us: its own way ends the process before holds are settled."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop_on_signals(self, gateway: Gateway) -> None:
        """SIGTERM or SIGINT stops after what is in flight, a second one at once."""

        def stop() -> None:
            gateway.ready = False
            self.force_exit = self.should_exit
            self.should_exit = True
            _LOG.info("stopping", extra={"in_flight": gateway.metrics.in_flight})

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)


async def _serve(documents: Documents, classifier: Classifier, listener: socket.socket) -> None:
    config = documents.config
    async with running(
        config,
        documents.policy,
        classifier,
        data=documents.data,
        database=documents.database,
    ) as started:
        server = _Server(
            uvicorn.Config(
                started.application,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        server.stop_on_signals(started.gateway)
        _LOG.info(
            "listening",
            extra={
                "address": f"http://{config.listen}",
                "policy": documents.policy.version,
                "classifier": classifier.version,
                "device": classifier.provider,
                "keys": len(started.gateway.authenticator),
            },
        )
        await server.serve(sockets=[listener])


@click.command()
@config_option
def serve(config_path: Path) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; streams in flight may finish first.

    Both documents are checked before anything listens; see `turnout check`.
    """
    set_up_logs(log_level())
    documents = read_documents(config_path)
    try:
        classifier = load_classifier(documents.config, config_path.resolve().parent)
        listener = _listen(*documents.config.host_and_port())
        with listener:
            uvloop.run(_serve(documents, classifier, listener))
    except ArtifactError as error:
        raise click.ClickException(str(error)) from error
    except DocumentError as error:
        end_with_findings(error)
    except TurnoutError as error:
        raise click.ClickException(error.message) from error
