"""One decision in words: what was decided, each try, what became of it or why it was denied."""

from collections.abc import Iterator, Mapping
from typing import Any

from router.decisions.told import Told
from router.printable import printable


def decision_words(told: Told) -> str:
    """The decision of a request as a few lines of text."""
    lines = [f"{told['id']}  {told['at']}", f"  asked     {_asked(told)}"]
    lines += [f"  {line}" for line in (*_decided(told), *_tries(told), *_ended(told))]
    return "\n".join(printable(line) for line in lines)


def _asked(told: Told) -> str:
    team = f", team {told['team']}" if told["team"] else ""
    tier = f", tier {told['tier']}" if told["tier"] else ""
    whose = f"{told['organization']} (key {told['key']}{team}{tier})"
    model = f" of `{told['model']}`" if told["model"] else ""
    return f"{told['operation']}{model} by {whose}"


def _decided(told: Told) -> Iterator[str]:
    decided = told["decision"]
    if decided is None:
        return
    candidates = ", ".join(decided.get("candidates", ())) or decided.get("status", "")
    yield f"decided   route {decided['route']}: {candidates}"
    rules = decided.get("rules")
    yield f"because   {decided['reason']}" + (f"; rules: {', '.join(rules)}" if rules else "")
    success = decided.get("success")
    if success:
        odds = ", ".join(f"{name}={part:.2f}" for name, part in success.items())
        yield f"success   {odds}"
    yield f"versions  policy {told['policy']}, prices {told['prices']}"


def _tries(told: Told) -> Iterator[str]:
    for one in told["attempts"]:
        after = "" if one["ms"] is None else f" after {one['ms']} ms"
        if one["failed"] is None:
            yield f"try       {one['backend']} answered{after}"
        else:
            yield f"try       {one['backend']} failed{after}: {one['failed']}, {one['reason']}"


def _ended(told: Told) -> Iterator[str]:
    denial, outcome = told["denial"], told["outcome"]
    if denial is not None:
        yield from _denied(denial)
    if outcome is None:
        return
    if "end" in outcome:
        used = f"{outcome['input_tokens']} tokens in, {outcome['output_tokens']} out"
        yield f"outcome   {outcome['end']}: {used}, ${outcome['cost_usd']}"
    if "status" in outcome:
        yield f"told      {outcome['status']} {outcome['error']}"
    first = outcome.get("first_token_ms")
    began = "" if first is None else f", first byte after {first} ms"
    yield f"took      {outcome['latency_ms']} ms{began}"


def _denied(denial: Mapping[str, Any]) -> Iterator[str]:
    wait = "" if denial["wait_ms"] is None else f", wait {denial['wait_ms']} ms"
    code = f"{denial['status']} {denial['code']}"
    yield f"denied    {denial['level']}:{denial['limit']}, {code}{wait}"
    yield f"told      {denial['message']}"
    if denial["count"] > 1:
        yield f"alike     {denial['count']} requests of that second were denied so"
