"""What routing saved is reckoned request by request, on every database."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.rows import charged, row_of
from operatorkit import run_with_config

from router.cli.savings import show_savings
from router.domain import Cascaded, Charge, Usage
from router.usage.rows import METADATA, USAGE
from router.usage.store import UsageStore
from router.usage_row import UsageRow
from router.world.books import BookWorld, WorldBooks
from router.world.documents import Documents, read_documents

CONFIG = """
version: 1
policy: policy.yaml
data: data
database: "{database}"
backends:
  long: {{provider: gemini, model: gemini-2.5-pro, api_key: k}}
  small: {{base_url: "http://127.0.0.1:9/v1", model: m, price: {{input: 0.1, output: 0.2}}}}
"""
POLICY = "version: 1\nroutes: {auto: {candidates: [long, small], objective: fixed}}\n"
AT = 1_790_000_000_000
STEP = 200_000  # tokens of a prompt, above which gemini-2.5-pro costs twice as much


@pytest.fixture
def config(tmp_path: Path, database: str) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "turnout.yaml").write_text(CONFIG.format(database=database))
    return tmp_path / "turnout.yaml"


@pytest.fixture
def documents(config: Path) -> Documents:
    return read_documents(config, {})


@pytest.fixture
def store(database: str) -> Iterator[UsageStore]:
    store = UsageStore(database)
    yield store
    store.close()


def served(documents: Documents, backend: str, usage: Usage, **fields: Any) -> Charge:
    """A request that a backend served at its price."""
    cost = documents.prices.cost(backend, usage, AT)
    return charged(usage, cost, backend=backend, **fields)


def add(store: UsageStore, documents: Documents, *charges: Charge, booked: bool = True) -> None:
    world = BookWorld.of(documents)
    books = WorldBooks(lambda: world)
    rows = [row_of(c, hold_id=str(n), closed_at=AT) for n, c in enumerate(charges)]
    store.add([books.entered(row, None) if booked else row for row in rows])


def saved(config: Path, *words: str) -> dict[str, Any]:
    shown = run_with_config(show_savings, config, "--format", "json", *words)
    assert shown.exit_code == 0, shown.output
    told: dict[str, Any] = json.loads(shown.stdout)
    return told


def test_where_the_baseline_served_everything_exactly_nothing_was_saved(
    config: Path, documents: Documents, store: UsageStore
) -> None:
    short = Usage(STEP // 2, 100, 5_000, cache_write_tokens=2_000)
    charges = [served(documents, "long", short)] * 10
    charges.append(served(documents, "long", Usage(STEP + 1, 7)))
    add(store, documents, *charges)
    for words in ((), ("--against", "long")):
        told = saved(config, *words)
        assert told["against"] == ["long"]
        assert [line["saved"] for line in told["backends"]] == [0.0, 0.0]
        total = told["backends"][-1]
        assert total["cost_pico"] == total["baseline_pico"] == sum(c.cost_pico for c in charges)


def test_rows_are_priced_one_by_one_against_any_backend(
    config: Path, documents: Documents, store: UsageStore
) -> None:
    usages = [Usage(STEP // 2, 100), Usage(STEP // 2, 100), Usage(STEP + 1, 100)]
    add(store, documents, *[served(documents, "small", usage) for usage in usages])
    priced = sum(documents.prices.cost("long", usage, AT) for usage in usages)
    assert priced < 0.9 * documents.prices.cost("long", Usage(2 * STEP + 1, 300), AT)
    for words in ((), ("--against", "long")):
        assert saved(config, *words)["backends"][0]["baseline_pico"] == priced
    small = saved(config, "--against", "small")
    assert small["backends"][0]["saved"] == 0.0
    assert small["priced_now"] == 3


def test_rows_of_an_older_version_are_priced_now_and_it_is_said_how_many(
    config: Path, documents: Documents, store: UsageStore
) -> None:
    usage = Usage(STEP // 2, 100)
    charges = [served(documents, "small", usage)] * 3
    add(store, documents, *charges, booked=False)
    told = saved(config)
    assert told["priced_now"] == 3
    assert told["backends"][0]["baseline_pico"] == 3 * documents.prices.cost("long", usage, AT)
    shown = run_with_config(show_savings, config)
    assert "3 rows of an older version were priced now" in shown.stdout


def test_what_the_baseline_could_not_have_served_counts_at_what_it_cost_and_is_told(
    config: Path, documents: Documents, store: UsageStore
) -> None:
    embedding = served(documents, "small", Usage(100), operation="embedding")
    lost = charged(Usage(10), 77, backend=None)
    add(store, documents, embedding, lost, served(documents, "long", Usage(10, 10)))
    for words in ((), ("--against", "long")):
        lines = {line["backend"]: line for line in saved(config, *words)["backends"]}
        assert [lines[name]["uncompared"] for name in ("small", "unknown", "long")] == [1, 1, 0]
        assert lines["total"]["saved"] == 0.0
        shown = run_with_config(show_savings, config, *words)
        assert (
            "2 requests, which cannot be compared with long, count at what they cost."
            in shown.stdout
        )


def test_a_cascade_that_asked_twice_is_compared_with_asking_once(
    config: Path, documents: Documents, store: UsageStore
) -> None:
    answer = Usage(1_000, 100)
    once = documents.prices.cost("long", answer, AT)
    cascade = Cascaded(("not_empty",), 50, 0, once, answer)
    add(store, documents, charged(Usage(2_000, 110), once + 50, backend="long", cascade=cascade))
    for words in ((), ("--against", "long")):
        [line, _] = saved(config, *words)["backends"]
        assert (line["baseline_pico"], line["cost_pico"]) == (once, once + 50)


def test_a_usage_table_of_an_older_version_is_read_and_written_further(
    config: Path, documents: Documents, store: UsageStore
) -> None:
    later = [column.name for column in USAGE.columns if column.info]
    assert sorted(later) == [
        *(
            "baseline",
            "baseline_pico",
            "cache_write_tokens",
            "counts",
            "credential",
            "period",
            "run",
            "service_tier",
        ),
    ]
    METADATA.create_all(store._database.engine)
    with store._database.writing() as connection:
        for name in later:
            connection.exec_driver_sql(f"alter table usage drop column {name}")
        old = [column for column in USAGE.columns if not column.info]
        row: UsageRow = row_of(served(documents, "small", Usage(10, 10)), hold_id="old")
        values = {column.name: getattr(row, column.name) for column in old}
        connection.execute(USAGE.insert().values(values))
    add(store, documents, served(documents, "small", Usage(10, 10)))
    told = saved(config)
    assert told["priced_now"] == 1
    assert told["backends"][0]["requests"] == 2
