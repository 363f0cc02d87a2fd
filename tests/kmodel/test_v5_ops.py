"""Every operation of V5 against numpy, in models of one operation."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from .builder_v5 import DATA, INPUT, OUTPUT, RDATA, At, Pads, Param, Reg, dense, model, op
from .conftest import Runtime

Array = np.ndarray[Any, Any]
F32, U8, I8, I32, I64 = 9, 4, 0, 2, 3
NUMPY = {F32: np.float32, U8: np.uint8, I8: np.int8, I32: np.int32, I64: np.int64}
INF = float("inf")


def f32(value: float) -> bytes:
    return struct.pack("<f", value)


def i32(value: int) -> bytes:
    return struct.pack("<i", value)


def i64(value: int) -> bytes:
    return struct.pack("<q", value)


def dims(shape: Sequence[int]) -> tuple[Reg, Reg]:
    """Shape and dense strides."""
    return Reg(shape), Reg(dense(shape))


def starts(inputs: Sequence[Array]) -> list[At]:
    """Addresses of the inputs: each begins at a multiple of 8."""
    out, at = [], 0
    for a in inputs:
        out.append(At(INPUT, at))
        at += -(-a.nbytes // 8) * 8
    return out


def run(
    runtime: Runtime, inputs: Sequence[Array], outputs: Sequence[tuple[int, Sequence[int]]], code: bytes
) -> list[Array]:
    data, feed = model(inputs, [Param(kind, shape) for kind, shape in outputs], code)
    answer = runtime.job(data, feed)
    return [
        np.frombuffer(o.data, NUMPY[kind]).reshape(shape)
        for o, (kind, shape) in zip(answer.outputs, outputs, strict=True)
    ]


def one(runtime: Runtime, inputs: Sequence[Array], kind: int, shape: Sequence[int], code: bytes) -> Array:
    return run(runtime, inputs, [(kind, shape)], code)[0]


def floats(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


UNARY: list[Callable[[Array], Array]] = [
    *(np.abs, np.arccos, np.arcsin, np.ceil, np.cos, np.exp, np.floor, np.log, np.negative, np.rint),
    *(lambda x: 1 / np.sqrt(x), np.sign, np.sin, np.sqrt, np.square, np.tanh),
]


@pytest.mark.parametrize("number", range(16))
def test_unary(runtime: Runtime, rng: np.random.Generator, number: int) -> None:
    x = rng.uniform(0.01, 0.99, (2, 3, 5)).astype(np.float32)
    if number in (0, 3, 6, 8, 9, 11):
        x = x * 6 - 3
        x.flat[:4] = 0, 0.5, 1.5, -2.5
    got = one(
        runtime,
        [x],
        F32,
        x.shape,
        op("UNARY", [At(INPUT), At(OUTPUT)], [F32, *dims(x.shape), Reg(dense(x.shape)), number]),
    )
    np.testing.assert_allclose(got, UNARY[number](x), rtol=2e-6)


def test_erf(runtime: Runtime) -> None:
    x = np.array([0, 0.5, -1, 2], np.float32)
    got = one(runtime, [x], F32, (4,), op("UNARY", [At(INPUT), At(OUTPUT)], [F32, *dims((4,)), Reg((1,)), 18]))
    np.testing.assert_allclose(got, [0, 0.5204999, -0.8427008, 0.9953223], rtol=1e-6)


def test_logical_not(runtime: Runtime) -> None:
    x = np.array([0, 0.5, -1, 1, -0.0, np.nan], np.float32)
    got = one(runtime, [x], F32, (6,), op("UNARY", [At(INPUT), At(OUTPUT)], [F32, *dims((6,)), Reg((1,)), 17]))
    np.testing.assert_array_equal(got, [1, 0, 0, 0, 1, 0])


BINARY: list[Callable[[Array, Array], Array]] = [
    *(np.add, np.subtract, np.multiply, np.divide, np.minimum, np.maximum, lambda a, b: np.power(np.abs(a), b)),
]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("shapes", [((2, 3, 4), (2, 3, 4)), ((2, 1, 4), (3, 1)), ((), (2, 3)), ((1,), (1, 2, 2))])
def test_binary(runtime: Runtime, rng: np.random.Generator, number: int, shapes: Sequence[tuple[int, ...]]) -> None:
    a, b = floats(rng, *shapes[0]), floats(rng, *shapes[1])
    a = np.abs(a) if number == 6 else a
    shape = np.broadcast_shapes(*shapes)
    fields = [F32, *dims(a.shape), *dims(b.shape), *dims(shape), number, f32(-0.5), f32(2)]
    got = one(runtime, [a, b], F32, shape, op("BINARY", [*starts([a, b]), At(OUTPUT)], fields))
    np.testing.assert_allclose(got, np.clip(BINARY[number](a, b), -0.5, 2), rtol=2e-6)


@pytest.mark.parametrize("kind", [I32, I64])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, [9, -3, 2, 100]),
        (1, [5, -11, -2, 100]),
        (2, [14, -28, 0, 0]),
        (3, [3, -1, 0, -1]),  # division by 0 gives -1; the others truncate
        (4, [2, -7, 0, 0]),
        (5, [7, 4, 2, 100]),
        (6, [49, 2401, 0, 1]),
        (12, [1, 1, 0, 0]),
    ],
)
def test_binary_integer(runtime: Runtime, kind: int, number: int, expected: list[int]) -> None:
    a, b = np.array([7, -7, 0, 100], NUMPY[kind]), np.array([2, 4, 2, 0], NUMPY[kind])
    fields = [kind, *dims((4,)), *dims((4,)), *dims((4,)), number, f32(-INF), f32(INF)]
    got = one(runtime, [a, b], kind, (4,), op("BINARY", [*starts([a, b]), At(OUTPUT)], fields))
    assert got.tolist() == expected


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", [U8, F32, I32, I64])
def test_compare(runtime: Runtime, number: int, kind: int) -> None:
    a, b = np.array([[1, 2, 3]], NUMPY[kind]), np.array([[1], [2], [3]], NUMPY[kind])
    compare = (np.equal, np.not_equal, np.greater, np.greater_equal, np.less, np.less_equal)[number]
    fields = [kind, *dims((1, 3)), *dims((3, 1)), *dims((3, 3)), number]
    got = one(runtime, [a, b], U8, (3, 3), op("COMPARE", [*starts([a, b]), At(OUTPUT)], fields))
    assert np.array_equal(got, compare(a, b))


def test_ternary(runtime: Runtime, rng: np.random.Generator) -> None:
    a, b, c = np.array([0, 1, -2, 0], np.float32), floats(rng, 3, 4), floats(rng, 3, 1)
    fields = [F32, *dims(a.shape), *dims(b.shape), *dims(c.shape), Reg((4, 1))]
    got = one(runtime, [a, b, c], F32, (3, 4), op("TERNARY", [*starts([a, b, c]), At(OUTPUT)], fields))
    assert np.array_equal(got, np.where(a != 0, b, c))


@pytest.mark.parametrize("kind", [U8, I8])
def test_quantize_and_back(runtime: Runtime, rng: np.random.Generator, kind: int) -> None:
    x = np.concatenate([floats(rng, 20) * 100, np.array([0.5, 1.5, -0.5, 1e9, -1e9], np.float32)])
    info = np.iinfo("u1" if kind == U8 else "i1")
    args: list[Any] = [At(INPUT), At(OUTPUT), 1.0, 3.0]
    fields = [F32, kind, *dims(x.shape), Reg((1,))]
    got = one(runtime, [x], kind, x.shape, op("QUANTIZE", args, fields))
    assert np.array_equal(got, np.clip(np.rint(x + np.float32(3)), info.min, info.max).astype(NUMPY[kind]))
    args[2:] = 0.125, -1.5
    back = one(runtime, [got], F32, x.shape, op("DEQUANTIZE", args, [kind, F32, *dims(x.shape), Reg((1,))]))
    assert np.array_equal(back, got * np.float32(0.125) + np.float32(-1.5))


def test_lut1d(runtime: Runtime, rng: np.random.Generator) -> None:
    x, table = rng.integers(0, 256, (3, 7), np.uint8), rng.integers(0, 256, 256, np.uint8)
    fields = [U8, *dims(x.shape), Reg((7, 1)), struct.pack("<H", 256)]
    got = one(runtime, [x, table], U8, x.shape, op("LUT1D", [*starts([x, table]), At(OUTPUT), 0.0, 255.0], fields))
    assert np.array_equal(got, table[x])


@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d(runtime: Runtime, rng: np.random.Generator, groups: int) -> None:
    x, w, b = floats(rng, 2, 4, 7, 6), floats(rng, 6, 4 // groups, 3, 2), floats(rng, 6)
    sh, sw, dh, dw = 2, 1, 1, 2
    (top, bottom), (left, right) = (1, 2), (0, 1)
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    oh, ow = (7 + 3 - 3) // sh + 1, 6 + 1 - 3 + 1
    expected: Array = np.zeros((2, 6, oh, ow), np.float32)
    for o in range(6):
        first = o // (6 // groups) * (4 // groups)
        for i in range(4 // groups):
            for ky in range(3):
                for kx in range(2):
                    part = padded[:, first + i, ky * dh :, kx * dw :][:, : oh * sh : sh, : ow * sw : sw]
                    expected[:, o] += w[o, i, ky, kx] * part[:, :oh, :ow]
    expected = np.clip(expected + b[:, None, None], -2, 3)
    numbers = struct.pack("<5H", groups, sh, sw, dh, dw) + f32(-2) + f32(3)
    fields = [F32, *dims(x.shape), *dims(w.shape), Reg((1,)), Reg(dense(expected.shape)), numbers]
    args = [*starts([x, w, b]), At(OUTPUT), (top, bottom, 0), (left, right, 0)]
    got = one(runtime, [x, w, b], F32, expected.shape, op("CONV2D", args, fields))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("number", range(4))
def test_reduce_window2d(runtime: Runtime, rng: np.random.Generator, number: int) -> None:
    x = floats(rng, 1, 2, 5, 6)
    reduce = (np.nanmean, np.nanmin, np.nanmax, np.nansum)[number]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 1)), constant_values=np.nan)
    expected = np.empty((1, 2, 3, 3), np.float32)
    for y in range(3):
        for z in range(3):
            expected[:, :, y, z] = reduce(padded[:, :, 2 * y : 2 * y + 3, 2 * z : 2 * z + 2], axis=(2, 3))
    init = (0.0, 1e30, -1e30, 0.0)[number]
    numbers = struct.pack("<6H", 3, 2, 2, 2, 1, 1) + f32(-INF) + f32(INF)
    fields = [F32, number, *dims(x.shape), Reg(dense(expected.shape)), numbers]
    got = one(
        runtime,
        [x],
        F32,
        expected.shape,
        op("REDUCE_WINDOW2D", [At(INPUT), init, At(OUTPUT), (1, 1, 0), (0, 1, 0)], fields),
    )
    np.testing.assert_allclose(got, expected, rtol=1e-6)


REDUCE = [((1,), 0), ((0, 2), 1), ((2, 1, 0), 0), ((), 0)]


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(("axes", "keep"), REDUCE)
@pytest.mark.parametrize("kind", [F32, I32, I64])
def test_reduce(
    runtime: Runtime, rng: np.random.Generator, number: int, axes: tuple[int, ...], keep: int, kind: int
) -> None:
    x = floats(rng, 2, 3, 4) if kind == F32 else rng.integers(-50, 50, (2, 3, 4)).astype(NUMPY[kind])
    reduce = (np.mean, np.min, np.max, np.sum)[number]
    expected = reduce(x, axis=axes, keepdims=bool(keep)) if axes else x
    if number == 0 and kind != F32:
        expected = np.trunc(expected)
    shape = np.shape(expected)
    # The start value of a minimum or maximum counts for nothing since 1.6.
    init: float | int = 0.0 if kind == F32 else 0
    fields = [kind, *dims(x.shape), Reg(dense(shape)), number, Reg(axes), keep]
    got = one(runtime, [x], kind, shape, op("REDUCE", [At(INPUT), At(OUTPUT), init], fields))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [F32, I32])
def test_reduce_prod(runtime: Runtime, rng: np.random.Generator, kind: int) -> None:
    x = rng.integers(1, 5, (3, 4)).astype(NUMPY[kind])
    fields = [kind, *dims(x.shape), Reg((1,)), Reg((1,)), 0]
    got = one(runtime, [x], kind, (3,), op("REDUCE_PROD", [At(INPUT), At(OUTPUT)], fields))
    assert np.array_equal(got, x.prod(1))


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("kind", [I32, I64])
def test_reduce_arg(runtime: Runtime, largest: int, last: int, kind: int) -> None:
    x = np.array([[3, 1, 4, 1, 5, 5], [2, 7, 2, 7, 2, 7]], np.float32)
    expected = {(0, 0): [1, 0], (0, 1): [3, 4], (1, 0): [4, 1], (1, 1): [5, 5]}[largest, last]
    fields = [F32, *dims(x.shape), kind, Reg((1,)), largest, Reg((1,)), 0, last]
    got = one(runtime, [x], kind, (2,), op("REDUCE_ARG", [At(INPUT), At(OUTPUT)], fields))
    assert got.tolist() == expected


@pytest.mark.parametrize("kind", [U8, F32, I64])
@pytest.mark.parametrize("perm", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_transpose(runtime: Runtime, rng: np.random.Generator, kind: int, perm: tuple[int, ...]) -> None:
    x = rng.integers(0, 100, (2, 3, 4, 5)).astype(NUMPY[kind])
    expected = x.transpose(perm)
    fields = [kind, *dims(x.shape), Reg(dense(expected.shape)), Reg(perm)]
    assert np.array_equal(
        one(runtime, [x], kind, expected.shape, op("TRANSPOSE", [At(INPUT), At(OUTPUT)], fields)), expected
    )


def test_copy_into_a_slice(runtime: Runtime, rng: np.random.Generator) -> None:
    """Concatenation: two copies with the strides of the whole."""
    a, b = floats(rng, 2, 3), floats(rng, 2, 4)
    at = starts([a, b])
    code = op("COPY", [at[0], At(OUTPUT, 0)], [F32, *dims((2, 3)), Reg((7, 1))])
    code += op("COPY", [at[1], At(OUTPUT, 12)], [F32, *dims((2, 4)), Reg((7, 1))])
    assert np.array_equal(one(runtime, [a, b], F32, (2, 7), code), np.concatenate([a, b], 1))


def test_broadcast(runtime: Runtime, rng: np.random.Generator) -> None:
    x = floats(rng, 3, 1)
    fields = [F32, *dims(x.shape), *dims((2, 3, 4))]
    got = one(runtime, [x], F32, (2, 3, 4), op("BROADCAST", [At(INPUT), At(OUTPUT)], fields))
    assert np.array_equal(got, np.broadcast_to(x, (2, 3, 4)))


@pytest.mark.parametrize(
    ("begin", "end", "step", "expected"),
    [
        ((0, 1), (3, 5), (1, 1), np.s_[0:3, 1:5]),
        ((1, 0), (100, 2**31 - 1), (1, 2), np.s_[1:, ::2]),
        ((3, 5), (0, -1), (-1, -2), np.s_[3:0:-1, 5::-2]),
        ((3, 0), (-(2**31), 6), (-1, 1), np.s_[3::-1, :]),
    ],
)
def test_slice(runtime: Runtime, rng: np.random.Generator, begin: Any, end: Any, step: Any, expected: Any) -> None:
    x = floats(rng, 4, 6)
    want = x[expected]
    fields = [F32, *dims(x.shape), Reg(dense(want.shape)), Reg(begin), Reg(end), Reg(step)]
    assert np.array_equal(one(runtime, [x], F32, want.shape, op("SLICE", [At(INPUT), At(OUTPUT)], fields)), want)


@pytest.mark.parametrize(("mode", "name"), enumerate(["constant", "reflect", "symmetric", "edge"]))
@pytest.mark.parametrize("kind", [U8, F32, I8])
def test_pad(runtime: Runtime, rng: np.random.Generator, mode: int, name: Any, kind: int) -> None:
    x = rng.integers(0, 100, (2, 4, 5)).astype(NUMPY[kind])
    pads = ((0, 1), (2, 3), (3, 0))
    options: dict[str, Any] = {"constant_values": 7} if mode == 0 else {}
    want = np.pad(x, pads, name, **options)
    value: float | int = 7.0 if kind == F32 else 7
    fields = [kind, *dims(x.shape), Reg(dense(want.shape)), Pads([(*p, 0) for p in pads]), mode]
    got = one(runtime, [x], kind, want.shape, op("PAD", [At(INPUT), At(OUTPUT), value], fields))
    assert np.array_equal(got, want)


@pytest.mark.parametrize(
    "pads", [((0, 0, 1), (0, 0, 2)), ((-1, 2, 1), (3, -2, 2)), ((-3, -1, 1), (1, 1, 0)), ((2, -7, 1), (0, 0, 0))]
)
def test_pad_with_gaps(runtime: Runtime, rng: np.random.Generator, pads: Any) -> None:
    x = floats(rng, 4, 5)
    wide = np.full([(n - 1) * (p[2] + 1) + 1 for n, p in zip(x.shape, pads, strict=True)], np.float32(-1.5))
    wide[:: pads[0][2] + 1, :: pads[1][2] + 1] = x
    want = np.pad(wide, [(max(0, p[0]), max(0, p[1])) for p in pads], constant_values=-1.5)
    for axis, p in enumerate(pads):
        want = np.take(want, range(max(0, -p[0]), want.shape[axis] - max(0, -p[1])), axis)
    fields = [F32, *dims(x.shape), Reg(dense(want.shape)), Pads(pads), 0]
    got = one(runtime, [x], F32, want.shape, op("PAD", [At(INPUT), At(OUTPUT), -1.5], fields))
    assert np.array_equal(got, want)


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("nearest", [0, 1])
@pytest.mark.parametrize("kind", [F32, U8])
def test_resize(runtime: Runtime, rng: np.random.Generator, half: int, corners: int, nearest: int, kind: int) -> None:
    x = rng.integers(0, 256, (1, 2, 3, 5)).astype(NUMPY[kind])
    oh, ow = 7, 4
    one_f = np.float32(1)

    def axis(n: int, out: int) -> list[tuple[int, int, np.float32]]:
        scale = np.float32(n - 1) / np.float32(out - 1) if corners else np.float32(n) / np.float32(out)
        result = []
        for o in range(out):
            if nearest:
                v = (np.float32(o) + np.float32(0.5 * half)) * scale
                i = int(np.floor(v + np.float32(0.5)) if corners else np.floor(v))
                i = max(0, min(i, n - 1))
                result.append((i, i, np.float32(0)))
            else:
                v = (np.float32(o) + np.float32(0.5)) * scale - np.float32(0.5) if half else np.float32(o) * scale
                i0, i1 = max(int(np.floor(v)), 0), min(int(np.ceil(v)), n - 1)
                result.append((i0, i1, v - np.float32(i0)))
        return result

    want = np.empty((1, 2, oh, ow), np.float32)
    for y, (y0, y1, fy) in enumerate(axis(3, oh)):
        for z, (x0, x1, fx) in enumerate(axis(5, ow)):
            p = x.astype(np.float32)
            # At the far border i0 may lie behind i1.
            y0, x0 = min(y0, 2), min(x0, 4)
            value = p[..., y0, x0] * (one_f - fy) * (one_f - fx) + p[..., y0, x1] * (one_f - fy) * fx
            want[..., y, z] = value + p[..., y1, x0] * fy * (one_f - fx) + p[..., y1, x1] * fy * fx
    if kind == U8 and not nearest:
        want = np.trunc(want + np.float32(0.5))
    fields = [kind, *dims(x.shape), Reg(dense(want.shape)), corners, half, nearest]
    got = one(runtime, [x], kind, want.shape, op("RESIZE_IMAGE", [oh, ow, At(INPUT), At(OUTPUT)], fields))
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=1e-5, atol=1 if kind == U8 and not nearest else 1e-5)


def test_sigmoid(runtime: Runtime, rng: np.random.Generator) -> None:
    x = floats(rng, 3, 4) * 5
    got = one(runtime, [x], F32, x.shape, op("SIGMOID", [At(INPUT), At(OUTPUT)], [F32, *dims(x.shape), Reg((4, 1))]))
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-x)), rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(runtime: Runtime, rng: np.random.Generator, axis: int) -> None:
    x = floats(rng, 2, 3, 4) * 5
    e = np.exp((x - x.max(axis, keepdims=True)) * 0.5)
    fields = [F32, *dims(x.shape), Reg(dense(x.shape)), i32(axis), f32(0.5)]
    got = one(runtime, [x], F32, x.shape, op("SOFTMAX", [At(INPUT), At(OUTPUT)], fields))
    np.testing.assert_allclose(got, e / e.sum(axis, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((2, 3, 4), (4, 2)), ((3, 4), (2, 4, 2)), ((2, 3, 4), (2, 4, 2))])
def test_matmul(runtime: Runtime, rng: np.random.Generator, shapes: Any) -> None:
    a, b, bias = floats(rng, *shapes[0]), floats(rng, *shapes[1]), floats(rng, 2)
    want = np.clip(a @ b + bias, -1, 2)
    fields = [*dims(a.shape), *dims(b.shape), *dims(want.shape), f32(-1), f32(2)]
    got = one(runtime, [a, b, bias], F32, want.shape, op("MATMUL", [*starts([a, b, bias]), At(OUTPUT)], fields))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("index", [np.array(2), np.array([1, 0, 1]), np.array([[0, 1], [1, 2]])])
def test_gather(runtime: Runtime, rng: np.random.Generator, axis: int, index: Array) -> None:
    x, index = floats(rng, 3, 4, 5), index.astype(np.int32)
    want = np.take(x, index, axis)
    at = starts([x, index])
    fields = [F32, Reg(x.shape), Reg(want.shape), Reg(dense(x.shape)), Reg(dense(want.shape)), Reg(index.shape), axis]
    got = one(runtime, [x, index], F32, want.shape, op("GATHER", [at[0], At(OUTPUT), at[1]], fields))
    assert np.array_equal(got, want)


@pytest.mark.parametrize("batch", [0, 1])
def test_gather_nd(runtime: Runtime, rng: np.random.Generator, batch: int) -> None:
    x = floats(rng, 2, 3, 4)
    index = np.array([[[1, 2], [0, 0], [1, 1]], [[0, 2], [1, 0], [1, 2]]], np.int32)
    want = np.stack([np.stack([x[b][i, j] if batch else x[i, j] for i, j in index[b]]) for b in range(2)])
    at = starts([x, index])
    fields = [F32, Reg(x.shape), Reg(want.shape), Reg(dense(x.shape)), Reg(dense(want.shape)), Reg(index.shape), batch]
    got = one(runtime, [x, index], F32, want.shape, op("GATHER_ND", [at[0], At(OUTPUT), at[1]], fields))
    assert np.array_equal(got, want)


@pytest.mark.parametrize("axis", [0, 1])
def test_gather_elements(runtime: Runtime, rng: np.random.Generator, axis: int) -> None:
    x, index = floats(rng, 4, 4), rng.integers(-4, 4, (4, 4))
    fields = [Reg(x.shape), Reg(index.shape), i32(axis)]
    got = one(runtime, [x, index], F32, (4, 4), op("GATHER_ELEMENTS", [*starts([x, index]), At(OUTPUT)], fields))
    assert np.array_equal(got, np.take_along_axis(x, index, axis))


@pytest.mark.parametrize(("mode", "hit"), [(0, []), (1, [3])])
def test_onehot(runtime: Runtime, mode: int, hit: list[int]) -> None:
    index = np.array([0, 2, -1, 9], np.int32)
    rest = [np.array(4, np.int32), np.array(5, np.float32), np.array(-1, np.float32)]
    inputs = [index, *rest]
    want = np.full((4, 4), -1, np.float32)
    want[0, 0] = want[1, 2] = 5
    want[2, hit] = 5
    fields = [F32, Reg((4,)), *dims((4, 4)), 1, mode]
    got = one(runtime, inputs, F32, (4, 4), op("ONEHOT", [*starts(inputs), At(OUTPUT)], fields))
    assert np.array_equal(got, want)


def test_hardmax(runtime: Runtime) -> None:
    x = np.array([[1, 5, 5], [7, 2, 3]], np.float32)
    got = one(runtime, [x], F32, (2, 3), op("HARDMAX", [At(INPUT), At(OUTPUT)], [F32, *dims((2, 3)), i32(-1)]))
    assert got.tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("largest", [0, 1])
def test_topk(runtime: Runtime, largest: int) -> None:
    x = np.array([[3, 1, 4, 1, 5], [2, 2, 2, 9, 0]], np.float32)
    order = np.argsort(-x if largest else x, 1, kind="stable")[:, :3]
    fields = [F32, *dims(x.shape), *dims((2, 3)), *dims((2, 3)), i64(3), i32(1), largest, 1]
    values, indices = run(
        runtime, [x], [(F32, (2, 3)), (I64, (2, 3))], op("TOPK", [At(INPUT), At(OUTPUT), At(OUTPUT, 24)], fields)
    )
    assert np.array_equal(indices, order)
    assert np.array_equal(values, np.take_along_axis(x, order, 1))


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [-2, 0, 1, 2**40, -(2**40)])
def test_trilu(runtime: Runtime, rng: np.random.Generator, upper: int, k: int) -> None:
    x = floats(rng, 2, 3, 4)
    near = max(-10, min(10, k))
    got = one(runtime, [x], F32, x.shape, op("TRILU", [At(INPUT), At(OUTPUT)], [F32, Reg(x.shape), upper, i64(k)]))
    assert np.array_equal(got, (np.triu if upper else np.tril)(x, near))


@pytest.mark.parametrize("kind", [F32, I32])
@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_cumsum(runtime: Runtime, rng: np.random.Generator, kind: int, exclusive: int, reverse: int) -> None:
    x = rng.integers(-9, 9, (2, 4, 3)).astype(NUMPY[kind])
    y = x[:, ::-1] if reverse else x
    want = np.cumsum(y, 1) - (y if exclusive else 0)
    want = want[:, ::-1] if reverse else want
    fields = [kind, Reg(x.shape), i32(1), exclusive, reverse]
    assert np.array_equal(one(runtime, [x], kind, x.shape, op("CUMSUM", [At(INPUT), At(OUTPUT)], fields)), want)


def test_space_to_batch_and_back(runtime: Runtime, rng: np.random.Generator) -> None:
    x = floats(rng, 1, 3, 6, 2)
    padded = np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)))
    batch = padded.reshape(1, 2, 2, 4, 2, 2).transpose(2, 4, 0, 1, 3, 5).reshape(4, 2, 4, 2)
    pads, block = Pads([(1, 0, 0), (0, 2, 0)]), Reg((2, 2))
    fields = [F32, *dims(x.shape), Reg(dense(batch.shape)), block, pads]
    got = one(runtime, [x], F32, batch.shape, op("SPACE_TO_BATCH", [At(INPUT), At(OUTPUT)], fields))
    assert np.array_equal(got, batch)
    fields = [F32, *dims(batch.shape), Reg(dense(x.shape)), block, pads]
    back = one(runtime, [got], F32, x.shape, op("BATCH_TO_SPACE", [At(INPUT), At(OUTPUT)], fields))
    assert np.array_equal(back, x)


def test_layer_normalization(runtime: Runtime, rng: np.random.Generator) -> None:
    x, scale, bias = floats(rng, 2, 3, 4), floats(rng, 3, 4), floats(rng, 3, 4)
    mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    inputs = [x, scale, bias]
    fields = [F32, Reg(x.shape), i32(1), f32(1e-3)]
    got = one(runtime, inputs, F32, x.shape, op("LAYER_NORMALIZATION", [*starts(inputs), At(OUTPUT)], fields))
    np.testing.assert_allclose(got, (x - mean) / np.sqrt(var + 1e-3) * scale + bias, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "target", "values", "expected"),
    [
        (F32, U8, [1.9, -1, 300, np.nan], [1, 0, 255, 0]),
        (F32, I8, [1.9, -1.9, 300, -300], [1, -1, 127, -128]),
        (F32, I32, [2e9, 3e9, -3e9, -1.5], [2000000000, 2**31 - 1, -(2**31), -1]),
        (F32, I64, [1e19, -1e19, 2.5, -2.5], [2**63 - 1, -(2**63), 2, -2]),
        (U8, F32, [0, 7, 200, 255], [0, 7, 200, 255]),
        (I8, I32, [-128, -1, 0, 127], [-128, -1, 0, 127]),
        (I64, F32, [2**40, -3, 0, 1], [2**40, -3, 0, 1]),
        (I32, U8, [256, -1, 5, 255], [0, 255, 5, 255]),
    ],
)
def test_convert(runtime: Runtime, source: int, target: int, values: list[Any], expected: list[Any]) -> None:
    x = np.array(values, NUMPY[source])
    fields = [source, target, *dims((4,)), Reg((1,))]
    got = one(runtime, [x], target, (4,), op("CONVERT", [At(INPUT), At(OUTPUT)], fields))
    assert np.array_equal(got, np.array(expected, NUMPY[target]))


def test_bfloat16(runtime: Runtime) -> None:
    """Through a data pool: to bf16, rounded to nearest even, and back."""
    x = np.array([1.0, 1.00390625, 1.01171875, -3.14159274], np.float32)
    code = op("CONVERT", [At(INPUT), At(DATA)], [F32, 11, *dims((4,)), Reg((1,))])
    code += op("CONVERT", [At(DATA), At(OUTPUT)], [11, F32, *dims((4,)), Reg((1,))])
    data, feed = model([x], [Param(F32, (4,))], code, data=8)
    assert list(runtime.job(data, feed).outputs[0].f32) == [1.0, 1.0, 1.015625, -3.140625]


def test_constants_and_two_outputs(runtime: Runtime) -> None:
    x, c = np.array([1, 2], np.float32), np.array([10, 20], np.float32)
    fields = [F32, *dims((2,)), *dims((2,)), *dims((2,)), 0, f32(-INF), f32(INF)]
    code = op("BINARY", [At(INPUT), At(RDATA), At(OUTPUT, 8)], fields) + op(
        "COPY", [At(INPUT), At(OUTPUT)], [F32, *dims((2,)), Reg((1,))]
    )
    data, feed = model([x], [Param(F32, (2,))] * 2, code, rdata=c.tobytes())
    assert [list(o.f32) for o in runtime.job(data, feed).outputs] == [[1, 2], [11, 22]]


@pytest.mark.parametrize(
    ("name", "args", "fields"),
    [
        ("RANDOM_NORMAL", [At(OUTPUT)], [F32, Reg((4,)), f32(0), f32(1), f32(2)]),
        ("ROI_ALIGN", [At(INPUT)] * 3 + [At(OUTPUT)], [F32, Reg((4,)), Reg((4,)), 0, f32(1), i64(1)]),
        ("GRU", [At(INPUT)] * 5 + [At(OUTPUT)] * 2, [Reg((4,)), Reg((4,)), 0, 0]),
        ("COMPRESS", [At(INPUT)] * 2 + [At(OUTPUT)], [Reg((4,)), Reg((4,)), f32(0)]),
    ],
)
def test_not_implemented(runtime: Runtime, name: str, args: list[Any], fields: list[Any]) -> None:
    data, _ = model([np.zeros(4, np.float32)], [Param(F32, (4,))], op(name, args, fields))
    code, detail = runtime.load_error(data)
    assert (code, detail.split(":")[0]) == (2014, f"function 0 ({name})")


@pytest.mark.parametrize(
    ("name", "index", "text"),
    [
        ("GATHER", 3, "index 3 outside 0 to 2"),
        ("GATHER", -1, "index -1 outside 0 to 2"),
        ("GATHER", 2**31 - 1, "2147483647"),
    ],
)
def test_index_outside(runtime: Runtime, name: str, index: int, text: str) -> None:
    x, at = np.zeros((3, 2), np.float32), np.array([0, index], np.int32)
    first, second = starts([x, at])
    fields = [F32, Reg((3, 2)), Reg((2, 2)), Reg((2, 1)), Reg((2, 1)), Reg((2,)), 0]
    data, feed = model([x, at], [Param(F32, (2, 2))], op(name, [first, At(OUTPUT), second], fields))
    code, detail = runtime.job(data, feed).error
    assert code == 2008 and text in detail


# ---- dialects (spec kmodel.md 5.6): the same operation as other releases wrote it ----


def test_dialect_rc1(runtime: Runtime, rng: np.random.Generator) -> None:
    """BINARY of 15 bytes, MAX POOL as 0x13 with paddings of two values, UNARY 0x1A whose 11 is sin."""
    x = floats(rng, 1, 1, 4, 4)
    same = [*dims(x.shape), Reg(dense(x.shape))]
    code = op(0x01, [At(INPUT), At(INPUT), At(DATA)], [F32, *dims(x.shape), *same, 0, f32(-INF), f32(INF)])
    numbers = struct.pack("<6H", 3, 3, 1, 1, 1, 1) + f32(-INF) + f32(INF)
    code += op(0x13, [At(DATA), -1e30, At(DATA, 64), (1, 1), (1, 1)], [F32, 2, *same, numbers])
    code += op(0x1A, [At(DATA, 64), At(OUTPUT)], [F32, *same, 11])
    data, feed = model([x], [Param(F32, x.shape)], code, data=128)
    padded = np.pad(x * 2, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1e30)
    want = np.max([padded[..., y : y + 4, z : z + 4] for y in range(3) for z in range(3)], 0)
    np.testing.assert_allclose(runtime.job(data, feed).outputs[0].f32, np.sin(want).ravel(), rtol=1e-5)


def test_dialect_1_1(runtime: Runtime, rng: np.random.Generator) -> None:
    """REDUCE_PROD 0x18 without a datatype, TERNARY 0x1F, REDUCE maximum that starts at init."""
    x = floats(rng, 2, 3)
    code = op(0x18, [At(INPUT), At(OUTPUT)], [*dims(x.shape), Reg((1,)), Reg((1,)), 0])
    code += op(0x16, [At(INPUT), At(OUTPUT, 8), 5.0], [F32, *dims(x.shape), Reg((1,)), 2, Reg((1,)), 0])
    code += op(0x1F, [At(OUTPUT)] * 3 + [At(OUTPUT, 16)], [F32, *[Reg((2,)), Reg((1,))] * 3, Reg((1,))])
    data, feed = model([x], [Param(F32, (2,))] * 3, code)
    outputs = [o.f32 for o in runtime.job(data, feed).outputs]
    np.testing.assert_allclose(outputs[0], x.prod(1), rtol=1e-6)
    assert list(outputs[1]) == [5, 5]
    assert np.array_equal(outputs[2], outputs[0])


def test_dialect_1_2(runtime: Runtime, rng: np.random.Generator) -> None:
    """SIGMOID 0x1C, whose output has the strides of the input, and TRANSPOSE 0x23."""
    x = floats(rng, 2, 3)
    code = op(0x1C, [At(INPUT), At(DATA)], [F32, *dims(x.shape)])
    code += op(0x23, [At(DATA), At(OUTPUT)], [F32, *dims(x.shape), Reg((2, 1)), Reg((1, 0))])
    data, feed = model([x], [Param(F32, (3, 2))], code, data=24)
    np.testing.assert_allclose(runtime.job(data, feed).outputs[0].f32, (1 / (1 + np.exp(-x))).T.ravel(), rtol=1e-6)


def test_dialect_1_3(runtime: Runtime, rng: np.random.Generator) -> None:
    """MATMUL of 10 bytes and EQUAL 0x0B."""
    a, b, bias = floats(rng, 2, 4), floats(rng, 4, 2), floats(rng, 2)
    code = op(0x11, [*starts([a, b, bias]), At(OUTPUT)], [Reg((2, 4)), Reg((4, 2)), f32(-INF), f32(INF)])
    code += op(0x0B, [At(OUTPUT), At(OUTPUT), At(OUTPUT, 16)], [F32, *[Reg((2, 2)), Reg((2, 1))] * 2, Reg((2, 1))])
    data, feed = model([a, b, bias], [Param(F32, (2, 2)), Param(U8, (2, 2))], code)
    outputs = runtime.job(data, feed).outputs
    np.testing.assert_allclose(outputs[0].f32, (a @ b + bias).ravel(), rtol=1e-5, atol=1e-6)
    assert outputs[1].data == b"\1\1\1\1"
