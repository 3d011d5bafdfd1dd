"""A trunk with its ability cards: prompts in, classifications out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from classifiers.artifact import Artifact, read_artifact
from classifiers.cards.ability import Ability, Heads
from classifiers.cards.card_format import check_fits, from_json, read_card
from classifiers.classification import Classification, Evidence
from classifiers.prompt import Prompt
from classifiers.trunk import Trunk


@dataclass(frozen=True, slots=True)
class Scorer:
    """One immutable trunk with its cards; a reload makes another."""

    trunk: Trunk
    cards: Mapping[str, Ability]
    heads: Heads

    @classmethod
    def load(cls, path: Path | None, device: str, cards: Sequence[Path]) -> "Scorer":
        """Load a manifest (None: the one that ships) and cards that replace or join its own.

        Raises ArtifactError.
        """
        return cls.of(read_artifact(path), device, cards)

    @classmethod
    def of(cls, artifact: Artifact, device: str, cards: Sequence[Path] = ()) -> "Scorer":
        """Build one from bytes already read and checked. Raises ArtifactError."""
        manifest = artifact.manifest
        sources = [(name, from_json(data, where=name)) for name, data in artifact.cards.items()]
        sources += [(str(card), read_card(card)) for card in cards]
        for where, card in sources:
            check_fits(
                card,
                where=where,
                classifier=manifest.version,
                z_size=manifest.z_size,
                embedding_size=manifest.embedding_size,
            )
        by_name = {card.name: card for _, card in sources}
        heads = Heads.of(list(by_name.values()))
        return cls(Trunk(artifact, device=device), MappingProxyType(by_name), heads)

    def score(self, prompts: Sequence[Prompt]) -> list[Classification]:
        """Score a batch, in order. Raises what onnxruntime raises."""
        output = self.trunk.read(prompts)
        rows = self.heads.probabilities(output.z, output.embedding).tolist()
        return [
            Classification(dict(zip(self.cards, row, strict=True)), Evidence(z, embedding))
            for row, z, embedding in zip(rows, *output, strict=True)
        ]
