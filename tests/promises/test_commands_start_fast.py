"""What commands import and do before they do anything: counted, for times differ by machine."""

from pathlib import Path

import click
import pytest

from bench import starting
from router.cli.common.lazy import LazyGroup
from router.cli.main import main

# A model of each section, lists of prices, conditions, clients of the ledger, tables for eyes.
HEAVY = {
    "pydantic", "genai_prices", "cel_expr_python", "re2", "redis", "hiredis", "httpx", "numpy",
    "onnxruntime", "fastapi", "uvicorn", "prometheus_client", "rich", "psycopg", "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql", "router.world.config", "router.backends", "router.prices",
    "router.protocols", "policies.policy",
}  # fmt: skip
QUICK = [
    ["organizations", "create", "acme", "--tier", "pro", "--tag", "may-leave"],
    ["organizations", "change", "acme", "--tier", "free"],
    ["organizations", "list", "--format", "json"],
    ["organizations", "show", "acme", "--format", "json"],
    ["organizations", "suspend", "acme", "--why", "unpaid"],
    ["organizations", "resume", "acme"],
    ["teams", "create", "research", "--organization", "acme"],
    ["teams", "change", "research", "--organization", "acme", "--tag", "may-leave"],
    ["teams", "list", "--organization", "acme", "--format", "json"],
    ["keys", "create", "--organization", "acme", "--team", "research"],
    ["keys", "list", "--format", "json"],
    ["credits", "list", "acme", "--format", "json"],
    ["export"],
    ["audit", "verify"],
    ["usage", "--format", "json"],
    ["usage", "--format", "csv"],
]

# What is given a limit has the models of limits, and of nothing else.
LIMITING = [
    ["organizations", "create", "acme", "--tier", "pro", "--limit", "tokens_per_day=5"],
    ["organizations", "change", "acme", "--limit", "per_key.concurrency=2"],
    ["organizations", "raise", "acme", "--limit", "tokens_per_day=9", "--until", "3d"],
    ["teams", "create", "research", "--organization", "acme", "--limit", "tokens_per_day=3"],
    [
        "keys",
        "create",
        "--organization",
        "acme",
        "--limit",
        "requests_per_minute={limit: 60, burst: 10}",
    ],
]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "turnout.yaml"
    path.write_text(starting.CONFIG)
    return str(path)


def test_commands_about_customers_import_nothing_that_they_do_not_need(config: str) -> None:
    commands = [[*arguments, "--config", config] for arguments in QUICK]
    modules = starting.modules(commands)
    assert "sqlalchemy" in modules
    assert HEAVY.isdisjoint(modules)


def test_commands_that_set_limits_import_the_models_of_limits_alone(config: str) -> None:
    modules = starting.modules([[*arguments, "--config", config] for arguments in LIMITING])
    assert "pydantic" in modules
    assert "policies.language.document" not in modules
    assert (HEAVY - {"pydantic"}).isdisjoint(modules)


def test_a_list_of_keys_costs_little_beside_the_libraries_that_read_it(config: str) -> None:
    counts = starting.instructions(["keys", "list", "--format", "json", "--config", config])
    assert counts["command"] < counts["libraries"] / 4  # an eighth; it was twice as much as them


def test_a_gateway_imports_neither_the_admin_api_nor_a_database_that_nobody_configured() -> None:
    modules = starting.serving()
    assert {"router.app", "sqlalchemy"} <= set(modules)
    assert {"sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "alembic"}.isdisjoint(modules)
    assert [name for name in modules if name.startswith("router.admin")] == []


def test_help_imports_no_command() -> None:
    modules = starting.modules([["--help"]])
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
