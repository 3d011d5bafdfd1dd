"""Where the request that `turnout explain` explains comes from: flags, a file, or the log."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import orjson

from classifiers.artifact import ArtifactError
from classifiers.classification import UNKNOWN
from classifiers.serving import Classifier
from policies.examples import ExampleDoc, hints_of, signals_of
from policies.findings import DocumentError
from policies.language.facts import FACTS, facts_of
from policies.language.source import Document, parse
from policies.language.validation import validate
from policies.natural_language import guess_language
from policies.pii.budget import BUDGET
from policies.pii.reading import Reading
from policies.policy import Policy
from policies.replay.record import RecordError, from_record
from policies.signals import NO_HINTS, Hints, PromptSignals, RequestSignals, Signals
from router.ask import Ask
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.health import HealthBoard
from router.backends.transport.clients import Clients
from router.cli.common.documents import end_with_findings
from router.cli.common.saying import say
from router.domain import Principal, Usage
from router.errors import BadRequest
from router.operations.chat import parse_chat
from router.pipeline.request_context import RequestContext, tokens_of
from router.pipeline.signals import EVERYTHING, read_signals
from router.protocols.leaving import leaving
from router.world.documents import Documents
from router.world.snapshot import Snapshot

_ANYONE: Final = "example"
_BY_NAME: Final = ("model", "route")  # `--model` says both
# Facts of the request and of the prompt, each a flag of `turnout explain`: section -> fields.
FLAGS: Final[dict[str, tuple[str, ...]]] = {
    section: tuple(name for name, _, _ in facts_of(kind) if name not in _BY_NAME)
    for section, kind in (("request", RequestSignals), ("prompt", PromptSignals))
}


def fact_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each fact of FLAGS, with the example's default."""
    for section, names in reversed(FLAGS.items()):
        defaults = getattr(ExampleDoc(), section).model_dump()
        for name in reversed(names):
            fact, flag = FACTS[f"{section}.{name}"], f"--{name.replace('_', '-')}"
            is_flag = fact.kind == "bool"
            command = click.option(
                flag,
                default=defaults[name],
                is_flag=is_flag,
                show_default=not is_flag,
                help=f"{fact.meaning[0].upper()}{fact.meaning[1:]}.",
            )(command)
    return command


class Asked(NamedTuple):
    """A request as a policy sees it."""

    signals: Signals
    hints: Hints
    decided_by: str = ""  # the version of the policy that decided a past request


def from_log(path: Path, request_id: str) -> Asked:
    """The recorded request of this decision id."""
    identity = request_id.encode()
    with path.open("rb") as lines:
        for line in lines:
            if identity in line:
                try:
                    record = from_record(orjson.loads(line))
                except (orjson.JSONDecodeError, RecordError):
                    continue
                if record.id == request_id:
                    return Asked(record.signals, record.hints, record.policy)
    raise click.ClickException(f"the log {path} has no decision {request_id}")


def from_example(policy: Policy, document: Document, world: Snapshot | None) -> Asked:
    """A request described like a probe; with a configuration, costs come from its prices."""
    example, findings = validate(ExampleDoc, document)
    if example is None:
        end_with_findings(DocumentError(findings))
    signals = signals_of(policy, example)
    if world is not None:
        written = {
            name: doc.model_dump(exclude_none=True) for name, doc in example.backends.items()
        }
        priced = {name for name, keys in written.items() if "cost_usd" in keys}
        signals = _with_costs(signals, world, priced)
    return Asked(signals, hints_of(example))


def _with_costs(signals: Signals, world: Snapshot, priced: Collection[str]) -> Signals:
    """The signals with the list price at every backend whose cost was not given."""
    backends = dict(signals.backends)
    for name, backend in signals.backends.items():
        if name not in priced and name in world.backends:
            usual = world.expected_output[name]
            usage = Usage(signals.prompt.tokens, min(usual, signals.request.max_tokens or usual))
            cost = world.prices.cost(name, usage)
            backends[name] = replace(backend, cost_pico=cost)
    return replace(signals, backends=backends)


def from_chat(raw: bytes, documents: Documents, world: Snapshot, tier: str) -> Asked:
    """A chat request as a client would send it, classified here, with every backend idle."""
    try:
        request = parse_chat(raw)
    except BadRequest as error:
        raise click.ClickException(f"the request is wrong: {error.message}") from None
    return _asked(request, documents, world, tier)


