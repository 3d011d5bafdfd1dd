"""`python -m router.presidio.analyzer`: the process with the real Presidio.

The one module that imports it. Models are installed beforehand, or it does not start.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import spacy
import yaml
from presidio_analyzer import (
    AnalyzerEngine,
    AnalyzerEngineProvider,
    BatchAnalyzerEngine,
    RecognizerRegistry,
)
from presidio_analyzer.nlp_engine import NlpEngineProvider

from router.presidio.spec import Spec, Unusable
from router.presidio.worker import Analyze, serve

# How Presidio's entities are called elsewhere in Turnout; others by their name in lower case.
KINDS: Final = MappingProxyType(
    {
        "EMAIL_ADDRESS": "email",
        "PHONE_NUMBER": "phone",
        "CREDIT_CARD": "card",
        "IBAN_CODE": "iban",
        "US_SSN": "national_id",
        "DATE_TIME": "date",
    }
)


def load(spec: Spec) -> Analyze:
    """Return what analyses texts by every language. Raises Unusable, or what a library raises."""
    if spec.device == "cuda":
        _require_gpu()
    engine = _of_file(spec.config) if spec.config else _of_models(spec.languages)
    languages = engine.supported_languages
    known = {name for one in languages for name in engine.get_supported_entities(one)}
    unknown = sorted(set(spec.entities) - known)
    if unknown:
        raise Unusable(f"nothing finds {', '.join(unknown)}; there is {', '.join(sorted(known))}")
    batches = BatchAnalyzerEngine(engine)
    # Of each language what it can find: Presidio warns of the rest, and will refuse it one day.
    wanted = {
        one: sorted(set(spec.entities).intersection(engine.get_supported_entities(one)))
        for one in languages
    }

    def analyze(texts: Sequence[str]) -> list[list[tuple[int, int, str]]]:
        found: list[list[tuple[int, int, str]]] = [[] for _ in texts]
        for language, entities in wanted.items():
            if not entities:
                continue
            results = batches.analyze_iterator(
                texts, language, len(texts), entities=entities, score_threshold=spec.score
            )
            for at, each in enumerate(results):
                found[at] += [(one.start, one.end, _kind(one.entity_type)) for one in each]
        return found

    analyze(["Hello."])  # the first one loads what is loaded late
    return analyze


def _require_gpu() -> None:
    try:
        spacy.require_gpu()
    except ValueError as error:
        hint = "install spaCy for it (pip install 'spacy[cuda12x]'), or write device: cpu"
        raise Unusable(f"device: cuda: {error}; {hint}") from None


def _of_models(languages: Any) -> AnalyzerEngine:
    """Presidio with its own recognizers and a spaCy pipeline for each language."""
    for model in languages.values():
        if not Path(model).is_dir() and find_spec(model) is None:
            raise Unusable(f"the spaCy pipeline {model} is not installed")
    models = [{"lang_code": code, "model_name": model} for code, model in languages.items()]
    nlp = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": models}
    ).create_engine()
    registry = RecognizerRegistry(supported_languages=list(languages))
    registry.load_predefined_recognizers(languages=list(languages), nlp_engine=nlp)
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=list(languages))


def _of_file(path: str) -> AnalyzerEngine:
    """Presidio as a file of its own says. Presidio takes its defaults where it cannot read one."""
    try:
        document = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Unusable(f"{path} cannot be read: {type(error).__name__}") from None
    parts = ("nlp_configuration", "recognizer_registry")
    if not isinstance(document, dict) or not all(part in document for part in parts):
        raise Unusable(f"{path} must have both {' and '.join(parts)}")
    return AnalyzerEngineProvider(analyzer_engine_conf_file=path).create_engine()


def _kind(entity: str) -> str:
    return KINDS.get(entity, entity.lower())


if __name__ == "__main__":
    serve(load)
