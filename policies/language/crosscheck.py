"""The policy against the backends that really exist."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.findings import Finding, suggestion
from policies.language.document import PolicyDoc
from policies.language.references import backend_names
from policies.language.source import Document, Path


@dataclass(frozen=True, slots=True)
class BackendFacts:
    """What turnout.yaml says of a backend, as far as a policy cares."""

    priced: bool = True
    scored: bool = True  # it has an ability profile: the classifier gives it a probability
    bounded: bool = False  # it declares a capacity
    simulated: bool = False


def crosscheck(
    doc: PolicyDoc, source: Document, backends: Mapping[str, BackendFacts]
) -> list[Finding]:
    """Names without a backend (errors), backends without a price or an ability (warnings)."""
    findings: list[Finding] = []
    for name in backend_names(doc):
        facts = backends.get(name)
        path = _first_use(doc, name)
        if facts is None:
            hint = suggestion(name, backends, what="backends")
            findings.append(
                source.finding(
                    path, f"no backend `{name}` is configured", hint, rule="unknown-name"
                )
            )
        elif len(doc.routes[str(path[1])].candidates) > 1:
            findings.extend(_weaknesses(name, facts, path, source))
    for tier, tier_doc in doc.tiers.items():
        for name in tier_doc.guaranteed_share or ():
            if name in backends and not backends[name].bounded:
                place: Path = ("tiers", tier, "guaranteed_share", name)
                findings += _no_capacity(place, name, source)
    return findings


def _no_capacity(path: Path, name: str, source: Document) -> list[Finding]:
    message = f"a share of `{name}` means nothing: it declares no capacity"
    hint = "give the backend `capacity: {concurrency: N}` in turnout.yaml"
    return [source.warning(path, message, hint, rule="share-without-capacity")]


def _first_use(doc: PolicyDoc, backend: str) -> tuple[str | int, ...]:
    for name, route in doc.routes.items():
        if backend in route.candidates:
            return ("routes", name, "candidates", route.candidates.index(backend))
    return ()


def _weaknesses(
    name: str, facts: BackendFacts, path: tuple[str | int, ...], source: Document
) -> list[Finding]:
    findings: list[Finding] = []
    if not facts.priced:
        message = f"`{name}` has no price: it counts as free"
        hint = "give the backend `price: {input: ..., output: ...}` in turnout.yaml"
        findings.append(source.warning(path, message, hint, rule="missing-price"))
    if not facts.scored:
        message = f"`{name}` has no ability profile: its success is always unknown"
        hint = "give the backend `ability: ...` in turnout.yaml"
        findings.append(source.warning(path, message, hint, rule="missing-ability"))
    return findings
