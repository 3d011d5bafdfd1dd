"""Names that customers, backends and files chose: text wherever they are shown, no more."""

import ast
import csv
import io
import json
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

import router.cli
from policies.findings import Finding, render
from router.cli.common.log_options import console
from router.cli.common.state_printer import print_state
from router.cli.common.tables import PlainConsole, narrow, show
from router.cli.common.usage_tables import tables_of
from router.cli.main import main
from router.printable import printable, printable_beside_colours, safe_json
from router.telemetry.logs import JsonFormatter, TerminalFormatter
from router.usage.report import Report
from router.usage.report_formats import as_csv, as_json
from router.usage.store import SUMS

HOSTILE = [
    "[/]", "[/red]", "[bold red]x[/]", "[link=http://h]x[/link]", "[[", "\\[x]", ":smile:",
    "\x1b[2J\x1b]0;owned\x07", "a\nb\rc", "a\u2028b\u2029c\x85d", "\u202egnp.exe", "\x9b31mred",
    "a\x00b", "\x7f\x08\x08", "\ufeffx", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1",
    "\r=1", "\n=1", "＝1",
]  # fmt: skip
NAMES = st.sampled_from(HOSTILE) | st.text(max_size=30)
FORMULAS = tuple("=+-@\t\r\n＝＋－＠")


def is_plain(text: str) -> bool:
    """Whether a terminal shows these lines and does nothing else."""
    return all(line.isprintable() for line in text.split("\n"))


def a_report(name: str) -> Report:
    row: dict[str, Any] = dict.fromkeys(SUMS, 1)
    row |= {"user": name, "backend": name, "cost_pico": -5, "price_pico": -5, "cents": -1}
    return Report(("user", "backend"), (row,))


def shown(table: Table, wide: Console) -> str:
    show(table, wide)
    file = wide.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_table_of_usage_shows_a_name_as_it_is_written(name: str):
    for table in tables_of(a_report(name)):
        text = shown(table, Console(width=200, file=io.StringIO()))
        assert is_plain(text)
        assert printable(name.split("\n", maxsplit=1)[0]) in text


@given(name=NAMES)
def test_whatever_a_name_is_titles_headings_cells_and_lines_are_text(name: str):
    table = narrow(name)
    table.add_column(name, footer=name)
    table.add_row(name)
    assert is_plain(shown(table, Console(width=99, file=io.StringIO())))
    out = io.StringIO()
    plain = PlainConsole(width=99, file=out)
    plain.print(Table(name, title=name, caption=name), f"moves: {name} -> {name}")
    print_state({name: name, "list": [{name: name, "n": 1}]}, plain)
    assert is_plain(out.getvalue())


def test_what_commands_over_logs_print_is_read_as_no_markup():
    assert isinstance(console(), PlainConsole)


@given(name=NAMES)
def test_no_cell_of_csv_is_a_formula_and_numbers_stay_numbers(name: str):
    rows = list(csv.reader(io.StringIO(as_csv(a_report(name)), newline="")))
    assert all(len(row) == len(rows[0]) for row in rows)
    for heading, cell in zip(rows[0], rows[1], strict=True):
        if heading in ("user", "backend"):
            assert not cell.startswith(FORMULAS)
            assert cell in (printable(name), f"'{printable(name)}")
            assert cell.isprintable()
        else:
            assert cell == "USD" or float(cell) is not None
    assert rows[1][rows[0].index("amount")] == "-0.01"


@given(name=NAMES)
def test_json_of_usage_is_the_same_and_safe_to_show(name: str):
    text = as_json(a_report(name))
    assert json.loads(text)["rows"][0]["user"] == name
    assert len(text.splitlines()) == text.count("\n")


@given(name=NAMES)
def test_a_line_of_a_log_is_one_line_and_steers_nothing(name: str):
    record = logging.LogRecord("turnout", logging.INFO, "x.py", 1, "asked by %s", (name,), None)
    record.user = name
    for formatter in (JsonFormatter(), TerminalFormatter()):
        line = formatter.format(record)
        assert line.isprintable()
    assert json.loads(JsonFormatter().format(record))["user"] == name


