"""`python -m conformance [--list] [--only NAME ...] [--openapi PATH] [--page]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance import page, records
from conformance.cache import CannotInstall, command_of, install, version_of
from conformance.clients_table import CLIENTS, Client
from conformance.document import WAYS, run_document
from conformance.gateway import Gateway, gateway
from conformance.running import COLUMNS, FAILS, places, run_client
from conformance.scripted.server import scripted_server
from router.children.llamacpp import local_model


def say(text: str) -> None:
    print(text, flush=True)


def chosen(only: list[str]) -> list[Client]:
    """The clients whose name or folder is named; all where none is."""
    known = {name for client in CLIENTS for name in (client.name, client.folder)}
    unknown = set(only) - known
    if unknown:
        raise SystemExit(f"No such client: {', '.join(sorted(unknown))}. `--list` lists them.")
    return [client for client in CLIENTS if not only or {client.name, client.folder} & set(only)]


@contextmanager
def real_model(clients: list[Client]) -> Iterator[str]:
    """The base URL of the shipped model's server, where a client asks it; else nothing."""
    if not any(client.is_real for client in clients):
        yield ""
        return
    child = local_model()
    child.start()
    try:
        yield child.await_ready()
    finally:
        child.stop()


def run_one(client: Client, upstream: str, through: Gateway, real: str) -> int:
    """Install, run, keep; return how many jobs failed."""
    began = time.monotonic()
    folder = install(client, say)
    command = command_of(client, folder)
    jobs = run_client(client, command, folder, places(client, upstream, through, real))
    records.keep(client, jobs)
    failed = 0
    for job, record in jobs.items():
        told = "  ".join(
            f"{column}: {record[column]['verdict']}" for column in COLUMNS if column in record
        )
        failed += sum(record[column]["verdict"] == FAILS for column in COLUMNS if column in record)
        say(f"  {job:<12}{told}")
    say(f"  {time.monotonic() - began:.0f} s")
    return failed


def run(clients: list[Client]) -> int:
    """Run clients one after the other; 1 where one failed or could not be installed."""
    failed, absent = 0, []
    with (
        tempfile.TemporaryDirectory(prefix="turnout-conformance-") as folder,
        real_model(clients) as real,
        scripted_server() as upstream,
        gateway(Path(folder), upstream.root, real) as through,
    ):
        for number, client in enumerate(clients, 1):
            say(f"[{number}/{len(clients)}] {client.name} {version_of(client)}")
            try:
                failed += run_one(client, upstream.root, through, real)
            except CannotInstall as error:
                absent.append(client.name)
                say(f"  NOT RUN: {error}")
    page.write()
    say(f"{page.PAGE} is written. {failed} jobs fail; not run: {', '.join(absent) or 'none'}.")
    return int(bool(failed or absent))


def run_openapi(document: Path, seed: int, cases: int, only: list[str]) -> int:
    """Ask by OpenAI's document; 1 where a fault was found."""
    if set(only) - WAYS.keys():
        raise SystemExit(f"With --openapi, --only names protocols: {', '.join(WAYS)}.")
    if not document.is_file():
        raise SystemExit(f"No such document: {document}. OpenAI publishes it as openapi.yaml.")
    with (
        tempfile.TemporaryDirectory(prefix="turnout-conformance-") as folder,
        scripted_server() as upstream,
        gateway(Path(folder), upstream.root) as through,
    ):
        found = run_document(document, through, seed=seed, cases=cases, only=only, say=say)
    page.write()
    say(f"{page.PAGE} is written. {found} kinds of faults.")
    return int(bool(found))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list clients, versions and jobs")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="run these alone")
    parser.add_argument("--page", action="store_true", help="write the page from the records")
    parser.add_argument(
        "--openapi",
        type=Path,
        metavar="PATH",
        help="ask by OpenAI's document alone, by Schemathesis",
    )
    parser.add_argument("--seed", type=int, default=1, help="of Schemathesis (default: 1)")
    parser.add_argument("--cases", type=int, default=40, help="an operation (default: 40)")
    options = parser.parse_args()
    if options.openapi:
        return run_openapi(options.openapi, options.seed, options.cases, options.only)
    clients = chosen(options.only)
    if options.list:
        for client in clients:
            say(f"{client.name:<26}{client.package} {version_of(client)}: {', '.join(client.jobs)}")
        return 0
    if options.page:
        page.write()
        return 0
    return run(clients)


if __name__ == "__main__":
    sys.exit(main())
