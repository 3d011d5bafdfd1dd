"""The spans of a request, made after it: what each is called, and every attribute with its source.

A new span, event or attribute is one row here; docs/telemetry.md lists them all. Names are those of
OpenTelemetry's conventions (HTTP's and GenAI's, see SCHEMA) where these have one, else they begin
with `turnout.`. Usage by the conventions' names stands on the spans of tries alone, so that whoever
adds it up counts every token once. No row reads a prompt, an answer, a credential, or the words of
a backend's error, which may quote any of them.
"""

from typing import Final

from policies.money import to_usd
from router.pipeline.observers.traced import Request, Try, bounded
from router.telemetry.traces.span import Attribute, EventRow, Kind, SpanRow

Row = Attribute[Request]
TryRow = Attribute[Try]
Event = EventRow[Request]
SCHEMA: Final = "https://opentelemetry.io/schemas/gen-ai/1.42.0"


def _plain(path: str) -> str | None:
    return None if "{" in path else path


_OF_THE_REQUEST: Final = (
    Row(
        "http.request.method",
        "`POST`, but for operations that the operator declared",
        lambda one: one.method,
    ),
    Row("http.route", "the endpoint, with `{model}` where a path names one", lambda one: one.path),
    Row("url.path", "the same, where it names none", lambda one: _plain(one.path)),
    Row("url.scheme", "always `http`: TLS ends before", lambda _: "http"),
    Row(
        "http.response.status_code",
        "the status of the answer, or of the error; of a stream that broke off, 200",
        lambda one: one.status,
    ),
    Row("error.type", "the class of the error, see [errors](errors.md)", lambda one: one.error),
    Row(
        "gen_ai.operation.name",
        "`chat`, `embeddings`, `generate_content`, `text_completion`; others by our own names",
        lambda one: one.operation,
    ),
    Row(
        "gen_ai.request.model",
        "`model` as the client sent it",
        lambda one: one.finished.context.ask.model,
    ),
    Row(
        "gen_ai.request.stream",
        "true of a stream",
        lambda one: one.finished.context.ask.stream or None,
    ),
    Row(
        "gen_ai.conversation.id",
        "the client's own name for the conversation",
        lambda one: bounded(one.finished.context.ask.session),
    ),
    Row(
        "turnout.request.id",
        "the id of the decision, as in `x-turnout-decision`, logs and `turnout explain`",
        lambda one: one.finished.context.id,
    ),
    Row(
        "turnout.kept",
        "why the trace is kept: `caller`, `share`, `failed`, `slow`",
        lambda one: one.kept.value,
    ),
    Row(
        "turnout.organization",
        "the customer",
        lambda one: one.finished.context.principal.organization,
    ),
    Row("turnout.tier", "the customer's tier", lambda one: one.finished.context.principal.tier),
    Row(
        "turnout.policy",
        "the policy's version",
        lambda one: one.finished.context.world.policy.version,
    ),
    Row("turnout.route", "the route it took", lambda one: one.finished.decision.route),
    Row("turnout.backend", "the backend that answered", lambda one: one.finished.backend or None),
    Row(
        "turnout.passed_over",
        "candidates that were not asked, and why: they rest, or are full",
        lambda one: one.trace.passed_over or None,
    ),
    Row("turnout.reason", "why, in short", lambda one: one.finished.decision.reason),
    Row(
        "turnout.rules",
        "the rules that matched",
        lambda one: one.finished.decision.rules or None,
    ),
    Row(
        "turnout.candidates", "the backends to try, best first", lambda one: one.candidates or None
    ),
    Row("turnout.success", "P(success) of those that have one", lambda one: one.odds or None),
    Row("turnout.attempts", "how many tries it took", lambda one: len(one.trace.attempts)),
    Row(
        "turnout.outcome",
        "`completed`, `disconnected`, `failed`, `cut`",
        lambda one: one.charge and one.charge.outcome.value,
    ),
    Row(
        "turnout.usage.input_tokens",
        "what the customer is charged for, all tries together",
        lambda one: one.charge and one.charge.usage.input_tokens,
    ),
    Row(
        "turnout.usage.output_tokens",
        "the same of the output",
        lambda one: one.charge and one.charge.usage.output_tokens,
    ),
    Row(
        "turnout.usage.units",
        "the same of what is counted besides tokens: `image=2`",
        lambda one: one.units or None,
    ),
    Row(
        "turnout.usage.estimated",
        "true where a backend did not say what it used",
        lambda one: (one.charge and one.charge.usage.estimated) or None,
    ),
    Row(
        "turnout.cost_usd",
        "what that costs",
        lambda one: one.charge and to_usd(one.charge.cost_pico),
    ),
)
REQUEST: Final = SpanRow[Request](
    kind=Kind.SERVER,
    title="request",
    meaning="from its head to its settlement",
    name=lambda one: f"{one.method} {one.path}",
    times=lambda one: (one.trace.began, one.now),
    error=lambda one: one.fault,
    attributes=_OF_THE_REQUEST,
    events=(
        Event(
            "turnout.classify",
            "the classifier was asked, and said what it knows",
            lambda one: one.gathered if one.classified else None,
        ),
        Event(
            "turnout.decide",
            "the policy decided",
            lambda one: one.decided,
        ),
        Event(
            "turnout.hold",
            "its quotas are held, and it goes to the backends",
            lambda one: one.trace.sent_on,
        ),
        Event(
            "turnout.settle",
            "what was really used is written",
            lambda one: None if one.charge is None else one.now,
        ),
    ),
)

