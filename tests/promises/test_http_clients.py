"""Each HTTP library is known to one file, where its errors end."""

import re
from pathlib import Path

import pytest

ROUTER = Path(__file__).parents[2] / "router"
ONLY_USERS = {
    # The edge reads requests with it.
    "httptools": {"api/connection.py", "backends/transport/httptools_connection.py"},
    # The demo's clients, and those of drills, talk to gateways; keys are fetched from providers of
    # identities: none of these are backends.
    "httpx": {
        "auth/tokens/fetching.py",
        "backends/transport/httpx_connection.py",
        "cli/demo_parts/stack.py",
        "drills/clients.py",
        "drills/processes.py",
    },
    "httpcore": set(),
    "h2": set(),
    "aiohttp": set(),
    "requests": set(),
}


@pytest.mark.parametrize("library", ONLY_USERS)
def test_a_library_has_one_file(library):
    imported = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
    users = {
        str(path.relative_to(ROUTER))
        for path in ROUTER.rglob("*.py")
        if imported.search(path.read_text(encoding="utf-8"))
    }
    assert users == ONLY_USERS[library]
