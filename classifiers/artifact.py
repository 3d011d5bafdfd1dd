"""The trained classifier on disk: an ONNX file, its manifest, and the ability cards beside it.

    swift.onnx        the trunk: words and lexical features to z and an embedding
    swift.json        the manifest: what the files must be, and how they came to be
    local.json ...    one ability card each

The manifest names every file with its SHA-256. A file that differs, another format, or features
that this program computes in another way: `ArtifactError`, before anything is scored. Nothing
is unpickled and nothing executable is read.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from classifiers.text.lexical_features import FEATURES_VERSION

FORMAT: Final = 1
SHIPPED: Final = Path(__file__).parent / "artifacts" / "swift.json"

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_KINDS: Final[Mapping[type, tuple[str, ...]]] = {
    str: ("name", "onnx", "sha256"),
    int: ("opset", "z_size", "embedding_size"),
    dict: ("cards", "training"),
}
_CALLED: Final[Mapping[type, str]] = {str: "a text", int: "a number", dict: "an object"}


class ArtifactError(Exception):
    """The classifier cannot be loaded; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the trainer promises about the files. Sizes are counts of numbers per prompt."""

    name: str
    format: int
    features_version: int
    onnx: str
    sha256: str
    opset: int
    z_size: int
    embedding_size: int
    cards: Mapping[str, str]  # file name -> SHA-256
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """`swift-` and twelve digits of the trunk's digest."""
        return f"{self.name}-{self.sha256[:12]}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest and the checked bytes it names."""

    manifest: Manifest
    onnx: bytes
    cards: Mapping[str, bytes]  # file name -> JSON


def digest_of(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def strict_json(data: bytes) -> Any:
    """JSON as the standard has it. Raises ValueError, for duplicated keys and deep nesting too."""
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_constant=_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_artifact(path: Path | None = None) -> Artifact:
    """Read and check an artifact; `path` is its manifest (None: the one that ships)."""
    source = path or SHIPPED
    manifest = _manifest(source)
    onnx = _checked(source.parent / manifest.onnx, manifest.sha256)
    cards = {name: _checked(source.parent / name, sha) for name, sha in manifest.cards.items()}
    return Artifact(manifest, onnx, cards)


def write_artifact(folder: Path, artifact: Artifact) -> Path:
    """Write all files of an artifact, the manifest last; returns the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / artifact.manifest.onnx).write_bytes(artifact.onnx)
    for name, card in artifact.cards.items():
        (folder / name).write_bytes(card)
    path = folder / f"{artifact.manifest.name}.json"
    path.write_text(json.dumps(asdict(artifact.manifest), indent=2, sort_keys=True) + "\n")
    return path


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:80]!r} is there twice")
    return document


def _constant(name: str) -> float:
    raise ValueError(f"it holds numbers that are not finite: {name}")


def _manifest(path: Path) -> Manifest:
    try:
        document = strict_json(path.read_bytes())
    except FileNotFoundError:
        raise ArtifactError(
            f"There is no classifier manifest at {path}. Name the .json file that "
            "`python -m classifiers train --out FOLDER` wrote, or leave the setting out to use "
            "the classifier that ships."
        ) from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"The classifier manifest {path} cannot be read: {error}") from None
    try:
        manifest = Manifest(**document)
        _check_versions(path, manifest)
        _check_kinds(manifest)
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{path} is not a classifier manifest: {error}") from None
    return manifest


def _check_kinds(manifest: Manifest) -> None:
    """Raise ValueError where a field is not what it should be, or a file is in another folder."""
    for kind, names in _KINDS.items():
        for name in names:
            value = getattr(manifest, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(f"`{name}` must be {_CALLED[kind]}")
    for name in (manifest.onnx, *manifest.cards):
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise ValueError(f"{name[:80]!r} is not the name of a file beside it")
    digests: list[Any] = [manifest.sha256, *manifest.cards.values()]
    for digest in digests:
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ValueError("a `sha256` must be 64 hexadecimal digits")


def _check_versions(path: Path, manifest: Manifest) -> None:
    for what, stated, known in (
        ("format", manifest.format, FORMAT),
        ("features_version", manifest.features_version, FEATURES_VERSION),
    ):
        if stated != known:
            raise ArtifactError(
                f"{path} says {what} {stated}, this program reads {what} {known}. Train it anew "
                "with this version (python -m classifiers train), or use the one that ships."
            )


def _checked(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"The classifier's file {path} cannot be read: {error.strerror}"
        ) from None
    if digest_of(data) != sha256:
        raise ArtifactError(
            f"The classifier's file {path} is not the one its manifest names: SHA-256 is "
            f"{digest_of(data)[:12]}..., expected {sha256[:12]}.... Restore it, or train anew."
        )
    return data
