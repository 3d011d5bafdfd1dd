"""Reading turnout.yaml: every mistake is found at once, each at its line and column."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path as FilePath
from types import MappingProxyType

from policies.findings import DocumentError, Finding, suggestion
from policies.language.source import Document, Path, parse
from policies.language.validation import validate
from router.auth.tokens.issuer import INSTALL as INSTALL_TOKENS
from router.auth.tokens.issuer import is_installed as tokens_installed
from router.backends.backend import Backend
from router.backends.dialects.table import caches_when_asked
from router.operations.declared import DeclaredPaths
from router.prices.book import PriceBook
from router.prices.list_files import ListError
from router.prices.price_list import SHIPPED, PriceList, read_list
from router.telemetry.traces.extra import INSTALL, is_installed
from router.world.config import Config
from router.world.config_admin import unfit
from router.world.config_presidio import not_installed
from router.world.declared import declared_of, mistakes
from router.world.from_environment import FromEnvironment
from router.world.missing_rates import MissingRate
from router.world.offered import offered_twice
from router.world.problem import Problem
from router.world.resolve import Resolved, resolve


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """turnout.yaml as it is written, and the backends and prices that it comes to."""

    config: Config
    backends: Mapping[str, Backend]
    prices: PriceBook  # has a price for each backend
    batch_prices: PriceBook  # what the same costs in a batch
    declared: DeclaredPaths  # operations of the operator's own
    source: Document = field(repr=False)
    missing: Mapping[str, tuple[MissingRate, ...]] = field(default_factory=dict)  # by backend
    listing: PriceList = field(default=SHIPPED, repr=False)  # what list prices are taken from
    values: FromEnvironment = field(default_factory=lambda: FromEnvironment({}), repr=False)


def load_config(text: str, filename: str, environ: Mapping[str, str]) -> LoadedConfig:
    """Return the validated configuration, its backends resolved.

    `${NAME}` and `${NAME:-default}` in a string are replaced from `environ`; neither value is ever
    quoted in a finding. Raises DocumentError with every finding.
    """
    document = parse(text, filename)
    values = FromEnvironment(environ)
    expanded = replace(document, value=values.expand(document.value))
    findings = [_unset(document, path, name) for path, name in values.unset.items()]
    findings += [_odd(document, path) for path in values.odd]
    config, wrong = validate(Config, expanded)
    findings += wrong
    sections = {} if config is None else config.backends
    folder = FilePath(filename).parent
    declared = declared_of({} if config is None else config.operations)
    listing, unread = _price_list(document, config, folder)
    findings += unread
    resolved = {
        name: resolve(name, section, folder, declared.operations, listing)
        for name, section in sections.items()
    }
    findings += _unresolved(document, resolved)
    findings += [] if config is None else _unusable(document, config)
    if config is None or findings:
        raise DocumentError(values.hide(findings))
    backends = {name: each.backend for name, each in resolved.items() if each.backend is not None}
    twice = [_problem(document, name, each) for name, each in offered_twice(backends.values())]
    if twice:
        raise DocumentError(values.hide(twice))
    return LoadedConfig(
        config,
        MappingProxyType(backends),
        *_books(resolved, backends),
        declared,
        document,
        {name: each.missing for name, each in resolved.items() if each.missing},
        listing,
        values,
    )


def _books(
    resolved: Mapping[str, Resolved], backends: Mapping[str, Backend]
) -> tuple[PriceBook, PriceBook]:
    """Return what backends cost, and what the same costs in a batch."""
    prices = {name: each.price for name, each in resolved.items() if each.price is not None}
    of_batches = {
        name: each.batch_price for name, each in resolved.items() if each.batch_price is not None
    }
    tiers = {name: each.tiers for name, each in resolved.items()}
    asked = [name for name, one in backends.items() if caches_when_asked(one.dialect)]
    return PriceBook(prices, tiers=tiers, when_asked=asked), PriceBook(of_batches)


def _price_list(
    document: Document, config: Config | None, folder: FilePath
) -> tuple[PriceList, list[Finding]]:
    """The list of prices that a configuration names, else the shipped one; why it is not used."""
    if config is None or config.prices is None:
        return SHIPPED, []
    try:
        return read_list(folder / config.prices), []
    except ListError as error:
        message = f"the list of prices `{config.prices}`: {error}"
        hint = "see what it must look like in docs/backends.md, or leave `prices` out"
        return SHIPPED, [document.finding(("prices",), message, hint, rule="prices")]


def _unresolved(document: Document, resolved: Mapping[str, Resolved]) -> list[Finding]:
    """Return what is wrong with backends beyond each key by itself."""
    return [
        _problem(document, name, problem)
        for name, each in resolved.items()
        for problem in each.problems
    ]


def _problem(document: Document, name: str, problem: Problem) -> Finding:
    """Return what is wrong with a backend, at its place."""
    where = ("backends", name, *([problem.key] if problem.key else []))
    return document.finding(where, problem.message, problem.hint, rule="backend")


def _unusable(document: Document, config: Config) -> list[Finding]:
    """Return what is wrong beyond each key and each backend by itself."""
    findings = [*_wrong_operations(document, config), *_unkept(document, config)]
    findings += _without_presidio(document, config)
    findings += _wrong_identity(document, config)
    if config.telemetry.traces is not None and not is_installed():
        findings.append(_without_extra(document))
    return findings


def _wrong_identity(document: Document, config: Config) -> list[Finding]:
    """Return why those who bring tokens, or sign in, cannot be known as it is written."""
    admin = config.admin
    needed: list[tuple[Path, bool]] = [(("identity",), bool(config.identity))]
    if admin is not None:
        needed.append((("admin", "tokens"), bool(admin.tokens)))
        needed.append((("admin", "sign_in"), admin.sign_in is not None))
    message, hint = "this needs libraries that are not installed", f"run {INSTALL_TOKENS}"
    findings = [
        document.finding(where, message, hint, rule="identity")
        for where, configured in needed
        if configured and not tokens_installed(sign_in=where[-1] == "sign_in")
    ]
    wrong = [] if admin is None else unfit(admin, config.identity)
    return findings + [
        document.finding(("admin", *where), message, hint, rule="identity")
        for where, message, hint in wrong
    ]


def _without_presidio(document: Document, config: Config) -> list[Finding]:
    """Return what Presidio lacks to run as configured."""
    section = config.detectors.presidio
    if section is None:
        return []
    folder = FilePath(document.filename).parent
    return [
        document.finding(("detectors", "presidio", *where), message, hint, rule="presidio")
        for where, message, hint in not_installed(section, folder)
    ]


def _wrong_operations(document: Document, config: Config) -> list[Finding]:
    """Return what is wrong with the operator's own operations, those included that nobody has."""
    served = {name for each in config.backends.values() for name in each.serves or ()}
    unserved = [
        ((name,), f"no backend serves `{name}`", f"write serves: [{name}] in the section of one")
        for name in config.operations
        if name not in served
    ]
    return [
        document.finding(("operations", *where), message, hint, rule="operation")
        for where, message, hint in (*mistakes(config.operations), *unserved)
    ]


