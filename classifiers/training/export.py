"""Write the trunk as one ONNX graph: table lookup, weighted mean, small network.

    ids, weights --Gather, MatMul--> bag --\\
    hand --standardise, clip---------------- embedding --linear--> z
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 9  # read by every onnxruntime since 1.14
HAND_LIMIT: Final = 4.0  # standard deviations; beyond it a feature says nothing more

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TrunkWeights:
    """Everything the graph holds. V words, D numbers a word, F hand features, Z outputs."""

    table: NDArray[np.int8]  # [V, D]; row 0 is padding and zero
    scale: Matrix  # [D]: what one step of the table is worth
    hand_mean: Matrix  # [F]
    hand_scale: Matrix  # [F]: one over the standard deviation, 0 for a constant feature
    out: Matrix  # [D + F, Z]
    bias: Matrix  # [Z]

    @property
    def embedding_size(self) -> int:
        """Numbers in the embedding: the bag and the hand features."""
        return int(self.scale.size + self.hand_mean.size)


def to_onnx(weights: TrunkWeights) -> bytes:
    """The graph as bytes; the same weights give the same bytes."""
    size, hand = weights.table.shape[1], len(weights.hand_mean)
    held = {
        "table": weights.table,
        "scale": weights.scale,
        "hand_mean": weights.hand_mean,
        "hand_scale": weights.hand_scale,
        "low": np.float32(-HAND_LIMIT),
        "high": np.float32(HAND_LIMIT),
        "out": weights.out,
        "bias": weights.bias,
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["steps"]),
        helper.make_node("Cast", ["steps"], ["rows"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "axis"], ["line"]),
        helper.make_node("MatMul", ["line", "rows"], ["sum"]),
        helper.make_node("Squeeze", ["sum", "axis"], ["mean"]),
        helper.make_node("Mul", ["mean", "scale"], ["bag"]),
        helper.make_node("Sub", ["hand", "hand_mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "hand_scale"], ["standard"]),
        helper.make_node("Clip", ["standard", "low", "high"], ["noticed"]),
        helper.make_node("Concat", ["bag", "noticed"], ["embedding"], axis=1),
        helper.make_node("Gemm", ["embedding", "out", "bias"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "swift",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "words"]),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["batch", "words"]),
            helper.make_tensor_value_info("hand", TensorProto.FLOAT, ["batch", hand]),
        ],
        [
            helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", weights.out.shape[1]]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", size + hand]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="turnout"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
