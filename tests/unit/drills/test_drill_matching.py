"""Notes of clients matched with doctored books: each kind of broken promise is found."""

import pytest

from policies.language.tiers import Tier
from router.drills.clients import Note, code_of
from router.drills.findings import DrillFindings, FaultFindings
from router.drills.matching import Bounds, at_once, bounds_of, busiest, match
from router.usage_row import JournalRow, UsageRow, usage_row


def note(decision: str = "d1", **seen: object) -> Note:
    fields = {"status": 200, "ended": "whole", "usage": (10, 20), "decision": decision} | seen
    made = Note("drill-x", "pro", "one", began=0.0)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def row(request: str = "d1", hold: str = "h1", **told: object) -> UsageRow:
    journal = JournalRow(
        hold, 0, "completed", 1000, 1500, (1, 30, 10, 20, 50),
        b'{"request":"%b","organization":"drill-x","tier":"pro"}' % request.encode(), b"{}",
    )  # fmt: skip
    return usage_row(journal)._replace(**told)


def matched(notes: list[Note], rows: list[UsageRow], bounds: Bounds | None = None):
    return match(notes, rows, {"pro": bounds or Bounds()}, exact=True)


def test_what_agrees_is_found_to_agree():
    found = matched([note()], [row()])
    assert found.agrees
    assert (found.asked, found.admitted, found.whole) == (1, 1, 1)


@pytest.mark.parametrize(
    ("what", "notes", "rows"),
    [
        ("lost", [note()], []),
        ("lost", [note()], [row(status="cancelled")]),
        ("lost", [note(ended="cut", usage=None)], []),
        ("doubled", [note()], [row(), row(hold="h2")]),
        ("unasked", [note()], [row(), row("nobody's", "h2")]),
        ("charged", [note(status=429, ended="refused", code="rate", usage=None)], [row()]),
        ("misbilled", [note(usage=(10, 21))], [row()]),
        ("misbilled", [note(usage=(10, 19))], [row()]),
        ("negative", [note(usage=None)], [row(cost_pico=-1)]),
    ],
)
def test_books_that_were_doctored_are_found_out(what: str, notes: list[Note], rows: list[UsageRow]):
    found = matched(notes, rows)
    assert not found.agrees
    assert getattr(found, what) >= 1
    assert any(example.startswith(what) for example in found.examples)


def test_a_request_whose_answer_never_came_may_be_in_the_books_once():
    silent = note("", status=0, ended="nothing", usage=None)
    assert matched([silent], [row("nobody was told")]).agrees
    assert matched([silent], [row("a", "h1"), row("b", "h2")]).unasked == 1


def test_a_correction_belongs_to_what_it_corrects():
    late = row(seq=1, output_tokens=5, tokens=5, input_tokens=0)
    assert matched([note(usage=(10, 25))], [row(), late]).agrees


def test_a_cascade_uses_more_than_its_answer_tells_and_never_less():
    assert matched([note(usage=(10, 15))], [row(verifier="not_empty")]).agrees
    assert matched([note(usage=(10, 25))], [row(verifier="not_empty")]).misbilled == 1


def test_more_than_a_limit_in_any_minute_or_at_once_is_over_it():
    rows = [row(f"d{n}", f"h{n}", admitted_at=n, closed_at=100 + n) for n in range(6)]
    notes = [note(f"d{n}") for n in range(6)]
    assert matched(notes, rows, Bounds(per_minute=6, at_once=6)).agrees
    assert matched(notes, rows, Bounds(per_minute=4)).over == 2
    assert matched(notes, rows, Bounds(at_once=5)).over == 1
    assert matched(notes, rows, Bounds(per_minute=4, per_minute_outage=2)).agrees


def test_windows_slide_and_an_end_comes_before_a_beginning_of_the_same_moment():
    assert busiest([0, 59_999, 60_000, 60_001]) == 3
    assert at_once([(0, 10), (10, 20), (15, 30), (7, 7)]) == 2


def test_bounds_are_a_tiers_own_and_what_it_may_without_the_ledger():
    limits = {"organization": {"requests_per_minute": 60}, "key": {"concurrency": 4}}
    tier = Tier("free", limits=limits, outage_share=0.1)
    assert bounds_of(tier, gateways=2, away=True) == Bounds(60, 4, 12, 0)
    assert bounds_of(tier, gateways=2, away=False) == Bounds(60, 4)
    bucket = Tier("b", limits={"key": {"requests_per_minute": {"limit": 9, "burst": 3}}})
    assert bounds_of(bucket, gateways=2, away=True) == Bounds()
    assert bounds_of(None, gateways=2, away=True) == Bounds()


def test_a_refusal_that_says_nothing_in_the_clients_form_is_counted():
    assert code_of(b'{"error": {"type": "server_error", "code": null}}') == "server_error"
    assert code_of(b"<html>502</html>") == code_of(b'{"error": 1}') == ""
    silent = note("", status=503, ended="refused", usage=None)
    broken = note("", status=500, ended="refused", code="server_error", usage=None)
    assert matched([silent, broken], []).wordless == 2


def test_a_broken_promise_breaks_the_drill_and_what_was_not_run_is_never_kept():
    fault = FaultFindings("kill-ledger", "it is killed")
    fault.adopt(matched([note()], []))
    found = DrillFindings("1", "today", 1, "turnout.yaml", "abc", faults=[fault])
    assert (fault.verdict, found.status) == ("broken", 1)
    assert found.verdict == "1 promise broken."
    assert [(name, p.figure) for name, p in found.broken] == [("kill-ledger", "1 lost")]
    skipped = FaultFindings("skew", "its clock", why="there is no C compiler")
    found.faults = [skipped]
    assert (skipped.verdict, found.status) == ("not run", 2)
    fine = FaultFindings("reload", "a policy")
    fine.adopt(matched([note()], [row()]))
    found.faults = [fine, skipped]
    assert found.status == 0
    assert found.verdict == "All promises held through 1 fault; 1 fault not run."