_OF_A_TRY: Final = (
    TryRow("gen_ai.operation.name", "as of the request", lambda one: one.operation),
    TryRow(
        "gen_ai.provider.name",
        "whose server it is: the `provider` in the conventions' words, else the dialect's name",
        lambda one: one.attempt.backend.provider or one.attempt.backend.dialect,
    ),
    TryRow(
        "gen_ai.request.model",
        "the model that the backend was asked for",
        lambda one: one.attempt.backend.model,
    ),
    TryRow(
        "gen_ai.request.stream",
        "true of a stream",
        lambda one: one.attempt.opened.request.stream or None,
    ),
    TryRow(
        "gen_ai.request.max_tokens",
        "the client's limit of the output",
        lambda one: one.attempt.opened.request.max_output_tokens or None,
    ),
    TryRow(
        "gen_ai.request.choice.count",
        "answers wanted, where it is not one",
        lambda one: (
            None if one.attempt.opened.request.choices == 1 else one.attempt.opened.request.choices
        ),
    ),
    TryRow("gen_ai.response.model", "the model as the answer names it", lambda one: one.model),
    TryRow("gen_ai.response.id", "the answer's own id", lambda one: one.ending.id),
    TryRow(
        "gen_ai.response.finish_reasons",
        "why each choice ended, in the words of the client's protocol",
        lambda one: one.ending.reasons or None,
    ),
    TryRow(
        "gen_ai.response.time_to_first_chunk",
        "seconds until a stream's first content",
        lambda one: one.first_chunk,
    ),
    TryRow(
        "gen_ai.usage.input_tokens",
        "tokens of the prompt, cached ones included",
        lambda one: one.usage.input_tokens or None,
    ),
    TryRow(
        "gen_ai.usage.output_tokens",
        "tokens of the answer, reasoning included",
        lambda one: one.usage.output_tokens or None,
    ),
    TryRow(
        "gen_ai.usage.cache_read.input_tokens",
        "of the input, read from the provider's cache",
        lambda one: one.usage.cached_tokens or None,
    ),
    TryRow(
        "gen_ai.usage.cache_creation.input_tokens",
        "of the input, written to it",
        lambda one: one.usage.cache_write_tokens or None,
    ),
    TryRow(
        "gen_ai.usage.reasoning.output_tokens",
        "of the output, spent on reasoning",
        lambda one: one.usage.reasoning_tokens or None,
    ),
    TryRow("server.address", "the backend's host", lambda one: one.address[0]),
    TryRow("server.port", "its port", lambda one: one.address[1]),
    TryRow(
        "http.response.status_code",
        "the status it answered, if it did",
        lambda one: one.status,
    ),
    TryRow(
        "error.type",
        "why it failed: `connect`, `timeout`, `rate_limited`, `credential`, ...",
        lambda one: one.cause,
    ),
    TryRow(
        "turnout.clue",
        "the piece of our own table that told the cause, where its status alone did not",
        lambda one: (one.attempt.failed and one.attempt.failed.clue) or None,
    ),
    TryRow("turnout.backend", "the backend's name", lambda one: one.attempt.backend.name),
    TryRow(
        "turnout.deployment",
        "which of its addresses and credentials, by number",
        lambda one: one.attempt.deployment.id,
    ),
    TryRow("turnout.attempt", "which try it was, from 1", lambda one: one.number),
    TryRow("turnout.role", "`answer`, or `judge` of another's answer", lambda one: one.role),
    TryRow(
        "turnout.rejected_by",
        "the verifier of a cascade that refused its answer",
        lambda one: one.rejected_by,
    ),
)
ATTEMPT: Final = SpanRow[Try](
    kind=Kind.CLIENT,
    title="attempt",
    meaning="one try of one deployment, from the call to the last byte",
    name=lambda one: f"{one.operation} {one.attempt.backend.model}",
    times=lambda one: one.times,
    error=lambda one: one.fault,
    attributes=_OF_A_TRY,
)
SPANS: Final = (REQUEST, ATTEMPT)
