"""Write the trunk as one ONNX graph.

    words, pairs --look up, add--> votes ------\\
    words --look up, average------> bag ---------> x --kernel with landmarks--> z
    lexical_features --standardise, clip-------/                           `--> embedding
    lexical_features --a direction of the counts in word problems----------> the last of z

`votes` are linear forecasts from words and pairs of words (TF-IDF, unit length); `bag` is the
weighted mean of the words' static vectors. z compares x with a thousand training prompts (a
Nystroem approximation of kernel ridge regression); the embedding holds the main directions of the
same kernel, on which an ability card learns a smooth correction as a plain linear model.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 9  # read by every onnxruntime since 1.14
LIMIT: Final = 4.0  # standard deviations; beyond it a number says nothing more

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TrunkWeights:
    """Everything the graph holds.

    D numbers a word, K votes, F lexical features of any prompt and P of word problems,
    X = K + F + D inputs, M landmarks, Z - 1 outputs of the kernel, E numbers of embedding.
    """

    word_vectors: NDArray[np.int8]  # [WORDS, D]
    vector_step: Floats  # [D]: what one step is worth, times the weight of the bag in x
    word_rarity: Floats  # [WORDS]: weight of a word in the bag
    word_idf2: Floats  # [WORDS]: squared inverse document frequency, 0 for unknown words
    pair_idf2: Floats  # [PAIRS]
    word_votes: NDArray[np.float16]  # [WORDS, K]
    pair_votes: NDArray[np.float16]  # [PAIRS, K]
    vote_mean: Floats  # [K]
    vote_scale: Floats  # [K]: one over the deviation
    vote_weight: Floats  # []: weight of the votes in x
    lexical_mean: Floats  # [F]
    lexical_scale: Floats  # [F]: one over the deviation, 0 for a constant feature
    landmarks: Floats  # [M, X]
    gamma: Floats  # []: width of the kernel
    z_weights: Floats  # [M, Z - 1]
    z_bias: Floats  # [Z - 1]
    problem_weights: Floats  # [P, 1]: the last of z, in deviations
    embedding_weights: Floats  # [M, E]

    @property
    def z_size(self) -> int:
        """Numbers in z."""
        return int(self.z_bias.size) + 1

    @property
    def embedding_size(self) -> int:
        """Numbers in the embedding."""
        return int(self.embedding_weights.shape[1])


def to_onnx(weights: TrunkWeights) -> bytes:
    """The graph as bytes; the same weights give the same bytes."""
    held = {name: getattr(weights, name) for name in TrunkWeights.__dataclass_fields__}
    held |= {
        "one": np.array([1], dtype=np.int64),
        "low": np.float32(-LIMIT),
        "high": np.float32(LIMIT),
        "least": np.float32(1e-6),
        "two": np.float32(2),
        "lexical_sizes": np.array([len(weights.lexical_mean), len(weights.problem_weights)]),
        "landmark_size": (weights.landmarks**2).sum(axis=1)[None],
        "landmark_columns": np.ascontiguousarray(weights.landmarks.T),
    }
    del held["landmarks"]
    features = len(weights.lexical_mean) + len(weights.problem_weights)
    graph = helper.make_graph(
        [*_votes(), *_bag(), *_inputs(), *_kernel(), *_problem()],
        "swift",
        [
            _tensor("words", ["batch", "words"], TensorProto.INT32),
            _tensor("word_weights", ["batch", "words"]),
            _tensor("pairs", ["batch", "pairs"], TensorProto.INT32),
            _tensor("pair_weights", ["batch", "pairs"]),
            _tensor("lexical_features", ["batch", features]),
        ],
        [
            _tensor("z", ["batch", weights.z_size]),
            _tensor("embedding", ["batch", weights.embedding_size]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="turnout"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _tensor(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def _votes() -> list[onnx.NodeProto]:
    """Sum the votes of words and pairs, over the length of the TF-IDF vector."""
    nodes = [_node("Unsqueeze", "word_weights one", "word_line")]
    nodes.append(_node("Unsqueeze", "pair_weights one", "pair_line"))
    for kind in ("word", "pair"):
        nodes += [
            _node("Gather", f"{kind}_votes {kind}s", f"{kind}_half"),
            _node("Cast", f"{kind}_half", f"{kind}_full", to=TensorProto.FLOAT),
            _node("MatMul", f"{kind}_line {kind}_full", f"{kind}_sum"),
            _node("Squeeze", f"{kind}_sum one", f"{kind}_vote"),
            _node("Gather", f"{kind}_idf2 {kind}s", f"{kind}_known"),
            _node("Mul", f"{kind}_weights {kind}_weights", f"{kind}_square"),
            _node("Mul", f"{kind}_square {kind}_known", f"{kind}_part"),
            _node("ReduceSum", f"{kind}_part one", f"{kind}_length", keepdims=1),
        ]
    return [
        *nodes,
        _node("Add", "word_length pair_length", "length2"),
        _node("Add", "length2 least", "length2_safe"),
        _node("Sqrt", "length2_safe", "length"),
        _node("Add", "word_vote pair_vote", "vote_sum"),
        _node("Div", "vote_sum length", "vote"),
    ]


def _bag() -> list[onnx.NodeProto]:
    """The mean of the words' vectors, rare words counting more."""
    return [
        _node("Gather", "word_vectors words", "steps"),
        _node("Cast", "steps", "vectors", to=TensorProto.FLOAT),
        _node("Gather", "word_rarity words", "rarity"),
        _node("Mul", "word_weights rarity", "share"),
        _node("ReduceSum", "share one", "share_sum", keepdims=1),
        _node("Add", "share_sum least", "share_safe"),
        _node("Unsqueeze", "share one", "share_line"),
        _node("MatMul", "share_line vectors", "vector_sum"),
        _node("Squeeze", "vector_sum one", "vector_flat"),
        _node("Div", "vector_flat share_safe", "vector_mean"),
        _node("Mul", "vector_mean vector_step", "bag"),
    ]