def from_path(method: str, path: str, documents: Documents, world: Snapshot, tier: str) -> Asked:
    """A request of an operation that the operator declares, with an empty body."""
    asked, _, query = path.partition("?")
    row = world.declared.at(asked.encode(), query.encode(), method.encode())
    if row is None:
        known = ", ".join(p for each in world.declared.operations.values() for p in each.paths)
        hint = f"declared are: {known}" if known else "turnout.yaml declares no operations"
        raise click.ClickException(f"{path} is no path of a declared operation; {hint}")
    if method.encode() not in row.methods:
        methods = ", ".join(name.decode() for name in row.methods)
        raise click.ClickException(f"{row.path} takes {methods}, not {method}")
    request = row.parse(b"", {})
    sending = request.declared
    base = "the server's root" if sending.at_root else "the base address"
    told = f"operation `{row.name}`: {method} {sending.path} below {base}, as `{request.model}`"
    say(told, err=True)
    return _asked(request, documents, world, tier)


def _asked(request: Ask, documents: Documents, world: Snapshot, tier: str) -> Asked:
    board = HealthBoard(BreakerPolicy(), time.monotonic, Clients())
    health = {name: board.of(backend) for name, backend in world.backends.items()}
    context = _context(request, documents, world, Principal(_ANYONE, _ANYONE, tier))
    return Asked(read_signals(context, health, EVERYTHING), NO_HINTS)


def _context(
    ask: Ask, documents: Documents, world: Snapshot, principal: Principal
) -> RequestContext:
    section = documents.config.classifier
    try:
        cards = [documents.folder / card for card in section.cards]
        classifier = Classifier.load(device="cpu", cards=cards)
    except ArtifactError as error:
        raise click.ClickException(str(error)) from None
    return RequestContext(
        id=_ANYONE,
        at_ms=time.time_ns() // 1_000_000,
        world=world,
        principal=principal,
        ask=ask,
        hints=NO_HINTS,
        needs=EVERYTHING,
        classification=classifier.score([ask.prompt])[0] if ask.classified else UNKNOWN,
        input_tokens=tokens_of(ask),
        pii=Reading(BUDGET).finding(leaving(ask)),
        conversation=_ANYONE,
        previous="",
        budget={},
        language=guess_language(ask.prompt.last_text),
        headers={},
    )


def document_of_flags(flags: Mapping[str, Any]) -> Document:
    """The flags in the form of a request file. Raises click.BadParameter."""
    success, costs = _numbers("--success", flags["success"]), _numbers("--cost", flags["cost"])
    backends = {
        name: ({"success": success[name]} if name in success else {})
        | ({"cost_usd": costs[name]} if name in costs else {})
        for name in (*success, *(name for name in costs if name not in success))
    }
    request = {key: flags[key] for key in ("model", "previous", *FLAGS["request"])}
    prompt = {key: flags[key] for key in FLAGS["prompt"]}
    value: dict[str, Any] = {
        "tier": flags["tier"],
        "request": request,
        "prompt": prompt,
        "principal": {"tags": list(flags["tags"])},
        "budget": _numbers("--budget", flags["budget"]),
        "backends": backends,
        "unknown": not success,
    }
    return Document("flags", "", value)


def _numbers(flag: str, pairs: Iterable[str]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for pair in (part for text in pairs for part in text.split(",")):
        name, _, number = pair.partition("=")
        try:
            numbers[name.strip()] = float(number)
        except ValueError:
            message = f"`{pair}` is not name=number, such as local=0.4,moe=0.8"
            raise click.BadParameter(message, param_hint=flag) from None
    return numbers


def read_request(path: Path) -> tuple[bytes, Document | None]:
    """A request file: its bytes, and its document unless it is a chat request."""
    raw = path.read_bytes()
    try:
        document = parse(raw.decode(), str(path))
    except UnicodeDecodeError:
        raise click.ClickException(f"{path} is not UTF-8 text") from None
    except DocumentError as error:
        end_with_findings(error)
    chat = isinstance(document.value, dict) and "messages" in document.value
    return raw, None if chat else document


def tiers_of(policy: Policy) -> Sequence[str]:
    """Names for `--tier`; the empty one where the policy has none."""
    return tuple(policy.tiers) or ("",)
