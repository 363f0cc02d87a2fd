"""Small valid V5 models, one for each operation, call and KPU function: the first generation of the fuzzer's corpus."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from . import builder_v5 as v5
from .builder import random_kpu
from .builder_v5 import DATA, INPUT, OUTPUT, RDATA, At, Function, Module, Pads, Param, Reg, build, op

F32, U8, I8, I32, I64 = 9, 4, 0, 2, 3
S, T = Reg((1, 2, 4, 4)), Reg((32, 16, 4, 1))
X, C, OUT = At(INPUT), At(RDATA, 64), At(OUTPUT)
UNCLAMPED = struct.pack("<2f", -1e30, 1e30)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def operations() -> dict[str, bytes]:
    """Code of one operation each on an f32 input of 1x2x4x4; constants are small integers."""
    same = [F32, S, T, T]
    row = (Reg((32,)), Reg((1,)))
    pair = [*row, *row]
    return {
        "unary": op("UNARY", [X, OUT], [*same, 8]),
        "binary": op("BINARY", [X, C, OUT], [F32, S, T, Reg((2, 1, 1)), Reg((1, 0, 0)), S, T, 3, UNCLAMPED]),
        "integers": op("BINARY", [At(RDATA), At(RDATA), OUT], [I32, *pair, *row, 2, UNCLAMPED]),
        "compare": op("COMPARE", [X, C, OUT], [F32, *pair, *row, 2]),
        "ternary": op("TERNARY", [X, C, X, OUT], [F32, *pair, *row, Reg((1,))]),
        "quantize": op("QUANTIZE", [X, At(DATA), 3.0, 4.0], [F32, U8, S, T, T])
        + op("LUT1D", [At(DATA), At(RDATA), At(DATA), 0, 255], [U8, S, T, T, struct.pack("<H", 256)])
        + op("DEQUANTIZE", [At(DATA), OUT, 0.5, -1.0], [U8, F32, S, T, T]),
        "conv2d": op(
            "CONV2D",
            [X, C, C, OUT, (1, 1, 0), (1, 1, 0)],
            [
                F32,
                S,
                T,
                Reg((2, 1, 3, 3)),
                Reg((9, 9, 3, 1)),
                Reg((1,)),
                T,
                struct.pack("<5H", 2, 1, 1, 1, 1),
                UNCLAMPED,
            ],
        ),
        "window": op(
            "REDUCE_WINDOW2D",
            [X, 0.0, OUT, (0, 1, 0), (1, 0, 0)],
            [F32, 0, S, T, T, struct.pack("<6H", 2, 2, 1, 1, 1, 1), UNCLAMPED],
        ),
        "reduce": op("REDUCE", [X, OUT, 0.0], [F32, S, T, Reg((4, 1)), 2, Reg((0, 2)), 0]),
        "product": op("REDUCE_PROD", [X, OUT], [F32, S, T, Reg((2, 1, 1, 1)), Reg((2, 3)), 1]),
        "arg": op("REDUCE_ARG", [X, OUT], [F32, S, T, I32, Reg((16, 4, 1)), 1, Reg((1,)), 0, 0]),
        "transpose": op("TRANSPOSE", [X, OUT], [*same, Reg((0, 1, 3, 2))]),
        "copy": op("COPY", [X, OUT], same),
        "broadcast": op("BROADCAST", [X, OUT], [F32, Reg((2, 1)), Reg((4, 1)), Reg((2, 16)), Reg((16, 1))]),
        "slice": op(
            "SLICE", [X, OUT], [*same[:3], Reg((4, 4, 2, 1)), Reg((0, 0, 3, 0)), Reg((1, 2, 0, 4)), Reg((1, 1, -2, 3))]
        ),
        "pad": op("PAD", [X, OUT, 2.0], [*same, Pads([(0, 0, 0), (0, 0, 0), (1, -1, 0), (-3, 0, 1)]), 0]),
        "mirror": op("PAD", [X, OUT, 2.0], [*same, Pads([(0, 0, 0), (0, 0, 0), (1, -1, 0), (-2, 2, 0)]), 1]),
        "resize": op("RESIZE_IMAGE", [4, 4, X, OUT], [F32, Reg((1, 2, 2, 3)), Reg((6, 6, 3, 1)), T, 0, 1, 0]),
        "nearest": op("RESIZE_IMAGE", [2, 8, X, OUT], [U8, S, T, Reg((32, 16, 8, 1)), 1, 0, 1]),
        "sigmoid": op("SIGMOID", [X, OUT], same),
        "softmax": op("SOFTMAX", [X, OUT], [*same, words(1) + struct.pack("<f", 1)]),
        "matmul": op(
            "MATMUL",
            [X, C, C, OUT],
            [Reg((2, 4, 4)), Reg((16, 4, 1)), Reg((4, 4)), Reg((4, 1)), Reg((2, 4, 4)), T, UNCLAMPED],
        ),
        "gather": op(
            "GATHER", [X, OUT, At(RDATA, 4)], [F32, Reg((8, 4)), Reg((3, 4)), Reg((4, 1)), Reg((4, 1)), Reg((3,)), 0]
        ),
        "gather_nd": op(
            "GATHER_ND", [X, OUT, At(RDATA)], [F32, Reg((8, 4)), Reg((2,)), Reg((4, 1)), Reg((1,)), Reg((2, 2)), 0]
        ),
        "elements": op("GATHER_ELEMENTS", [X, At(RDATA, 1024), OUT], [Reg((32,)), Reg((1,)), words(0)]),
        "onehot": op("ONEHOT", [At(RDATA), C, C, C, OUT], [F32, Reg((4,)), Reg((4, 8)), Reg((8, 1)), 1, 0]),
        "hardmax": op("HARDMAX", [X, OUT], [F32, S, T, words(-1)]),
        "topk": op(
            "TOPK",
            [X, OUT, At(DATA)],
            [F32, S, T, *[Reg((1, 2, 4, 2)), Reg((16, 8, 2, 1))] * 2, struct.pack("<qi", 2, 3), 1, 1],
        ),
        "trilu": op("TRILU", [X, OUT], [F32, S, 1, struct.pack("<q", 1)]),
        "cumsum": op("CUMSUM", [X, OUT], [F32, S, words(2), 0, 1]),
        "to_batch": op(
            "SPACE_TO_BATCH",
            [X, OUT],
            [F32, Reg((1, 2, 6)), Reg((12, 6, 1)), Reg((6, 3, 1)), Reg((2, 2)), Pads([(1, 1, 0), (0, 0, 0)])],
        ),
        "to_space": op(
            "BATCH_TO_SPACE",
            [X, OUT],
            [F32, Reg((4, 2, 4)), Reg((8, 4, 1)), Reg((24, 8, 1)), Reg((2, 2)), Pads([(1, 0, 0), (0, 0, 0)])],
        ),
        "normalize": op("LAYER_NORMALIZATION", [X, C, C, OUT], [F32, S, words(2) + struct.pack("<f", 1e-3)]),
        "convert": op("CONVERT", [X, At(DATA)], [F32, 11, S, T, T])
        + op("CONVERT", [At(DATA), OUT], [11, F32, S, T, T]),
    }


def k210_module(rng: np.random.Generator) -> Module:
    rdata = bytearray()
    first = random_kpu(rng, 12, 8, 2, 4, kernel=3, pool=1, src=0, dst=100)
    second = random_kpu(rng, 6, 4, 4, 4, kernel=3, depthwise=True, src=100, dst=200)
    code = v5.upload(0, 0, (1, 2, 8, 12)) + v5.conv(first, rdata) + v5.conv(second, rdata)
    code += v5.download(200, 0, (1, 4, 4, 6), DATA)
    code += v5.copy((DATA, 1), (OUTPUT, 0), (1, 4, 4, 3), ((96, 24, 6, 2), (48, 12, 3, 1)))
    function = Function([Param(U8, (1, 2, 8, 12))], [Param(U8, (1, 4, 4, 3))], code)
    return Module("k210", [function], bytes(rdata), 96)


def calling(rng: np.random.Generator) -> bytes:
    code = v5.stshape(0, (1, 2, 8, 12)) + v5.stshape(1, (192, 96, 12, 1)) + v5.stshape(2, (1, 4, 4, 3))
    code += v5.stshape(3, (48, 12, 3, 1))
    for location, shape in ((INPUT, 0), (OUTPUT, 2)):
        code += v5.lea(location, 0) + v5.ldc(U8) + v5.ldc(shape) + v5.ldc(shape + 1)
    code += op("CALL", [], [struct.pack("<IHBB", 0, 1, 1, 1)])
    function = Function([Param(U8, (1, 2, 8, 12))], [Param(U8, (1, 4, 4, 3))], code)
    return build([Module("stackvm", [function]), k210_module(rng)])


def sample_models() -> dict[str, bytes]:
    rng = np.random.default_rng(7)
    constants: Any = np.arange(256, dtype=np.int32) % 4
    constants[16:200].view(np.float32)[:] = rng.standard_normal(184)
    out: dict[str, bytes] = {}
    for name, code in operations().items():
        function = Function([Param(F32, (1, 2, 4, 4))], [Param(F32, (1, 2, 4, 4))], code)
        out[name] = build([Module("stackvm", [function], constants.tobytes() + bytes(8), 256)])
    out["call"] = calling(rng)
    out["k210"] = build([k210_module(rng)])
    return out
