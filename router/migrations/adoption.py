"""Tables that Turnout made before it kept a version: looked at, and given what came later."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Index, MetaData, Table, inspect
from sqlalchemy.schema import CreateColumn

from router.migrations.version import UnfitTables

_ADVICE: Final = (
    "so another version of Turnout or another program made it. Use the version that made it, or "
    "name another database (`database` in turnout.yaml)"
)


class Adoption:
    """The first revision: takes what is there, makes what is not.

    It is told of tables and indexes as Alembic's `op` would be, and does nothing until `carry_out`.
    `later` names the columns that older tables of ours may lack.
    """

    def __init__(self, later: Mapping[str, Sequence[str]]) -> None:
        self._later = later
        self._tables = MetaData()

    def create_table(self, name: str, *items: Any) -> None:
        """A table that is to be there."""
        Table(name, self._tables, *items)

    def create_index(
        self,
        name: str,
        table: str,
        columns: Sequence[str],
        *,
        unique: bool = False,
        **where: Any,
    ) -> None:
        """An index that is to be there; `where`: of which rows alone, by dialect."""
        there = self._tables.tables[table]
        Index(name, *(there.c[column] for column in columns), unique=unique, **where)

    def carry_out(self, connection: Connection) -> None:
        """Make what is lacking. Raises UnfitTables where a table of ours lacks a column that none
        of ours ever lacked; then nothing is changed. Columns that are too many do no harm.
        """
        lacking = self._lacking(connection)
        for table, columns in lacking.items():
            foreign = sorted({c.name for c in columns} - set(self._later.get(table.name, ())))
            if foreign:
                raise UnfitTables(f"its table {table.name} has no {', '.join(foreign)}, {_ADVICE}")
        for table, columns in lacking.items():
            for column in columns:
                _add(connection, table, column)
        self._tables.create_all(connection)
        for table in lacking:
            for index in table.indexes:
                index.create(connection, checkfirst=True)

    def _lacking(self, connection: Connection) -> dict[Table, list[Column[Any]]]:
        """The columns that each table which is there does not have."""
        looked = inspect(connection)
        names = set(looked.get_table_names())
        lacking: dict[Table, list[Column[Any]]] = {}
        for table in self._tables.tables.values():
            if table.name in names:
                there = {column["name"] for column in looked.get_columns(table.name)}
                lacking[table] = [column for column in table.columns if column.name not in there]
        return lacking


def _add(connection: Connection, table: Table, column: Column[Any]) -> None:
    dialect = connection.dialect
    name = dialect.identifier_preparer.format_table(table)
    written = CreateColumn(column).compile(dialect=dialect)
    connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {written}")
