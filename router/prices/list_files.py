"""Files that hold a list of prices, in the form in which `genai-prices` publishes its own.

Either its array of providers, or a mapping with that array as `providers`, the day it is of as
`dated`, and as `renamed` the names of models that mean something else now. JSON, or YAML by the
file's name. Rates are USD per million tokens; what is wrong is said with the provider and model.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import yaml
from genai_prices.types import ModelPrice, Provider, TieredPrices, _providers_from_raw
from pydantic import BaseModel, ConfigDict, ValidationError

_YAML: Final = frozenset({".yaml", ".yml"})
# What the package's own reader raises for what it does not understand.
_WRONG: Final = (ValidationError, ValueError, TypeError, AssertionError, re.error)
_KINDS: Final = ModelPrice()  # knows which kinds of price there are


class ListError(ValueError):
    """A list that cannot be used; the text says what is wrong with it, without its name."""


class Renamed(BaseModel):
    """A name of a model that its provider retired, or gave to another: `now`, from `since` on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    model: str
    now: str
    since: date
    retired: date | None = None
    source: str


@dataclass(frozen=True, slots=True)
class WrittenList:
    """What a file says."""

    providers: Sequence[Provider]
    dated: date | None
    renamed: tuple[Renamed, ...]


class _Head(BaseModel):
    """The mapping around the array, where a file has one."""

    model_config = ConfigDict(extra="forbid")

    providers: list[Any]
    dated: date | None = None
    renamed: tuple[Renamed, ...] = ()


def parsed(content: bytes, suffix: str) -> WrittenList:
    """The list that a file holds. Raises ListError with what is wrong, and where."""
    document = _document(content, suffix)
    if isinstance(document, list):
        document = {"providers": document}
    if not isinstance(document, dict):
        raise ListError("is no list of providers")
    try:
        head = _Head.model_validate(document)
    except ValidationError as error:
        raise ListError(_first(error, "the list")) from None
    providers = [_provider(raw, at) for at, raw in enumerate(head.providers)]
    if not providers:
        raise ListError("has no providers")
    _refuse_twice([each.id for each in providers])
    return WrittenList(providers, head.dated, head.renamed)


def _document(content: bytes, suffix: str) -> Any:
    try:
        if suffix.lower() in _YAML:
            _refuse_aliases(content)
            return yaml.load(content, Loader=yaml.CSafeLoader)  # it is the safe one
        return json.loads(content, parse_float=Decimal)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" (line {mark.line + 1})"
        raise ListError(f"is not YAML{line}") from None
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        raise ListError(f"is not JSON: {error}") from None


def _refuse_aliases(content: bytes) -> None:
    """A few lines of aliases stand for more values than any memory holds."""
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            line = "" if mark is None else f" (line {mark.line + 1})"
            raise ListError(f"has an alias{line}: write the value out")


def _provider(raw: Any, at: int) -> Provider:
    """One provider, with every rate of its models looked at."""
    name = raw.get("id") if isinstance(raw, Mapping) else None
    if not isinstance(name, str):
        raise ListError(f"providers[{at}] is no provider: it has no id")
    try:
        provider = _providers_from_raw([raw])[0]
        re.compile(provider.api_pattern)
    except _WRONG as error:
        raise ListError(_narrowed(raw, name, error)) from None
    for info in provider.models:
        try:
            info.is_match(info.id)
        except re.error as error:
            raise ListError(f"{name}: {info.id}: its pattern is none: {error}") from None
        listed = info.prices if isinstance(info.prices, list) else [info]
        for each in (*listed, *(info.price_variants or ())):
            for kind, rate in each.prices.__dict__.items():
                _refuse_rate(f"{name}: {info.id}", kind, rate)
    return provider


def _narrowed(raw: Mapping[str, Any], name: str, error: Exception) -> str:
    """What is wrong with a provider, with the first of its models in which it is."""
    models = raw.get("models")
    for model in models if isinstance(models, list) else ():
        try:
            _providers_from_raw([{**raw, "models": [model]}])
        except _WRONG as narrower:
            named = model.get("id", "a model") if isinstance(model, Mapping) else "a model"
            return _first(narrower, f"{name}: {named}")
    return _first(error, name)


def _first(error: Exception, where: str) -> str:
    """The first thing that is wrong, in one line."""
    if not isinstance(error, ValidationError):
        return f"{where}: {str(error) or 'it has not the form of a list of prices'}"
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    return f"{where}: {place}: {first['msg']}" if place else f"{where}: {first['msg']}"


def _refuse_rate(where: str, kind: str, rate: Any) -> None:
    """Raise ListError for a kind of price that nobody knows, and for a rate that is none."""
    if not hasattr(_KINDS, kind):
        raise ListError(f"{where}: `{kind}` is no kind of price; a newer genai-prices may know it")
    for each in _rates(rate):
        if not each.is_finite() or each < 0:
            raise ListError(f"{where}: {kind}: {each} is no price")


def _rates(rate: Any) -> Iterator[Decimal]:
    if isinstance(rate, Decimal):
        yield rate
    elif isinstance(rate, TieredPrices):
        yield rate.base
        yield from (tier.price for tier in rate.tiers)


def _refuse_twice(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ListError(f"has the provider `{name}` twice")
