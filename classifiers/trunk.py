"""The ONNX trunk in a session: encoded prompts to z and embeddings, on a CPU or an NVIDIA GPU."""

import ctypes
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifiers.artifact import Artifact, ArtifactError
from classifiers.prompt import Prompt
from classifiers.runtime import ort
from classifiers.text.features import encode
from classifiers.text.lexical_features import FEATURE_NAMES

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
DEVICES: Final = ("auto", "cpu", "cuda")

Vector = NDArray[np.float32]

# Names in the ONNX graph; the inputs in the order of a Batch.
_INPUTS: Final = ("words", "word_weights", "pairs", "pair_weights", "lexical_features")
_OUTPUTS: Final = ("z", "embedding")


class TrunkOutput(NamedTuple):
    """What the trunk says of a batch: z [B, Z] and embedding [B, E], float32 and finite."""

    z: Vector
    embedding: Vector


class Trunk:
    """One loaded ONNX graph. Safe to use from several threads."""

    def __init__(self, artifact: Artifact, *, device: str = "auto") -> None:
        self.manifest = artifact.manifest
        self._session = _session(artifact, device)
        check_width(self._session, len(FEATURE_NAMES))
        self.provider: str = self._session.get_providers()[0]

    def read(self, prompts: Sequence[Prompt]) -> TrunkOutput:
        """Encode and run one batch."""
        batch = encode(prompts)
        z, embedding = self._session.run(_OUTPUTS, dict(zip(_INPUTS, batch, strict=True)))
        return TrunkOutput(z, embedding)


def check_width(session: ort.InferenceSession, made: int) -> None:
    """Refuse a trunk of other lexical features, which would fail at every prompt."""
    taken = next(one.shape[1] for one in session.get_inputs() if one.name == _INPUTS[-1])
    if taken != made:
        raise ArtifactError(
            f"The trunk takes {taken} lexical features, this program makes {made}. Raise "
            "FEATURES_VERSION and train it anew (python -m classifiers train)."
        )


def _session(artifact: Artifact, device: str) -> ort.InferenceSession:
    if device not in DEVICES:
        raise ArtifactError(f"classifier.device is {device!r}; it must be one of {DEVICES}.")
    wants_cuda = device == "cuda" or (device == "auto" and cuda_is_usable())
    session = _start(artifact, [CUDA, CPU] if wants_cuda else [CPU])
    if device == "cuda" and session.get_providers()[0] != CUDA:
        raise ArtifactError(
            "classifier.device is cuda, but CUDA cannot be used here: it takes an NVIDIA GPU with "
            "its driver, and NVIDIA's libraries (pip install 'turnout[cuda]'). With `auto` the "
            "classifier runs on the CPU instead, which is quick enough."
        )
    return session


def _start(artifact: Artifact, providers: list[str]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # the graph is small: a second thread costs more than it gives
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(artifact.onnx, options, providers=providers)
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no common class
        raise ArtifactError(
            f"onnxruntime cannot load {artifact.manifest.onnx}: {error}. Train it anew, or use the "
            "classifier that ships."
        ) from None


def cuda_is_usable() -> bool:
    """Whether onnxruntime was built for CUDA and this machine has a driver and the libraries."""
    if CUDA not in ort.get_available_providers() or sys.platform != "linux":
        return False
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    ort.preload_dlls(directory="")  # NVIDIA's wheels, where the extra `cuda` is installed
    return True