def _inputs() -> list[onnx.NodeProto]:
    """Standardise and join."""
    return [
        _node("Sub", "vote vote_mean", "vote_centred"),
        _node("Mul", "vote_centred vote_scale", "vote_standard"),
        _node("Clip", "vote_standard low high", "vote_bounded"),
        _node("Mul", "vote_bounded vote_weight", "voted"),
        _node("Split", "lexical_features lexical_sizes", "of_any of_problem", axis=1),
        _node("Sub", "of_any lexical_mean", "lexical_centred"),
        _node("Mul", "lexical_centred lexical_scale", "lexical_standard"),
        _node("Clip", "lexical_standard low high", "noticed"),
        _node("Concat", "voted noticed bag", "x", axis=1),
    ]


def _kernel() -> list[onnx.NodeProto]:
    """exp(-gamma |x - landmark|^2), then linear twice."""
    return [
        _node("Mul", "x x", "x2"),
        _node("ReduceSum", "x2 one", "x_size", keepdims=1),
        _node("MatMul", "x landmark_columns", "products"),
        _node("Mul", "products two", "doubled"),
        _node("Add", "x_size landmark_size", "sizes"),
        _node("Sub", "doubled sizes", "closeness"),
        _node("Mul", "closeness gamma", "exponent"),
        _node("Exp", "exponent", "kernel"),
        _node("Gemm", "kernel z_weights z_bias", "hardness"),
        _node("MatMul", "kernel embedding_weights", "embedding"),
    ]


def _problem() -> list[onnx.NodeProto]:
    """The last of z: zero but for word problems. Twice a deviation, so that few labels weigh it."""
    return [
        _node("MatMul", "of_problem problem_weights", "direction"),
        _node("Clip", "direction low high", "bounded"),
        _node("Mul", "bounded two", "parting"),
        _node("Concat", "hardness parting", "z", axis=1),
    ]
