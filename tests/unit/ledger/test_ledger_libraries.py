"""Which file of the ledger knows which library, and what becomes of the libraries' errors."""

import ast
from pathlib import Path

import pytest
import redis

from router.ledger.server.errors import (
    Disconnected,
    ErrorReply,
    Moved,
    Refused,
    reply_reader,
    translated,
)

ROUTER = Path(__file__).parents[3] / "router"
FILES = {
    path.relative_to(ROUTER).as_posix(): path.read_text("utf-8") for path in ROUTER.rglob("*.py")
}


def importers(library: str) -> set[str]:
    """The files that import a library, or a part of it."""
    result = set()
    for name in (name for name, text in FILES.items() if library in text):
        for node in ast.walk(ast.parse(FILES[name])):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                modules = [node.module]
            if any(module.split(".")[0] == library for module in modules):
                result.add(name)
    return result


def test_exceptions_of_hiredis_and_redis_are_known_in_one_file() -> None:
    assert importers("hiredis") == {"ledger/server/connection.py", "ledger/server/errors.py"}
    assert importers("redis") == {"ledger/server/clients.py", "ledger/server/errors.py"}
    words = {
        node.attr
        for name in ("ledger/server/connection.py", "ledger/server/clients.py")
        for node in ast.walk(ast.parse(FILES[name]))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"hiredis", "redis"}
    }
    assert not {word for word in words if word.endswith("Error")}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (redis.ConnectionError("refused"), Disconnected),
        (redis.TimeoutError("late"), Disconnected),
        (redis.BusyLoadingError("loading"), Disconnected),
        (redis.exceptions.RedisClusterException("no node"), Disconnected),
        (redis.exceptions.SlotNotCoveredError("a hole"), Disconnected),
        (OSError("no route"), Disconnected),
        (redis.ResponseError("OOM command not allowed: lg:{v07}:h"), Refused),
        (redis.exceptions.MovedError("7 127.0.0.1:7001"), Moved),
    ],
)
def test_every_error_of_redis_py_becomes_one_of_ours(error: Exception, kind: type) -> None:
    with pytest.raises(kind), translated():
        raise error


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(Refused, match=r"^OOM$"), translated():
        raise redis.ResponseError("OOM: lg:{v07}:s:k:acme/key1")


def test_our_own_errors_and_foreign_ones_pass_as_they_are() -> None:
    with pytest.raises(Refused, match="why: it says"), translated():
        raise Refused("why: it says")
    with pytest.raises(KeyError), translated():
        raise KeyError("not a server's")


@pytest.mark.parametrize(
    ("reply", "lacks_script", "is_elsewhere"),
    [
        (b"-NOSCRIPT No matching script.\r\n", True, False),
        (b"-MOVED 7 127.0.0.1:7001\r\n", False, True),
        (b"-READONLY You can't write against a read only replica.\r\n", False, True),
        (b"-ERR unknown command\r\n", False, False),
    ],
)
def test_an_error_reply_is_read_as_what_it_asks_for(
    reply: bytes, lacks_script: bool, is_elsewhere: bool
) -> None:
    reader = reply_reader()
    reader.feed(reply)
    error = reader.gets()
    assert isinstance(error, ErrorReply)
    assert (error.lacks_script, error.is_elsewhere) == (lacks_script, is_elsewhere)
    assert isinstance(error.refusal(), Refused)
