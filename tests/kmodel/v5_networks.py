"""Small networks with random weights, compiled and simulated by nncase 1.9.0 (make_v5_goldens.py starts this).

Runs with a Python that has nncase and onnx: `python v5_networks.py NAME DIRECTORY` writes NAME's kmodel, its outputs
and a description into DIRECTORY.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from v5_goldens import Tensor, values


class Net:
    """An ONNX graph under construction; every method adds a node and gives the name of its result."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.channels: dict[str, int] = {}

    def const(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, channels: int | None = None, **attributes: Any) -> Any:
        from onnx import helper

        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        for name in names:
            self.channels[name] = channels or self.channels.get(inputs[0], 0)
        return names[0] if outputs == 1 else names

    def weights(self, *shape: int) -> str:
        scale = (2.0 / np.prod(shape[1:])) ** 0.5
        return self.const((self.random.standard_normal(shape) * scale).astype(np.float32))

    def bias(self, n: int) -> str:
        return self.const((self.random.standard_normal(n) * 0.1).astype(np.float32))

    def conv(
        self, x: str, out: int, k: int = 3, stride: int = 1, act: str = "relu", groups: int = 1, **attributes: Any
    ) -> str:
        attributes.setdefault("pads", [k // 2] * 4)
        kernel = attributes.pop("kernel", (k, k))
        w = self.weights(out, self.channels[x] // groups, *kernel)
        attributes.update(strides=[stride, stride], group=groups, kernel_shape=list(kernel))
        return self.act(self.op("Conv", x, w, self.bias(out), channels=out, **attributes), act)

    def depthwise(self, x: str, k: int = 3, stride: int = 1, act: str = "relu") -> str:
        return self.conv(x, self.channels[x], k, stride, act, groups=self.channels[x])

    def tconv(self, x: str, out: int, k: int = 3, stride: int = 2, grow: int = 1, act: str = "relu") -> str:
        """Only 1x1 and 3x3 with padding k // 2 compile for the K210; `grow` is ONNX's output_padding."""
        w = self.weights(self.channels[x], out, k, k)
        made = self.op(
            *("ConvTranspose", x, w, self.bias(out)),
            channels=out,
            kernel_shape=[k, k],
            strides=[stride, stride],
            pads=[k // 2] * 4,
            output_padding=[grow, grow],
        )
        return self.act(made, act)

    def bn(self, x: str) -> str:
        c = self.channels[x]
        scale = self.const(self.random.uniform(0.5, 1.5, c).astype(np.float32))
        variance = self.const(self.random.uniform(0.5, 2.0, c).astype(np.float32))
        return self.op("BatchNormalization", x, scale, self.bias(c), self.bias(c), variance)

    def act(self, x: str, kind: str) -> str:
        if kind == "none":
            return x
        if kind == "relu":
            return self.op("Relu", x)
        if kind == "relu6":
            return self.op("Clip", x, self.const(np.float32(0)), self.const(np.float32(6)))
        if kind == "leaky":
            return self.op("LeakyRelu", x, alpha=0.1)
        if kind == "prelu":
            return self.op("PRelu", x, self.const(self.random.uniform(0, 0.4, (self.channels[x], 1, 1)).astype("<f4")))
        return self.op(kind, x)

    def pool(self, x: str, kind: str = "MaxPool", k: int = 2, stride: int = 2, pad: int = 0) -> str:
        return self.op(kind, x, kernel_shape=[k, k], strides=[stride, stride], pads=[pad] * 4)

    def dense(self, x: str, n: int, out: int) -> str:
        return self.op("Gemm", x, self.weights(out, n), self.bias(out), transB=1, channels=out)

    def head(self, x: str, classes: int, softmax: bool = True) -> str:
        flat = self.op("Flatten", self.op("GlobalAveragePool", x), axis=1)
        y = self.dense(flat, self.channels[x], classes)
        return self.op("Softmax", y, axis=1) if softmax else y

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.const(np.array(shape, np.int64)))

    def resize(self, x: str, scale: float, mode: str = "nearest", how: str = "asymmetric") -> str:
        attributes = {"nearest_mode": "floor"} if mode == "nearest" else {}
        scales = self.const(np.array([1, 1, scale, scale], np.float32))
        roi = self.const(np.array([], np.float32))
        return self.op("Resize", x, roi, scales, mode=mode, coordinate_transformation_mode=how, **attributes)

    def concat(self, *x: str, axis: int = 1) -> str:
        return self.op("Concat", *x, axis=axis, channels=sum(self.channels[name] for name in x))


Build = Callable[..., Any]


def classify(n: Net, x: str, act: str = "relu", softmax: bool = True) -> str:
    x = n.pool(n.conv(x, 8, act=act))
    return n.head(n.conv(n.conv(x, 16, stride=2, act=act), 16, act=act), 10, softmax)


def batchnorm(n: Net, x: str) -> str:
    return n.head(n.act(n.bn(n.conv(n.act(n.bn(n.conv(x, 12, act="none")), "relu6"), 24, 3, 2)), "relu"), 7)


def residual(n: Net, x: str, depth: int = 2, act: str = "relu") -> str:
    x = n.conv(x, 16, act=act)
    for _ in range(depth):
        x = n.act(n.op("Add", x, n.conv(n.conv(x, 16, act=act), 16, act="none")), act)
    return n.head(x, 6)


def residual_map(n: Net, x: str) -> str:
    x = n.conv(x, 8)
    return n.conv(n.op("Add", n.conv(x, 8, act="none"), n.conv(x, 8, 1, act="none")), 4, 1, act="none")


def bottleneck(n: Net, x: str) -> str:
    x = n.conv(x, 8, stride=2, act="relu6")
    y = n.conv(n.depthwise(n.conv(x, 24, 1, act="relu6"), act="relu6"), 8, 1, act="none")
    x = n.op("Add", x, y)
    return n.head(n.conv(n.depthwise(n.conv(x, 32, 1, act="relu6"), 3, 2, act="relu6"), 16, 1, act="none"), 5)


def separable(n: Net, x: str, act: str = "relu") -> str:
    x = n.conv(x, 8, 3, 2, act=act)
    for width in (16, 24):
        x = n.conv(n.depthwise(x, act=act), width, 1, act=act)
    return n.head(x, 4, softmax=False)


def depthwise_only(n: Net, x: str) -> str:
    return n.depthwise(n.depthwise(n.conv(x, 10, 1)), act="none")


def depthwise_five(n: Net, x: str) -> str:
    return n.conv(n.depthwise(n.conv(x, 8), 5), 6, 1, act="none")


def inception(n: Net, x: str) -> str:
    x = n.conv(x, 8)
    y = n.concat(n.conv(x, 6, 1), n.conv(x, 10), n.conv(n.conv(x, 4, 1), 5))
    return n.conv(y, 9, 1, act="none")


def dense_block(n: Net, x: str) -> str:
    x = n.conv(x, 8)
    for _ in range(3):
        x = n.concat(x, n.conv(x, 8))
    return n.head(x, 10)


def fire(n: Net, x: str) -> str:
    x = n.pool(n.conv(x, 16, stride=2))
    for squeeze in (4, 8):
        s = n.conv(x, squeeze, 1)
        x = n.concat(n.conv(s, 12, 1), n.conv(s, 12))
    return n.op("GlobalAveragePool", n.conv(x, 10, 1))


def yolo(n: Net, x: str, act: str = "leaky") -> str:
    for width in (8, 16, 24):
        x = n.pool(n.conv(x, width, act=act))
    return n.conv(x, 30, 1, act="none")


def yolo_two(n: Net, x: str) -> list[str]:
    low = n.pool(n.conv(n.pool(n.conv(x, 8, act="leaky")), 16, act="leaky"))
    high = n.conv(n.pool(low), 24, act="leaky")
    up = n.resize(n.conv(high, 16, 1, act="leaky"), 2)
    return [n.conv(high, 18, 1, act="none"), n.conv(n.concat(up, low), 18, 1, act="none")]


def ssd(n: Net, x: str) -> list[str]:
    heads: list[list[str]] = [[], []]
    x = n.conv(x, 8, 3, 2)
    for width in (16, 24):
        x = n.conv(n.depthwise(x, 3, 2), width, 1)
        for kind, per in ((0, 4), (1, 2)):
            h = n.conv(x, per * 3, act="none")
            heads[kind].append(n.reshape(n.op("Transpose", h, perm=[0, 2, 3, 1]), 1, -1, per))
    boxes, scores = (n.op("Concat", *h, axis=1) for h in heads)
    return [boxes, n.op("Softmax", scores, axis=2)]


def anchor_free(n: Net, x: str) -> str:
    x = n.conv(n.conv(x, 12, 3, 2, "Sigmoid"), 16, 3, 2)
    parts = (n.conv(x, 4, 1, act="none"), n.conv(x, 1, 1, act="Sigmoid"), n.conv(x, 3, 1, act="Sigmoid"))
    return n.op("Transpose", n.reshape(n.concat(*parts), 1, 8, -1), perm=[0, 2, 1])


def landmarks(n: Net, x: str) -> list[str]:
    x = n.conv(n.conv(x, 8, 3, 2), 16, 3, 2)
    return [n.head(x, 10, False), n.op("Sigmoid", n.head(x, 2, False)), n.conv(x, 5, 1, act="none")]


def unet(n: Net, x: str, how: str = "nearest") -> str:
    a = n.conv(x, 8)
    b = n.conv(n.pool(a), 16)
    up = n.tconv(b, 8) if how == "tconv" else n.resize(b, 2, how, "asymmetric" if how == "nearest" else "half_pixel")
    return n.conv(n.conv(n.concat(up, a), 8), 3, 1, act="none")


def tconv(n: Net, x: str, k: int = 3, stride: int = 2, grow: int = 1) -> str:
    return n.tconv(n.conv(x, 6), 4, k, stride, grow, act="none")


def upsample(n: Net, x: str, how: str, mode: str = "linear", scale: float = 2) -> str:
    return n.conv(n.resize(n.conv(x, 6), scale, mode, how), 4, 1, act="none")


def pools(n: Net, x: str) -> str:
    x = n.conv(x, 8)
    x = n.concat(n.pool(x, "MaxPool", 3, 2, 1), n.pool(x, "AveragePool", 2, 2), n.pool(x, "MaxPool", 2, 2))
    return n.pool(n.conv(x, 12, 1), "AveragePool", 3, 2)


def spp(n: Net, x: str) -> str:
    x = n.conv(x, 8, 3, 2)
    return n.conv(n.concat(x, *(n.pool(x, "MaxPool", k, 1, k // 2) for k in (3, 5))), 10, 1, act="none")


def shuffle(n: Net, x: str) -> str:
    x = n.conv(x, 16, 3, 2)
    x = n.conv(x, 16, 1, groups=4)
    y = n.op("Transpose", n.reshape(x, 1, 4, 4, 8, 8), perm=[0, 2, 1, 3, 4])
    y = n.reshape(y, 1, 16, 8, 8)
    n.channels[y] = 16
    return n.head(n.conv(y, 12, groups=2), 5)


def excite(n: Net, x: str) -> str:
    x = n.conv(x, 16, 3, 2)
    s = n.conv(n.conv(n.op("GlobalAveragePool", x), 4, 1), 16, 1, act="Sigmoid")
    return n.conv(n.op("Mul", x, s), 6, 1, act="none")


def swish(n: Net, x: str) -> str:
    x = n.conv(x, 8, 3, 2, act="none")
    x = n.op("Mul", x, n.op("Sigmoid", x))
    return n.head(n.conv(x, 12, act="relu6"), 4)


def strange_convs(n: Net, x: str) -> str:
    x = n.conv(x, 8, kernel=(3, 1), pads=[1, 0, 1, 0])
    x = n.conv(x, 8, kernel=(1, 3), pads=[0, 1, 0, 1])
    x = n.conv(x, 8, 5)
    return n.conv(x, 6, 3, dilations=[2, 2], pads=[2] * 4, act="none")


def uneven_pads(n: Net, x: str) -> str:
    x = n.conv(x, 8, 3, 2, pads=[0, 0, 1, 1])
    return n.conv(x, 8, 3, 1, pads=[0] * 4, act="none")


def slices(n: Net, x: str) -> list[str]:
    x = n.conv(x, 12)
    a, b, c = n.op("Split", x, outputs=3, axis=1, channels=4)
    y = n.op("Add", n.conv(a, 4), n.op("Mul", b, c))
    starts, ends = n.const(np.array([1, 2], np.int64)), n.const(np.array([9, 11], np.int64))
    return [y, n.op("Slice", x, starts, ends, n.const(np.array([2, 3], np.int64)))]


def depth_space(n: Net, x: str) -> str:
    y = n.op("SpaceToDepth", n.conv(x, 4), blocksize=2, channels=16)
    return n.op("DepthToSpace", n.conv(y, 12, act="none"), blocksize=2)


def padded(n: Net, x: str, mode: str = "constant") -> str:
    pads = n.const(np.array([0, 0, 1, 2, 0, 0, 2, 1], np.int64))
    inputs = (pads, n.const(np.float32(0.5))) if mode == "constant" else (pads,)
    return n.conv(n.op("Pad", n.conv(x, 6), *inputs, mode=mode), 5, act="none")


def reductions(n: Net, x: str) -> list[str]:
    x = n.conv(x, 8)
    return [
        n.op("ReduceMean", x, axes=[2, 3], keepdims=1),
        n.op("ReduceMax", x, axes=[1], keepdims=1),
        n.op("ReduceSum", x, axes=[3], keepdims=0),
    ]


def mathematics(n: Net, x: str) -> list[str]:
    x = n.conv(x, 6, act="Sigmoid")
    return [n.op(kind, x) for kind in ("Exp", "Sqrt", "Tanh", "Neg", "Abs")] + [
        n.op("Div", x, n.const(np.full((1, 6, 1, 1), 1.7, np.float32))),
        n.op("Sub", n.const(np.float32(1)), x),
        n.op("Max", x, n.const(np.float32(0.5))),
        n.op("Min", x, n.const(np.float32(0.5))),
    ]


def mlp(n: Net, x: str) -> str:
    return n.op("Softmax", n.dense(n.op("Relu", n.dense(x, 13, 24)), 24, 5), axis=1)


def autoencoder(n: Net, x: str) -> str:
    return n.op("Sigmoid", n.dense(n.op("Tanh", n.dense(n.op("Relu", n.dense(x, 20, 12)), 12, 3)), 3, 20))


def two_inputs(n: Net, a: str, b: str) -> str:
    return n.head(n.concat(n.conv(a, 8), n.conv(b, 8)), 3)


def attention(n: Net, x: str) -> str:
    x = n.reshape(n.conv(x, 8, 3, 2), 8, 64)
    s = n.op("Softmax", n.op("MatMul", x, n.op("Transpose", x, perm=[1, 0])), axis=1)
    return n.op("MatMul", s, x)


def wide(n: Net, x: str) -> str:
    return n.conv(n.conv(x, 8, 3, 2), 3, act="none")


def deep(n: Net, x: str) -> str:
    for width in (8, 8, 12, 12, 16, 16, 20, 20):
        x = n.conv(x, width, act="leaky")
    return n.conv(x, 4, 1, act="none")


def argmax(n: Net, x: str) -> str:
    return n.op("ArgMax", n.conv(n.conv(x, 8), 5, 1, act="none"), axis=1, keepdims=0)


def unaries(n: Net, x: str, kinds: tuple[str, ...], act: str = "Sigmoid") -> list[str]:
    """Each kind applied to the same feature map."""
    x = n.conv(x, 4, act=act)
    return [n.op(kind, x) for kind in kinds]


def activations(n: Net, x: str, kind: str) -> str:
    return n.conv(n.op(kind, n.conv(x, 6, act="none")), 4, 1, act="none")


def constants(n: Net, x: str, kind: str, low: float = 0.3, high: float = 1.9) -> str:
    """Element by element with one constant per channel."""
    x = n.conv(x, 6, act="Sigmoid")
    return n.op(kind, x, n.const(n.random.uniform(low, high, (1, 6, 1, 1)).astype(np.float32)))


def hard_swish(n: Net, x: str) -> str:
    x = n.conv(x, 8, 3, 2, act="none")
    return n.head(n.conv(n.op("Mul", x, n.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)), 12), 4)


def gelu(n: Net, x: str) -> str:
    x = n.conv(x, 6, act="none")
    half = n.op("Mul", x, n.const(np.float32(0.5)))
    erf = n.op("Erf", n.op("Mul", x, n.const(np.float32(0.5**0.5))))
    return n.conv(n.op("Mul", half, n.op("Add", erf, n.const(np.float32(1)))), 4, 1, act="none")


def instance_norm(n: Net, x: str) -> str:
    x = n.conv(x, 6, act="none")
    return n.conv(n.op("InstanceNormalization", x, n.bias(6), n.bias(6)), 4, act="none")


def layer_norm(n: Net, x: str) -> str:
    x = n.reshape(n.conv(x, 8, act="none"), 1, 8, 64)
    d = n.op("Sub", x, n.op("ReduceMean", x, axes=[2], keepdims=1))
    variance = n.op("ReduceMean", n.op("Mul", d, d), axes=[2], keepdims=1)
    return n.op("Div", d, n.op("Sqrt", n.op("Add", variance, n.const(np.float32(1e-5)))))


def response_norm(n: Net, x: str) -> str:
    return n.op("LRN", n.conv(x, 8), size=5, alpha=0.01, beta=0.75, bias=1.0)


def unit_length(n: Net, x: str) -> str:
    x = n.reshape(n.op("GlobalAveragePool", n.conv(n.conv(x, 8, 3, 2), 16, 3, 2, act="none")), 1, 16)
    return n.op("LpNormalization", x, axis=1, p=2)


def gathered(n: Net, x: str) -> str:
    x = n.conv(x, 8, act="none")
    return n.op("Gather", x, n.const(np.array([5, 0, 3, 3], np.int64)), axis=1)


def expanded(n: Net, x: str) -> str:
    x = n.op("GlobalAveragePool", n.conv(x, 5))
    return n.op("Expand", x, n.const(np.array([1, 5, 6, 7], np.int64)))


def tiled(n: Net, x: str) -> str:
    return n.op("Tile", n.conv(x, 3), n.const(np.array([1, 2, 1, 3], np.int64)))


def chosen(n: Net, x: str) -> str:
    a, b = n.conv(x, 5, act="none"), n.conv(x, 5, act="none")
    return n.op("Where", n.op("Greater", a, b), a, n.op("Neg", b))


def best(n: Net, x: str) -> list[str]:
    y = n.head(n.conv(x, 8, 3, 2), 12, False)
    return list(n.op("TopK", y, n.const(np.array([3], np.int64)), outputs=2, axis=1))


def running_sum(n: Net, x: str) -> str:
    return n.op("CumSum", n.conv(x, 4), n.const(np.array(2, np.int64)))


def lstm(n: Net, x: str) -> str:
    x = n.op("Transpose", n.reshape(n.conv(x, 4), 1, 32, 8), perm=[2, 0, 1])
    w, r, b = n.weights(1, 24, 32), n.weights(1, 24, 6), n.const(np.zeros((1, 48), np.float32))
    return n.op("LSTM", x, w, r, b, outputs=3, hidden_size=6)[0]


def squeezed(n: Net, x: str) -> str:
    x = n.op("Squeeze", n.op("GlobalAveragePool", n.conv(x, 12)), axes=[2, 3])
    return n.op("Unsqueeze", n.op("Relu", n.dense(x, 12, 7)), axes=[0, 3])


def kpu_pools(n: Net, x: str, kind: str, k: int, stride: int) -> str:
    return n.conv(n.pool(n.conv(x, 8), kind, k, stride), 6, 1, act="none")


def broadcast(n: Net, x: str) -> str:
    x = n.conv(x, 6, act="none")
    row = n.op("ReduceMax", x, axes=[2], keepdims=1)
    column = n.op("ReduceMin", x, axes=[3], keepdims=1)
    return n.op("Mul", n.op("Add", row, column), x)


def multiply(n: Net, x: str) -> str:
    a = n.reshape(n.conv(x, 4), 1, 4, 8, 8)
    return n.op("MatMul", a, n.op("Transpose", n.reshape(n.conv(x, 4), 1, 4, 8, 8), perm=[0, 1, 3, 2]))


def permuted(n: Net, x: str) -> list[str]:
    x = n.conv(x, 5)
    return [n.op("Transpose", x, perm=list(p)) for p in ((0, 3, 1, 2), (0, 2, 1, 3), (3, 2, 1, 0))]


def one_by_one(n: Net, x: str) -> str:
    return n.conv(n.conv(x, 17, 1, act="relu6"), 33, 1, act="none")


def strided(n: Net, x: str) -> str:
    return n.conv(n.conv(x, 8, 1, 2), 8, 3, 3, act="none")


def compared(n: Net, x: str, kind: str) -> str:
    a, b = n.conv(x, 4, act="none"), n.conv(x, 4, act="none")
    if kind == "And":
        a, b = (n.op("Greater", t, n.const(np.float32(0))) for t in (a, b))
    return n.op("Cast", n.op(kind, a, b), to=1)


def negated(n: Net, x: str) -> str:
    return n.op("Cast", n.op("Not", n.op("Greater", n.conv(x, 4, act="none"), n.const(np.float32(0)))), to=1)


def axis_wise(n: Net, x: str, kind: str) -> str:
    return n.op(kind, n.conv(x, 4, act="Sigmoid"), axes=[2], keepdims=1)


def to_size(n: Net, x: str, mode: str, how: str, nearest: str = "") -> str:
    none, size = n.const(np.array([], np.float32)), n.const(np.array([1, 4, 11, 13], np.int64))
    more = {"nearest_mode": nearest} if nearest else {}
    return n.op("Resize", n.conv(x, 4), none, none, size, mode=mode, coordinate_transformation_mode=how, **more)


def gathered_elements(n: Net, x: str) -> str:
    index = n.random.integers(0, 8, (1, 4, 8, 3)).astype(np.int64)
    return n.op("GatherElements", n.conv(x, 4), n.const(index), axis=3)


def two_ways(n: Net, x: str) -> str:
    x = n.op("Transpose", n.reshape(n.conv(x, 4), 1, 32, 8), perm=[2, 0, 1])
    w, r, b = n.weights(2, 24, 32), n.weights(2, 24, 6), n.const(np.zeros((2, 48), np.float32))
    return n.op("LSTM", x, w, r, b, outputs=3, hidden_size=6, direction="bidirectional")[0]


def reversed_parts(n: Net, x: str) -> str:
    length = n.const(np.array([5], np.int64))
    return n.op("ReverseSequence", n.reshape(n.conv(x, 4), 8, 1, 32), length, batch_axis=1, time_axis=0)


def to_integer(n: Net, x: str) -> str:
    return n.op("Cast", n.op("Mul", n.conv(x, 4, act="none"), n.const(np.float32(9))), to=6)


def hard_maximum(n: Net, x: str) -> str:
    return n.op("Hardmax", n.op("Flatten", n.conv(x, 4)), axis=1)


def grouped(n: Net, x: str) -> str:
    return n.conv(n.conv(x, 8), 12, groups=4, act="none")


def padded_mean(n: Net, x: str) -> str:
    return n.op("AveragePool", n.conv(x, 4), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1)


def whole_maximum(n: Net, x: str) -> str:
    return n.op("GlobalMaxPool", n.conv(x, 8))


def threshold(n: Net, x: str) -> str:
    return n.op("ThresholdedRelu", n.conv(x, 4, act="Sigmoid"), alpha=0.4)


@dataclass(frozen=True)
class Golden:
    """A network and how it is compiled."""

    build: Build
    shape: tuple[int, ...] = (1, 3, 16, 16)
    mode: str = "u8"  # u8, i8, f32: quantised, input of that type; prep: u8 in N,H,W,C, preprocessed; float: all float
    options: tuple[Any, ...] = ()  # of `build`, behind the inputs
    output: str = "float32"
    more: tuple[tuple[int, ...], ...] = ()  # further inputs


S, M, L = (1, 3, 16, 16), (1, 3, 32, 32), (1, 3, 64, 64)
GOLDENS: dict[str, Golden] = {
    "cls_u8": Golden(classify, M),
    "cls_i8": Golden(classify, M, "i8"),
    "cls_f32": Golden(classify, M, "f32"),
    "cls_float": Golden(classify, M, "float"),
    "cls_prep": Golden(classify, M, "prep"),
    "cls_grey": Golden(classify, (1, 1, 28, 28), "u8", ("relu", False)),
    "cls_prelu": Golden(classify, M, "u8", ("prelu",)),
    "cls_sigmoid": Golden(classify, M, "i8", ("Sigmoid",)),
    "cls_tanh_float": Golden(classify, M, "float", ("Tanh",)),
    "cls_u8out": Golden(classify, M, "u8", ("leaky", False), "uint8"),
    "cls_i8out": Golden(classify, M, "f32", ("relu6", False), "int8"),
    "batchnorm_u8": Golden(batchnorm, (1, 3, 21, 17)),
    "batchnorm_float": Golden(batchnorm, (1, 3, 21, 17), "float"),
    "residual_u8": Golden(residual),
    "residual_i8": Golden(residual, S, "i8", (3, "leaky")),
    "residual_float": Golden(residual, S, "float"),
    "residual_odd": Golden(residual_map, (1, 2, 13, 37)),
    "residual_prep": Golden(residual_map, (1, 3, 20, 24), "prep"),
    "residual_u8out": Golden(residual_map, (1, 3, 18, 22), "u8", (), "uint8"),
    "bottleneck_u8": Golden(bottleneck, M),
    "bottleneck_f32": Golden(bottleneck, M, "f32"),
    "separable_u8": Golden(separable, M),
    "separable_i8": Golden(separable, (1, 1, 30, 26), "i8", ("relu6",)),
    "separable_float": Golden(separable, M, "float"),
    "depthwise_u8": Golden(depthwise_only, (1, 3, 15, 19)),
    "depthwise_five": Golden(depthwise_five),
    "inception_u8": Golden(inception),
    "inception_i8out": Golden(inception, (1, 3, 9, 11), "i8", (), "int8"),
    "dense_block_u8": Golden(dense_block),
    "fire_f32": Golden(fire, M, "f32"),
    "yolo_u8": Golden(yolo, (1, 3, 48, 64)),
    "yolo_i8": Golden(yolo, (1, 3, 40, 40), "i8", ("relu",)),
    "yolo_prep": Golden(yolo, (1, 3, 40, 56), "prep"),
    "yolo_u8out": Golden(yolo, (1, 3, 32, 48), "u8", (), "uint8"),
    "yolo_two_u8": Golden(yolo_two, L),
    "yolo_two_f32": Golden(yolo_two, L, "f32"),
    "ssd_u8": Golden(ssd, M),
    "ssd_float": Golden(ssd, M, "float"),
    "anchor_free_u8": Golden(anchor_free, M),
    "landmarks_u8": Golden(landmarks, M),
    "landmarks_i8": Golden(landmarks, (1, 3, 24, 40), "i8"),
    "unet_nearest": Golden(unet),
    "unet_linear": Golden(unet, S, "u8", ("linear",)),
    "unet_tconv": Golden(unet, S, "f32", ("tconv",)),
    "unet_float": Golden(unet, S, "float", ("tconv",)),
    "tconv_u8": Golden(tconv),
    "tconv_odd": Golden(tconv, (1, 2, 9, 7), "u8", (3, 2, 0)),
    "tconv_one": Golden(tconv, (1, 2, 9, 7), "u8", (1, 2, 1)),
    "tconv_stride_one": Golden(tconv, (1, 2, 9, 7), "float", (3, 1, 0)),
    "tconv_float": Golden(tconv, (1, 2, 9, 7), "float", (3, 2, 1)),
    "tconv_i8out": Golden(tconv, (1, 3, 8, 8), "i8", (), "int8"),
    "resize_half_pixel": Golden(upsample, (1, 3, 10, 14), "u8", ("half_pixel",)),
    "resize_align": Golden(upsample, (1, 3, 10, 14), "float", ("align_corners",)),
    "resize_down": Golden(upsample, S, "f32", ("asymmetric", "nearest", 0.5)),
    "pools_u8": Golden(pools, (1, 3, 20, 20)),
    "pools_float": Golden(pools, (1, 3, 20, 20), "float"),
    "spp_u8": Golden(spp, M),
    "shuffle_u8": Golden(shuffle),
    "excite_u8": Golden(excite, M),
    "excite_float": Golden(excite, M, "float"),
    "swish_u8": Golden(swish, (1, 3, 19, 23)),
    "strange_u8": Golden(strange_convs, (1, 3, 14, 18)),
    "strange_float": Golden(strange_convs, (1, 3, 14, 18), "float"),
    "uneven_pads_u8": Golden(uneven_pads, (1, 3, 24, 20)),
    "slices_u8": Golden(slices),
    "slices_float": Golden(slices, S, "float"),
    "depth_space_u8": Golden(depth_space),
    "padded_u8": Golden(padded, (1, 3, 11, 13)),
    "padded_reflect": Golden(padded, (1, 3, 11, 13), "float", ("reflect",)),
    "padded_edge": Golden(padded, (1, 3, 11, 13), "u8", ("edge",)),
    "reductions_u8": Golden(reductions),
    "mathematics_u8": Golden(mathematics, (1, 3, 8, 8)),
    "mathematics_float": Golden(mathematics, (1, 3, 8, 8), "float"),
    "mlp_float": Golden(mlp, (1, 13), "float"),
    "mlp_f32": Golden(mlp, (1, 13), "f32"),
    "autoencoder_float": Golden(autoencoder, (1, 20), "float"),
    "two_inputs_float": Golden(two_inputs, (1, 3, 12, 12), "float", (), "float32", ((1, 2, 12, 12),)),
    "attention_float": Golden(attention, S, "float"),
    "attention_u8": Golden(attention, S, "u8"),
    "wide_u8": Golden(wide, (1, 3, 4, 260)),
    "wide_i8": Golden(wide, (1, 1, 3, 131), "i8"),
    "tall_prep": Golden(wide, (1, 3, 66, 10), "prep"),
    "deep_u8": Golden(deep, (1, 3, 12, 10)),
    "deep_f32": Golden(deep, (1, 3, 7, 5), "f32"),
    "argmax_float": Golden(argmax, (1, 3, 8, 8), "float"),
    "roots_float": Golden(unaries, (1, 3, 8, 8), "float", (("Log", "Sin", "Cos", "Sqrt", "Exp"),)),
    "roundings_float": Golden(unaries, (1, 3, 8, 8), "float", (("Floor", "Ceil", "Round", "Sign", "Erf"), "none")),
    "inverses_float": Golden(unaries, (1, 3, 8, 8), "float", (("Acos", "Asin"),)),
    "softplus_u8": Golden(activations, (1, 3, 8, 8), "u8", ("Softplus",)),
    "softplus_float": Golden(activations, (1, 3, 8, 8), "float", ("Softplus",)),
    "softsign_float": Golden(activations, (1, 3, 8, 8), "float", ("Softsign",)),
    "elu_u8": Golden(activations, (1, 3, 8, 8), "u8", ("Elu",)),
    "elu_float": Golden(activations, (1, 3, 8, 8), "float", ("Elu",)),
    "selu_i8": Golden(activations, (1, 3, 8, 8), "i8", ("Selu",)),
    "log_softmax_float": Golden(activations, (1, 3, 8, 8), "float", ("LogSoftmax",)),
    "pow_float": Golden(constants, (1, 3, 8, 8), "float", ("Pow",)),
    "mul_u8": Golden(constants, (1, 3, 8, 8), "u8", ("Mul",)),
    "div_i8": Golden(constants, (1, 3, 8, 8), "i8", ("Div",)),
    "sub_u8out": Golden(constants, (1, 3, 8, 8), "u8", ("Sub", -1.0, 1.0), "uint8"),
    "max_i8out": Golden(constants, (1, 3, 8, 8), "u8", ("Max",), "int8"),
    "hard_swish_u8": Golden(hard_swish),
    "hard_swish_float": Golden(hard_swish, S, "float"),
    "gelu_float": Golden(gelu, (1, 3, 9, 9), "float"),
    "instance_norm_float": Golden(instance_norm, (1, 3, 9, 10), "float"),
    "instance_norm_u8": Golden(instance_norm, (1, 3, 9, 10)),
    "layer_norm_float": Golden(layer_norm, (1, 3, 8, 8), "float"),
    "layer_norm_u8": Golden(layer_norm, (1, 3, 8, 8)),
    "response_norm_float": Golden(response_norm, (1, 3, 8, 8), "float"),
    "response_norm_u8": Golden(response_norm, (1, 3, 8, 8)),
    "unit_length_u8": Golden(unit_length),
    "unit_length_float": Golden(unit_length, S, "float"),
    "gathered_u8": Golden(gathered, (1, 3, 8, 8)),
    "gathered_float": Golden(gathered, (1, 3, 8, 8), "float"),
    "expanded_u8": Golden(expanded, (1, 3, 8, 8)),
    "tiled_u8": Golden(tiled, (1, 3, 8, 8)),
    "tiled_float": Golden(tiled, (1, 3, 8, 8), "float"),
    "chosen_float": Golden(chosen, (1, 3, 8, 8), "float"),
    "best_float": Golden(best, S, "float"),
    "running_sum_float": Golden(running_sum, (1, 3, 8, 8), "float"),
    "lstm_float": Golden(lstm, (1, 3, 8, 8), "float"),
    "squeezed_u8": Golden(squeezed, (1, 3, 8, 8)),
    "pool_max_two": Golden(kpu_pools, (1, 3, 18, 26), "u8", ("MaxPool", 2, 2)),
    "pool_max_four": Golden(kpu_pools, (1, 3, 24, 16), "u8", ("MaxPool", 4, 4)),
    "pool_mean_two": Golden(kpu_pools, (1, 3, 18, 26), "i8", ("AveragePool", 2, 2)),
    "pool_mean_four": Golden(kpu_pools, (1, 3, 24, 16), "u8", ("AveragePool", 4, 4)),
    "pool_max_one": Golden(kpu_pools, (1, 3, 17, 15), "u8", ("MaxPool", 2, 1)),
    "broadcast_float": Golden(broadcast, (1, 3, 7, 9), "float"),
    "broadcast_u8": Golden(broadcast, (1, 3, 7, 9)),
    "multiply_float": Golden(multiply, (1, 3, 8, 8), "float"),
    "multiply_u8": Golden(multiply, (1, 3, 8, 8)),
    "permuted_u8": Golden(permuted, (1, 3, 6, 9)),
    "permuted_i8": Golden(permuted, (1, 4, 6, 9), "i8"),
    "one_by_one_u8": Golden(one_by_one, (1, 3, 5, 70)),
    "strided_u8": Golden(strided, (1, 3, 21, 23)),
    "strided_float": Golden(strided, (1, 3, 21, 23), "float"),
    "yolo_320": Golden(yolo, (1, 3, 240, 320)),
    "equal_float": Golden(compared, (1, 3, 8, 8), "float", ("Equal",)),
    "less_float": Golden(compared, (1, 3, 8, 8), "float", ("Less",)),
    "greater_float": Golden(compared, (1, 3, 8, 8), "float", ("Greater",)),
    "and_float": Golden(compared, (1, 3, 8, 8), "float", ("And",)),
    "equal_u8": Golden(compared, (1, 3, 8, 8), "u8", ("Equal",)),
    "less_u8": Golden(compared, (1, 3, 8, 8), "u8", ("Less",)),
    "greater_u8": Golden(compared, (1, 3, 8, 8), "u8", ("Greater",)),
    "and_u8": Golden(compared, (1, 3, 8, 8), "u8", ("And",)),
    "negated_float": Golden(negated, (1, 3, 8, 8), "float"),
    "negated_u8": Golden(negated, (1, 3, 8, 8)),
    "prod_float": Golden(axis_wise, (1, 3, 8, 8), "float", ("ReduceProd",)),
    "l1_float": Golden(axis_wise, (1, 3, 8, 8), "float", ("ReduceL1",)),
    "l2_float": Golden(axis_wise, (1, 3, 8, 8), "float", ("ReduceL2",)),
    "logsumexp_float": Golden(axis_wise, (1, 3, 8, 8), "float", ("ReduceLogSumExp",)),
    "sumsquare_float": Golden(axis_wise, (1, 3, 8, 8), "float", ("ReduceSumSquare",)),
    "min_float": Golden(axis_wise, (1, 3, 8, 8), "float", ("ReduceMin",)),
    "size_nearest_half_pixel": Golden(to_size, (1, 3, 8, 8), "u8", ("nearest", "half_pixel", "round_prefer_floor")),
    "size_nearest_align_corners": Golden(
        to_size, (1, 3, 8, 8), "float", ("nearest", "align_corners", "round_prefer_floor")
    ),
    "size_nearest_asymmetric": Golden(to_size, (1, 3, 8, 8), "i8", ("nearest", "asymmetric", "floor")),
    "size_linear_half_pixel": Golden(to_size, (1, 3, 8, 8), "u8", ("linear", "half_pixel")),
    "size_linear_asymmetric": Golden(to_size, (1, 3, 8, 8), "float", ("linear", "asymmetric")),
    "size_linear_align_corners": Golden(to_size, (1, 3, 8, 8), "u8", ("linear", "align_corners")),
    "gathered_elements_float": Golden(gathered_elements, (1, 3, 8, 8), "float"),
    "two_ways_float": Golden(two_ways, (1, 3, 8, 8), "float"),
    "reversed_parts_float": Golden(reversed_parts, (1, 3, 8, 8), "float"),
    "to_integer_float": Golden(to_integer, (1, 3, 8, 8), "float"),
    "hard_maximum_float": Golden(hard_maximum, (1, 3, 8, 8), "float"),
    "grouped_float": Golden(grouped, (1, 3, 8, 8), "float"),
    "grouped_i8": Golden(grouped, (1, 3, 8, 8), "i8"),
    "padded_mean_float": Golden(padded_mean, (1, 3, 8, 8), "float"),
    "padded_mean_i8": Golden(padded_mean, (1, 3, 8, 8), "i8"),
    "whole_maximum_float": Golden(whole_maximum, (1, 3, 8, 8), "float"),
    "whole_maximum_i8": Golden(whole_maximum, (1, 3, 8, 8), "i8"),
    "threshold_u8": Golden(threshold, (1, 3, 8, 8), "u8"),
}


def onnx_model(name: str, golden: Golden) -> bytes:
    from onnx import TensorProto, checker, helper, shape_inference

    net = Net(zlib.crc32(name.encode()))
    shapes = (golden.shape, *golden.more)
    names = [f"x{i}" for i in range(len(shapes))]
    for x, shape in zip(names, shapes, strict=True):
        net.channels[x] = shape[1]
    made = golden.build(net, *names, *golden.options)
    outputs = made if isinstance(made, list) else [made]
    graph = helper.make_graph(
        net.nodes,
        name,
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, s) for x, s in zip(names, shapes, strict=True)],
        [helper.make_empty_tensor_value_info(y) for y in outputs],
        net.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    model = shape_inference.infer_shapes(model, strict_mode=True)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def compile_model(name: str, golden: Golden) -> bytes:
    import nncase  # type: ignore[import-not-found,unused-ignore]

    options = nncase.CompileOptions()
    options.target = "k210"
    options.output_type = golden.output
    samples = 8
    random = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    options.input_type = {"u8": "uint8", "prep": "uint8", "i8": "int8"}.get(golden.mode, "float32")
    # Without preprocessing the input is always of float32, whatever input_type says.
    options.preprocess = golden.mode in ("u8", "i8", "prep")
    if options.preprocess:
        options.input_shape = list(golden.shape)
        options.input_range = [-1.0, 1.0] if golden.mode == "i8" else [0.0, 1.0]
        options.mean, options.std = [0.0] * golden.shape[1], [1.0] * golden.shape[1]
        options.input_layout = options.output_layout = "NCHW"
    if golden.mode == "prep":
        n, c, h, w = golden.shape
        options.swapRB = True
        options.input_layout = "NHWC"
        options.input_shape = [n, h + 4, w - 2, c]
        options.mean, options.std = [0.45, 0.46, 0.41], [0.23, 0.22, 0.24]
        options.letterbox_value = 0.25
    compiler = nncase.Compiler(options)
    compiler.import_onnx(onnx_model(name, golden), nncase.ImportOptions())
    if golden.mode != "float":
        ptq = nncase.PTQTensorOptions()
        ptq.samples_count = samples
        if options.preprocess:
            low, high = (-128, 128) if golden.mode == "i8" else (0, 256)
            data = random.integers(low, high, (samples, *options.input_shape)).astype(options.input_type)
        else:
            data = random.uniform(-1, 1, (samples, *golden.shape)).astype(np.float32)
        ptq.set_tensor_data(data.tobytes())
        compiler.use_ptq(ptq)
    compiler.compile()
    return bytes(compiler.gencode_tobytes())


def main(name: str, directory: Path) -> None:
    import nncase

    golden = GOLDENS[name]
    model = compile_model(name, golden)
    simulator = nncase.Simulator()
    simulator.load_model(model)
    inputs, outputs = [], []
    for i in range(simulator.inputs_size):
        like = simulator.get_input_tensor(i).to_numpy()
        tensor = Tensor(str(like.dtype), list(like.shape), zlib.crc32(f"{name} {i}".encode()))
        inputs.append(tensor)
        simulator.set_input_tensor(i, nncase.RuntimeTensor.from_numpy(values(tensor)))
    simulator.run()
    (directory / f"{name}.kmodel").write_bytes(model)
    for i in range(simulator.outputs_size):
        out = simulator.get_output_tensor(i).to_numpy()
        outputs.append(Tensor(str(out.dtype), list(out.shape), 0))
        (directory / f"{name}.y{i}.bin").write_bytes(out.tobytes())
    text = {"inputs": [vars(t) for t in inputs], "outputs": [vars(t) for t in outputs]}
    (directory / f"{name}.json").write_text(json.dumps(text))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
