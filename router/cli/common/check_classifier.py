"""What `turnout check` says of the classifier: cards that do not load, abilities without a card."""

from collections.abc import Sequence
from pathlib import Path

from classifiers.artifact import ArtifactError
from classifiers.serving import Classifier
from policies.findings import Finding
from policies.language.source import Document, parse
from router.world.documents import Documents


def classifier_findings(documents: Documents) -> list[Finding]:
    """Every reason why `serve` would refuse the classifier, and abilities without a card.

    Only backends among which a route chooses need a card.
    """
    source = parse(documents.config_path.read_text("utf-8"), str(documents.config_path))
    section = documents.config.classifier
    cards = [documents.folder / card for card in section.cards]
    try:
        classifier = Classifier.load(device=section.device, cards=cards)
    except ArtifactError as error:
        return _wrong_cards(cards, source) or [
            source.finding(("classifier", "device"), str(error), rule="classifier")
        ]
    known = classifier.abilities
    classifier.close()
    return _unknown_abilities(documents, known, source)


def _wrong_cards(cards: Sequence[Path], source: Document) -> list[Finding]:
    findings = []
    for index, card in enumerate(cards):
        try:
            Classifier.load(device="cpu", cards=[card]).close()
        except ArtifactError as error:
            path = ("classifier", "cards", index)
            findings.append(source.finding(path, str(error), rule="ability-card"))
    return findings


def _unknown_abilities(
    documents: Documents, known: Sequence[str], source: Document
) -> list[Finding]:
    routes = documents.policy.document.routes.values()
    chosen = {n for route in routes if len(route.candidates) > 1 for n in route.candidates}
    return [
        source.warning(
            ("backends", name, "ability"),
            f"no ability card is named `{section.ability}`: the success of `{name}` stays unknown",
            f"write one of {', '.join(known)}, or make a card (turnout calibrate {name}) "
            "and name its file in `classifier.cards`",
            rule="missing-card",
        )
        for name, section in documents.config.backends.items()
        if name in chosen and section.ability is not None and section.ability not in known
    ]
