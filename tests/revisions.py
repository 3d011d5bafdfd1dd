"""`make revision`: writes the next revision of the tables, from what their MetaDatas say now.

    make revision ARGS='--renew'            # the first one anew, until it is released
    make revision ARGS='"why, in a line"'   # another, from what differs from the newest

Read what it wrote: Alembic takes a renamed column for one that goes and one that comes. Both write
`router/migrations/head.*.sql`, by which an empty database gets all tables at once, and `head.py`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import CreateIndexOp, CreateTableOp, UpgradeOps
from sqlalchemy import Connection, MetaData, Table, create_engine, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

import router
from router.database import LATER, WHERE
from router.migrations.upgrade import upgrade
from router.migrations.version import VERSION_TABLE

_ROUTER: Final = Path(router.__file__).parent
_FOLDER: Final = _ROUTER / "migrations"
_FIRST: Final = "0001"
_DIALECTS: Final[dict[str, Any]] = {
    "sqlite": sqlite.dialect, "postgresql": postgresql.dialect,
}  # fmt: skip
_HEAD_MODULE: Final = '''\
"""The version of this program's tables: `make revision` writes this file."""

from typing import Final

HEAD: Final = "{number}"
'''
_ADOPTING: Final = '''\
"""The tables of the first release with versions; `make revision ARGS=--renew` wrote it.

Older tables of ours are taken over: see Adoption.
"""

import sqlalchemy as sa
from alembic import op

from router.migrations.adoption import Adoption

revision = "{number}"
down_revision = None

# The columns that tables lack which were made before they had a version.
LATER = {later}


def upgrade() -> None:
    """Make what is lacking."""
    tables = Adoption(LATER)
{body}
    tables.carry_out(op.get_bind())
'''
_FOLLOWING: Final = '''\
"""{why}"""

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    """{why}"""
{body}
'''


def all_tables() -> MetaData:
    """Every table of every MetaData in `router`, in one."""
    whole = MetaData()
    for each in _metadatas():
        for table in each.sorted_tables:
            if table.name in whole.tables:
                raise SystemExit(f"two tables are named {table.name}")
            _limit_indexes(table, table.to_metadata(whole))
    return whole


def _limit_indexes(table: Table, copied: Table) -> None:
    """Let the indexes of a copy be of the rows alone that those of the table say."""
    where = {index.name: index.info[WHERE] for index in table.indexes if WHERE in index.info}
    for index in copied.indexes:
        if index.name in where:
            for dialect in _DIALECTS:
                index.dialect_options[dialect]["where"] = text(where[index.name])


def _metadatas() -> Iterator[MetaData]:
    for path in sorted(_ROUTER.rglob("*.py")):
        if "migrations" not in path.parts and "MetaData()" in path.read_text("utf-8"):
            parts = path.relative_to(_ROUTER.parent).with_suffix("").parts
            for value in vars(import_module(".".join(parts))).values():
                if isinstance(value, MetaData):
                    yield value


def script(dialect: str) -> str:
    """The statements by which an empty database gets every table, and its version."""
    made = _DIALECTS[dialect]()
    statements = []
    for table in sorted(all_tables().tables.values(), key=lambda one: one.name):
        statements.append(str(CreateTable(table).compile(dialect=made)))
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        statements += [str(CreateIndex(index).compile(dialect=made)) for index in indexes]
    written = [re.sub(r"[ \t]+\n", "\n", statement).strip() for statement in statements]
    written.append(
        f"CREATE TABLE {VERSION_TABLE} (\n\tversion_num VARCHAR(32) NOT NULL,\n"
        f"\tCONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num)\n)"
    )
    written.append(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{_newest()}')")  # noqa: S608
    return ";\n".join(written) + ";\n"


def differences(connection: Connection) -> list[Any]:
    """What the tables of a database and those of the code differ in."""
    return list(compare_metadata(_compared(connection), all_tables()))


def _compared(connection: Connection) -> MigrationContext:
    def ours(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        return not (reflected and kind == "table" and name == VERSION_TABLE)

    options = {
        "version_table": VERSION_TABLE, "compare_type": True, "include_object": ours,
        "target_metadata": all_tables(), "render_as_batch": True,
    }  # fmt: skip
    return MigrationContext.configure(connection, opts=options)


def later() -> dict[str, list[str]]:
    """The columns that tables lack which were made before they had a version, by table."""
    of = {
        name: [column.name for column in table.columns if column.info == LATER]
        for name, table in sorted(all_tables().tables.items())
    }
    return {name: columns for name, columns in of.items() if columns}


def first() -> str:
    """The module of the first revision."""
    tables = all_tables()
    operations: list[Any] = []
    for name in sorted(tables.tables):
        table = tables.tables[name]
        operations.append(CreateTableOp.from_table(table))
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        operations += [CreateIndexOp.from_index(index) for index in indexes]
    body = render_python_code(UpgradeOps(operations), alembic_module_prefix="tables.")
    return _ADOPTING.format(number=_FIRST, later=later(), body=_inside(body))


def _following(why: str) -> tuple[str, str]:
    """The number and the module of the next revision."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection)
        steps = produce_migrations(_compared(connection), all_tables()).upgrade_ops
    engine.dispose()
    if steps is None or steps.is_empty():
        raise SystemExit("The tables are what the newest revision makes: nothing to write.")
    body = _inside(render_python_code(steps, render_as_batch=True))
    number = f"{int(_newest()) + 1:04d}"
    return number, _FOLLOWING.format(why=why, number=number, before=_newest(), body=body)


def _inside(body: str) -> str:
    return body.replace(
        "# ### commands auto generated by Alembic - please adjust! ###", ""
    ).replace("# ### end Alembic commands ###", "")


def _newest() -> str:
    return max((path.stem[1:5] for path in _FOLDER.glob("versions/v*.py")), default=_FIRST)


def main(arguments: list[str]) -> None:
    """Write what was asked for."""
    if arguments == ["--renew"]:
        if _newest() != _FIRST:
            raise SystemExit("There are later revisions: write another.")
        number, text, name = _FIRST, first(), "first"
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        number, text = _following(arguments[0])
        name = "_".join(re.findall(r"[a-z0-9]+", arguments[0].lower())[:6])
    else:
        raise SystemExit(__doc__)
    path = _FOLDER / "versions" / f"v{number}_{name}.py"
    path.write_text(text, "utf-8")
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "-q", path], check=True)
    (_FOLDER / "head.py").write_text(_HEAD_MODULE.format(number=number), "utf-8")
    for dialect in _DIALECTS:
        (_FOLDER / f"head.{dialect}.sql").write_text(script(dialect), "utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
