"""What the runs found: a JSON file a client, written by the runner and read for the page."""

import datetime
import json
from pathlib import Path
from typing import Any, Final

from conformance.cache import KITS, digest_of, driver_digest, version_of
from conformance.clients_table import CLIENTS, Client

RECORDS: Final = Path(__file__).parent / "records"


def script_digest() -> str:
    """Of what every client meets: the scripted server, the jobs and the kits."""
    here = Path(__file__).parent
    shared = [*sorted((here / "scripted").glob("*.py")), here / "jobs.py"]
    return digest_of([*shared, *sorted(path for path in KITS.iterdir() if path.is_file())])


def keep(client: Client, jobs: dict[str, Any]) -> None:
    """Write the record of a client that has just run."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    record = {
        "client": client.name,
        "package": client.package,
        "version": version_of(client),
        "protocol": client.protocol,
        "date": today,
        "driver": driver_digest(client.folder),
        "script": script_digest(),
        "jobs": jobs,
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (RECORDS / f"{client.name}.json").write_text(text + "\n")


def read_all() -> dict[str, dict[str, Any]]:
    """The records by client, in the order of the table."""
    files = {client.name: RECORDS / f"{client.name}.json" for client in CLIENTS}
    return {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}
