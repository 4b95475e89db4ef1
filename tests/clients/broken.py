"""Models that are wrong in one way each, and one that gives back what it takes.

    broken.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = Path(sys.argv[1])


def model(nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


info = helper.make_tensor_value_info
x, y = info("x", TensorProto.FLOAT, [None, 2]), info("y", TensorProto.FLOAT, [None, 2])
echo = model([helper.make_node("Identity", ["x"], ["y"])], [x], [y])
onnx.save(echo, folder / "echo.onnx")
(folder / "corrupt.onnx").write_bytes((folder / "echo.onnx").read_bytes()[:-20] + b"\xff" * 20)

# Weights that are said to lie in another file, outside of the model's own folder.
weights = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
weights.ClearField("raw_data")
weights.data_location = TensorProto.EXTERNAL
for key, value in [("location", "../../../etc/passwd"), ("offset", "0"), ("length", "16")]:
    entry = weights.external_data.add()
    entry.key, entry.value = key, value
outside = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [x], [y], [weights])
(folder / "outside.onnx").write_bytes(outside.SerializeToString())
