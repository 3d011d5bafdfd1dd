"""A database as Turnout made it before its tables had a version."""

from sqlalchemy import MetaData, text

from router.database import LATER, Database
from router.usage.rows import USAGE


def older(database: Database) -> None:
    """Make the table of usage without what came later, and a row in it."""
    there = MetaData()
    table = USAGE.to_metadata(there)
    table.indexes.clear()
    for column in [each for each in table.columns if each.info == LATER]:
        table._columns.remove(column)
    there.create_all(database.engine)
    values = {
        column.name: "h1" if column.type.python_type is str else 0
        for column in table.columns
        if not column.nullable
    }
    with database.writing() as connection:
        connection.execute(table.insert().values(values | {"estimated": False}))
        connection.execute(text("create table others (n integer)"))
