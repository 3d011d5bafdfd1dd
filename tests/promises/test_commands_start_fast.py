"""What commands import and do before they do anything: counted, for times differ by machine."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from router.cli.common.lazy import LazyGroup
from router.cli.main import main

ROOT = Path(__file__).parents[2]
CONFIG = """\
version: 1
policy: balanced
backends:
  local: {base_url: "http://127.0.0.1:1/v1", model: m, price: {input: 1, output: 1}}
"""
# A model of each section, lists of prices, conditions, clients of the ledger, tables for eyes.
HEAVY = {
    "pydantic", "genai_prices", "cel_expr_python", "re2", "redis", "hiredis", "httpx", "numpy",
    "onnxruntime", "fastapi", "uvicorn", "prometheus_client", "rich", "psycopg", "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql", "router.world.config", "router.backends", "router.prices",
    "router.protocols", "policies.policy",
}  # fmt: skip
QUICK = [
    ["keys", "list", "--format", "json"],
    ["keys", "create", "--organization", "acme", "--tier", "pro"],
    ["usage", "--format", "json"],
    ["usage", "--format", "csv"],
]
COUNTS = """
import json, sys
from bench.instructions import counted

def libraries():
    import click, sqlalchemy.dialects.sqlite, yaml

def command(*arguments):
    from router.cli.main import main
    main(arguments, standalone_mode=False)

counts = [counted(libraries)]
counts.append(counted(lambda: command(*sys.argv[1:])))
print(json.dumps({"counts": counts}))
"""
LISTED = """
import json, sys
from router.cli.main import main
for arguments in json.loads(sys.argv[1]):
    main(arguments, standalone_mode=False)
print(json.dumps({"modules": sorted(sys.modules)}))
"""


def last_line(code: str, *arguments: str) -> dict[str, list]:
    """What a fresh interpreter says last."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "turnout.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_commands_about_customers_import_nothing_that_they_do_not_need(config: str) -> None:
    commands = [[*arguments, "--config", config] for arguments in QUICK]
    modules = last_line(LISTED, json.dumps(commands))["modules"]
    assert "sqlalchemy" in modules
    assert HEAVY.isdisjoint(modules)


def test_a_list_of_keys_costs_little_beside_the_libraries_that_read_it(config: str) -> None:
    counts = last_line(COUNTS, "keys", "list", "--format", "json", "--config", config)["counts"]
    libraries, command = counts
    assert command < libraries / 4  # an eighth; it was twice as much as them


def test_help_imports_no_command() -> None:
    modules = last_line(LISTED, '[["--help"]]')["modules"]
    assert [name for name in modules if name.startswith("router.cli.")] == [
        "router.cli.common",
        "router.cli.common.lazy",
        "router.cli.main",
    ]
    assert {"sqlalchemy", "yaml"}.isdisjoint(modules)


def groups() -> list[LazyGroup]:
    """Every group whose commands are rows of a table."""
    found: list[click.Command] = [main]
    for group in found:
        if isinstance(group, click.Group):
            context = click.Context(group)
            each = (group.get_command(context, name) for name in group.list_commands(context))
            found += [command for command in each if command is not None]
    return [group for group in found if isinstance(group, LazyGroup)]


def test_a_command_is_listed_as_it_says_of_itself() -> None:
    for group in groups():
        context = click.Context(group)
        for name, stand_in in group.commands.items():
            command = group.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert command.get_short_help_str(1000) == stand_in.get_short_help_str(1000), name