@given(name=NAMES)
def test_text_stays_text_beside_colours(name: str):
    told = printable_beside_colours(f"\x1b[1m{name}\x1b[0m")
    assert is_plain(re.sub("\x1b\\[[0-9;]*m", "", told))


@given(name=NAMES)
def test_json_that_is_made_safe_says_the_same_on_one_line(name: str):
    text = json.dumps({"name": name}, ensure_ascii=False)
    safe = safe_json(text)
    assert json.loads(safe) == {"name": name}
    assert len(safe.splitlines()) == 1


@pytest.mark.parametrize("name", HOSTILE[:15])
def test_findings_of_a_file_with_any_name_are_text(name: str):
    told = render([Finding("turnout.yaml", 1, 1, "error", name, name)])
    assert is_plain(told)


CONFIG = """
version: 1
data: data
backends: {b: {base_url: "http://h/v1", model: m, price: {input: 1, output: 1}}}
"""


@pytest.mark.parametrize("name", ["[/]", "\x1b[2J", "\u202ex", "a\u2028b", "[red]"])
def test_commands_show_customers_as_they_are_named(tmp_path: Path, name: str):
    config = tmp_path / "turnout.yaml"
    config.write_text(CONFIG)
    run = CliRunner()
    where = ["--config", str(config)]
    made = run.invoke(main, ["keys", "create", *where, "--organization", name, "--tier", name])
    listed = run.invoke(main, ["keys", "list", *where])
    spent = run.invoke(main, ["usage", *where, "--organization", name])
    wrong = run.invoke(main, ["savings", *where, "--against", name])
    unknown = run.invoke(main, ["models", name])
    for done in (made, listed, spent, wrong, unknown):
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert is_plain(done.output), done.output
    assert listed.exit_code == 0


@pytest.mark.parametrize("name", ["a\u2028b", "a\x7fb", "a\x85b", "\x9b31m", "\u202ex"])
def test_json_of_commands_is_json_whatever_it_says(tmp_path: Path, name: str):
    config = tmp_path / "turnout.yaml"
    config.write_text(CONFIG)
    run, where = CliRunner(), ["--config", str(config)]
    run.invoke(main, ["keys", "create", *where, "--organization", "acme", "--tier", "free"])
    with closing(sqlite3.connect(tmp_path / "data" / "turnout.db")) as database, database:
        database.execute("UPDATE api_keys SET organization = ?", [name])
    listed = run.invoke(main, ["keys", "list", *where, "--format", "json"])
    assert is_plain(listed.output)
    assert json.loads(listed.output)[0]["organization"] == name


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x7f"])
def test_a_line_of_scores_is_one_line_for_every_reader(tmp_path: Path, odd: str):
    asked = {"id": f"a{odd}b", "messages": [{"role": "user", "content": "Hi"}]}
    (tmp_path / "asked.jsonl").write_text(json.dumps(asked) + "\n")
    out = tmp_path / "scores.jsonl"
    CliRunner().invoke(main, ["score", str(tmp_path / "asked.jsonl"), "--out", str(out)])
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["id"] == f"a{odd}b"


def calls_in(folder: Path, *names: str) -> set[str]:
    """Which files call something, with what is inside of the call."""
    return {
        f"{path.relative_to(folder)}: {ast.unparse(node)}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    }


def test_no_command_writes_json_but_as_safe_json():
    folder = Path(router.cli.__file__).parent
    assert [each for each in calls_in(folder, "say") if "dumps(" in each] == []
    raw = [each for each in calls_in(folder, "json.dumps") if "ensure_ascii=False" in each]
    safe = calls_in(folder, "safe_json")
    assert [each for each in raw if not any(each.partition(": ")[2] in one for one in safe)] == []


def test_commands_print_through_the_one_place_that_makes_text_of_names():
    folder = Path(router.cli.__file__).parent
    others = {
        f"{path.relative_to(folder)}: {ast.unparse(node.func)}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("click.echo", "print", "Console", "click.secho")
    }
    assert others == {
        "common/saying.py: click.echo",
        "common/card_files.py: click.echo",  # a card, byte by byte
        "usage.py: click.echo",  # CSV and JSON, made safe where they are written
        "common/policies.py: Console",  # bars with words of our own
        "probing/probe.py: Console",  # a bar; the name in it is escaped
        "demo.py: Console",  # the demo's own names and colours
    }