def _without_extra(document: Document) -> Finding:
    """Return that traces are wanted and cannot be sent."""
    return document.finding(
        ("telemetry", "traces"),
        "traces need OpenTelemetry's exporter, which is not installed",
        INSTALL,
        rule="telemetry",
    )


def _unkept(document: Document, config: Config) -> list[Finding]:
    """Return why responses, and the books, cannot be kept as it is written."""
    section, findings = config.responses, []
    if section.keys and find_spec("cryptography") is None:
        message = "keeping responses needs cryptography, which is not installed"
        where = ("responses", "keys")
        hint = "pip install 'turnout[responses]'"
        findings.append(document.finding(where, message, hint, rule="responses"))
    for at, name in enumerate(section.home):
        if name not in config.backends:
            hint = suggestion(name, config.backends, what="backends")
            message = f"unknown backend `{name}`"
            findings.append(
                document.finding(("responses", "home", at), message, hint, rule="responses")
            )
    return [*findings, *_without_baseline(document, config)]


def _without_baseline(document: Document, config: Config) -> list[Finding]:
    """Return that savings are to be reckoned from a backend that is not there."""
    name = config.savings.baseline
    if name is None or name in config.backends:
        return []
    hint = suggestion(name, config.backends, what="backends")
    message = f"unknown backend `{name}`"
    return [document.finding(("savings", "baseline"), message, hint, rule="savings")]


def _odd(document: Document, path: Path) -> Finding:
    return document.finding(
        path,
        "this looks like a variable, and is none",
        "write ${NAME} or ${NAME:-default}; what is meant as it stands goes into a variable",
        rule="no-variable",
    )


def _unset(document: Document, path: Path, name: str) -> Finding:
    line, column = document.position_of(path)
    return Finding(
        document.filename,
        line,
        column,
        "error",
        f"the environment variable {name} is not set",
        f"export {name}=... before starting, or write the value here",
        "unset-variable",
    )
