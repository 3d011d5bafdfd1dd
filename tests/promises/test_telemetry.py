"""Traces: the table of spans is documented, follows the conventions, and is all one touches."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.caller import FakeCaller
from fakes.finished import finished_of
from opentelemetry.semconv._incubating.attributes import error_attributes as incubating_errors
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
)

from router.backends.dispatch.failures import Kind
from router.backends.dispatch.trace import Trace
from router.operations.table import OPERATIONS
from router.pipeline.observers.spans import ATTEMPT, REQUEST, SCHEMA, SPANS
from router.pipeline.observers.traced import Request
from router.telemetry.traces.context import SAMPLED, TraceContext
from router.telemetry.traces.sampling import Kept
from router.telemetry.traces.span import Attribute, tell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
LISTS = (
    error_attributes,
    incubating_errors,
    gen_ai_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
)
CONVENTIONS = {name for module in LISTS for key, name in vars(module).items() if key.isupper()}
# What one who builds by the GenAI conventions expects of a gateway's spans.
EXPECTED = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.request.stream",
    "gen_ai.conversation.id",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "error.type",
    "server.address",
    "server.port",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "url.path",
    "url.scheme",
)
NAMES = [one.name for row in SPANS for one in (*row.attributes, *row.events)]


def section(title: str) -> str:
    return PAGE.split(f"\n## The span `{title}`\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("row", SPANS, ids=lambda row: row.title)
def test_every_span_is_documented_with_every_attribute_and_event_in_order(row):
    told = re.findall(r"^\| `([\w.]+)` \| (.+) \|$", section(row.title), re.MULTILINE)
    assert told == [(one.name, one.meaning) for one in (*row.attributes, *row.events)]
    assert row.meaning in " ".join(section(row.title).split())


def test_every_cause_of_a_failed_try_is_documented():
    asked = [kind for kind in Kind if kind not in {Kind.RESTING, Kind.FULL, Kind.UNSUPPORTED}]
    for kind in asked:
        assert f"`{kind.name.lower()}`" in section("attempt")


@pytest.mark.parametrize(
    "name", sorted({name for name in NAMES if not name.startswith("turnout.")})
)
def test_a_name_that_is_not_ours_is_the_conventions(name):
    assert name in CONVENTIONS


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_conventions_ask_for_is_told(name):
    assert name in NAMES


def test_the_schema_is_that_of_the_page():
    assert SCHEMA.removeprefix("https://opentelemetry.io/schemas/") in PAGE


def test_tokens_by_the_conventions_names_stand_on_one_kind_of_span():
    counted = [
        row.title
        for row in SPANS
        if any(one.name.startswith("gen_ai.usage.") for one in row.attributes)
    ]
    assert counted == [ATTEMPT.title]


async def test_a_new_attribute_is_one_row():
    length = Attribute[Request](
        "turnout.prompt.bytes", "how long it was", lambda one: one.finished.context.ask.text_bytes
    )
    table = replace(REQUEST, attributes=(*REQUEST.attributes, length))
    trace = Trace(OPERATIONS[0], 1, SAMPLED, None, lambda _: 2)
    finished = await finished_of(FakeCaller.asking("Hello"), trace=trace)
    request = Request(finished, trace, Kept.SHARE, trace.began + 1, 10**18)
    span = tell(table, request, TraceContext(1, 2, SAMPLED), None, request.unix_ns)
    assert span.attributes["turnout.prompt.bytes"] == 5


def test_one_file_knows_the_library():
    imports = re.compile(r"^\s*(import|from) opentelemetry\b", re.MULTILINE)
    users = [
        str(path.relative_to(ROOT))
        for package in ("router", "policies", "classifiers")
        for path in (ROOT / package).rglob("*.py")
        if imports.search(path.read_text("utf-8"))
    ]
    assert users == ["router/telemetry/traces/otlp.py"]
