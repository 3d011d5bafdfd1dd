"""The child process that serves a GGUF model through llama.cpp's server, until its parent goes.

python -m router.children.llamacpp_server --port 8081
"""

import os
import socket
import threading
from typing import Final

import click
import xllamacpp

from router.children.child import announce, end_when_orphaned
from router.children.llamacpp import CONTEXT, MODEL, model_file

SLOTS: Final = 4


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@click.command()
@click.option("--model", type=click.Path(exists=True, dir_okay=False), help="Another GGUF file.")
@click.option("--alias", default=MODEL, help="The name it answers by.")
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=0, help="0 takes a free one; the ready line says which.")
@click.option("--threads", default=0, help="0 takes half of the processors.")
@click.option("--context", default=CONTEXT, help="Tokens in all.")
@click.option("--slots", default=SLOTS, help="Requests at a time; they share the context.")
def main(
    *, model: str | None, alias: str, host: str, port: int, threads: int, context: int, slots: int
) -> None:
    """Serve a GGUF model until the parent closes standard input."""
    end_when_orphaned()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model or str(model_file())
    parameters.model_alias = {alias}
    parameters.hostnames = [host]
    parameters.port = port or _free_port()
    parameters.n_ctx = context
    parameters.n_parallel = slots
    parameters.kv_unified = True  # a long prompt may use what idle slots do not
    parameters.cpuparams.n_threads = threads or max(1, (os.cpu_count() or 2) // 2)
    parameters.cpuparams_batch.n_threads = parameters.cpuparams.n_threads
    parameters.endpoint_metrics = True
    parameters.endpoint_slots = True
    parameters.ui = False
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)  # returns once it listens
    announce(f"{server.listening_address}/v1")
    threading.Event().wait()


if __name__ == "__main__":
    main()
