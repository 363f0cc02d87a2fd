"""Every operation of V4 against its formula (spec kmodel.md 4.4, 4.5), computed by numpy."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from . import builder_v4 as b
from . import reference as kpu_reference
from . import reference_v4 as ref
from .builder import f32, random_kpu, rows, words
from .builder_v4 import Model, Range, f32_range, kpu_range, u8_range
from .conftest import Runtime, Tensor
from .reference_v4 import Array

FLT_MAX = 3.4028234663852886e38
OPEN = (f32(-FLT_MAX), f32(FLT_MAX))


def floats(rng: np.random.Generator, *shape: int, scale: float = 3) -> Array:
    return rng.normal(0, scale, shape).astype(np.float32)


def octets(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, 256, shape).astype(np.uint8)


def padded4(shape: Sequence[int]) -> tuple[int, ...]:
    return (1,) * (4 - len(shape)) + tuple(shape)


def run_op(
    runtime: Runtime,
    op: int,
    arrays: list[Array],
    out_shape: Sequence[int],
    out_type: Any,
    fields: Callable[..., bytes],
) -> Array:
    """One node. fields(ranges of the inputs..., range of the output) gives its body."""
    at, ranges = 0, []
    for x in arrays:
        ranges.append(f32_range(at, x.size) if x.dtype == np.float32 else u8_range(at, x.size))
        at += -(-x.nbytes // 8) * 8
    count = math.prod(out_shape)
    out = f32_range(at, count) if out_type == np.float32 else u8_range(at, count)
    model = Model(
        at + out[3], [(r, padded4(x.shape)) for r, x in zip(ranges, arrays, strict=True)], [out], constants=bytes(8)
    )
    model.add(op, tail=fields(*ranges, out))
    # The order of memory and the order of the inputs are the same here, so the data only need to be joined.
    result = runtime.job(model.build(), b"".join(x.tobytes() for x in arrays)).outputs[0]
    return np.frombuffer(result.data, out_type).reshape(out_shape)


BROADCASTS = [
    ((1, 3, 4, 5), (1, 3, 4, 5)),
    ((2, 3, 4, 5), (1, 3, 1, 1)),
    ((1, 1, 1, 1), (1, 2, 3, 7)),
    ((2, 1, 4, 1), (1, 3, 1, 5)),
    ((1, 1, 1, 9), (1, 1, 1, 1)),
]


@pytest.mark.parametrize("op", range(6))
@pytest.mark.parametrize("shapes", BROADCASTS)
def test_binary(runtime: Runtime, op: int, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(op)
    x, y = floats(rng, *shapes[0]), floats(rng, *shapes[1])
    expected = ref.clamp(ref.BINARY[op](x, y), -4, 4.5)
    got = run_op(
        runtime, b.BINARY, [x, y], expected.shape, np.float32,
        lambda p, q, o: words(*p, *q, *o, op, *x.shape, *y.shape, *expected.shape, f32(-4), f32(4.5)),
    )  # fmt: skip
    assert np.array_equal(got, expected)


QUANTIZED = [
    (0, 1, 0, 0, 1, 0, 0, 1, 0),
    (-128, 20000, 10, -120, 17000, 10, 128, 14000, 18),
    (-100, 300, 1, 40, -7000, 6, 3, 1, 5),
    (-(2**31), -(2**31), 31, 2**31 - 1, 2**31 - 1, 4, -5, 1, 62),
    (5, 9, 63, -(2**31), -(2**31), 63, 7, -3, 2),
]


@pytest.mark.parametrize("op", range(6))
@pytest.mark.parametrize("q", QUANTIZED)
def test_quantized_binary(runtime: Runtime, op: int, q: tuple[int, ...]) -> None:
    rng = np.random.default_rng(op + 7)
    for shapes in BROADCASTS:
        x, y = octets(rng, *shapes[0]), octets(rng, *shapes[1])
        expected = ref.quantized_binary(op, x, y, q)
        got = run_op(
            runtime, b.QUANTIZED_BINARY, [x, y], expected.shape, np.uint8,
            lambda p, r, o, x=x, y=y, e=expected: words(*p, *r, *o, op, *x.shape, *y.shape, *e.shape, *q),
        )  # fmt: skip
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("op", range(10))
def test_unary(runtime: Runtime, op: int) -> None:
    x = floats(np.random.default_rng(op), 77)
    x = np.abs(x) if op in (5, 7) else x
    got = run_op(runtime, b.UNARY, [x], x.shape, np.float32, lambda p, o: words(*p, *o, op))
    # Elementary functions are right to the last bit or two.
    np.testing.assert_allclose(got, ref.UNARY[op](x), rtol=3e-7, atol=1e-7)


def test_quantize_rounds_half_to_even(runtime: Runtime) -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, 254.5, 255.5, 1e9, -1e9, np.nan, np.inf, -np.inf, 100.49, 3], np.float32)
    got = run_op(runtime, b.QUANTIZE, [x], x.shape, np.uint8, lambda p, o: words(*p, *o, 0, f32(1)))
    assert got.tolist() == [0, 2, 2, 0, 254, 255, 255, 0, 0, 255, 0, 100, 3]


@pytest.mark.parametrize(("zero", "scale"), [(0, 1.0), (128, 37.5), (-20, 0.25), (300, -12.0)])
def test_quantize(runtime: Runtime, zero: int, scale: float) -> None:
    x = floats(np.random.default_rng(3), 1001)
    v = x * np.float32(scale) + np.float32(zero)
    expected = np.clip(np.rint(v), 0, 255).astype(np.uint8)
    got = run_op(runtime, b.QUANTIZE, [x], x.shape, np.uint8, lambda p, o: words(*p, *o, zero, f32(scale)))
    assert np.array_equal(got, expected)


@pytest.mark.parametrize(("zero", "scale"), [(0, 1.0), (128, 37.5), (-20, 0.25), (2**31 - 1, 3.0), (-(2**31), -7.0)])
def test_dequantize(runtime: Runtime, zero: int, scale: float) -> None:
    q = octets(np.random.default_rng(3), 1001)
    expected = (q.astype(np.int64) - zero).astype(np.float32) * (np.float32(1) / np.float32(scale))
    got = run_op(runtime, b.DEQUANTIZE, [q], q.shape, np.float32, lambda p, o: words(*p, *o, zero, f32(scale)))
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("memory", [b.CONSTANT, b.MAIN])
def test_table_lookup(runtime: Runtime, memory: int) -> None:
    rng = np.random.default_rng(5)
    x, table = octets(rng, 300), octets(rng, 256)
    source: Range = (memory, b.U8, 8 if memory == b.CONSTANT else 304, 256)
    inputs = [(u8_range(0, 300), (1, 1, 1, 300))]
    data = x.tobytes()
    if memory == b.MAIN:
        inputs.append((source, (1, 1, 1, 256)))
        data += table.tobytes()
    model = Model(1000, inputs, [u8_range(600, 300)], constants=bytes(8) + table.tobytes())
    model.add(b.TABLE_LOOKUP1D, *u8_range(0, 300), *source, *u8_range(600, 300))
    assert np.array_equal(runtime.job(model.build(), data).outputs[0].u8, table[x])


@pytest.mark.parametrize("axis", range(4))
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_concat(runtime: Runtime, axis: int, dtype: Any) -> None:
    rng = np.random.default_rng(axis)
    parts = []
    for size in (1, 3, 2):
        shape = [2, 3, 4, 5]
        shape[axis] = size
        parts.append(octets(rng, *shape) if dtype == np.uint8 else floats(rng, *shape))
    expected = np.concatenate(parts, axis)
    inner = math.prod(expected.shape[axis + 1 :]) * expected.itemsize
    outer = math.prod(expected.shape[:axis])

    def body(*ranges: Range) -> bytes:
        flat = [n for r in ranges[:-1] for n in r]
        return words(*ranges[-1], inner, outer, 3, *flat, 1, 3, 2)

    assert np.array_equal(run_op(runtime, b.CONCAT, parts, expected.shape, dtype, body), expected)


def test_concat_of_a_part_twice(runtime: Runtime) -> None:
    x = octets(np.random.default_rng(1), 5)
    got = run_op(runtime, b.CONCAT, [x], (10,), np.uint8, lambda p, o: words(*o, 1, 1, 2, *p, *p, 5, 5))
    assert np.array_equal(got, np.concatenate([x, x]))


@pytest.mark.parametrize("sizes", [(24, 24), (24, 16), (16, 24)])
def test_memory_copy(runtime: Runtime, sizes: tuple[int, int]) -> None:
    x = octets(np.random.default_rng(1), 24)
    n = min(sizes)
    model = Model(48, [(u8_range(0, 24), (1, 1, 1, 24))], [u8_range(24, n)])
    model.add(b.MEMORY_COPY, *u8_range(0, sizes[0]), *u8_range(24, sizes[1]))
    assert np.array_equal(runtime.job(model.build(), x.tobytes()).outputs[0].u8, x[:n])


PADS = [
    [(0, 0), (0, 0), (1, 2), (3, 0)],
    [(1, 0), (0, 2), (0, 0), (0, 0)],
    [(0, 0), (0, -1), (-1, -2), (2, -1)],
    [(0, 0), (0, 0), (5, -4), (0, 0)],
    [(0, 0), (0, 0), (0, 0), (0, -4)],
    [(0, 0), (0, 0), (0, 0), (0, 0)],
    [(0, 0), (0, 0), (-4, 6), (-5, 7)],
]


@pytest.mark.parametrize("pads", PADS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pad(runtime: Runtime, pads: list[tuple[int, int]], dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x = octets(rng, 2, 3, 4, 5) if dtype == np.uint8 else floats(rng, 2, 3, 4, 5)
    value = (b.U8, 0x99) if dtype == np.uint8 else (b.F32, f32(-1.5))
    expected = ref.pad(x, pads, 0x99 if dtype == np.uint8 else -1.5)
    flat = [n for pair in pads for n in pair]
    got = run_op(runtime, b.PAD, [x], expected.shape, dtype, lambda p, o: words(*p, *o, *x.shape, *flat, *value))
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("perm", [(0, 1, 2, 3), (0, 2, 3, 1), (0, 1, 3, 2), (3, 2, 1, 0), (1, 0, 2, 3), (2, 3, 0, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_transpose(runtime: Runtime, perm: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x = octets(rng, 2, 3, 4, 5) if dtype == np.uint8 else floats(rng, 2, 3, 4, 5)
    expected = x.transpose(perm)
    got = run_op(runtime, b.TRANSPOSE, [x], expected.shape, dtype, lambda p, o: words(*p, *o, *x.shape, *perm))
    assert np.array_equal(got, expected)


SLICES = [
    ((0, 0, 0, 0), (2, 3, 6, 7), (1, 1, 1, 1)),
    ((1, 0, 2, 1), (2, 2, 5, 7), (1, 1, 2, 3)),
    ((0, 2, 5, 6), (1, -1, -1, 1), (1, -1, -2, -3)),
    ((0, 0, 3, 4), (1, 1, 4, 5), (2**31 - 1, 7, -(2**31) + 1 + 2**31, 100)),
]


@pytest.mark.parametrize(("begin", "end", "stride"), SLICES)
def test_strided_slice(runtime: Runtime, begin: tuple[int, ...], end: tuple[int, ...], stride: tuple[int, ...]) -> None:
    x = floats(np.random.default_rng(1), 2, 3, 6, 7)
    index = tuple(np.arange(p, q, s) for p, q, s in zip(begin, end, stride, strict=True))
    expected = x[np.ix_(*index)]
    got = run_op(
        runtime, b.STRIDED_SLICE, [x], expected.shape, np.float32,
        lambda p, o: words(*p, *o, *x.shape, *begin, *end, *stride, 7, 7, 7, 7, 7),
    )  # fmt: skip
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("size", [(4, 5), (8, 10), (3, 13), (1, 1), (9, 2)])
@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resize(runtime: Runtime, size: tuple[int, int], align: int, mode: int, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x = octets(rng, 2, 3, 4, 5) if dtype == np.uint8 else floats(rng, 2, 3, 4, 5)
    expected = ref.resize(x, *size, nearest=mode == 1, align=align == 1)
    got = run_op(
        runtime, b.RESIZE_IMAGE, [x], expected.shape, dtype,
        lambda p, o: words(*p, *o, *x.shape, *size, mode, align | 0xCCCCCC00),
    )  # fmt: skip
    if dtype == np.uint8 and mode == 0:
        # Truncated: f32 and f64 may differ by one where the exact result is whole.
        low, high = np.floor(expected - 1e-4), np.floor(expected + 1e-4)
        assert ((got == low) | (got == high)).all()
        assert np.mean(got == np.floor(expected)) > 0.9
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


WINDOWS: list[tuple[tuple[int, ...], ref.Window]] = [
    ((1, 2, 5, 6), ((0, 0, 0, 0), (1, 1), (1, 1), (1, 1))),
    ((2, 4, 7, 9), ((1, 1, 1, 1), (3, 3), (1, 1), (1, 1))),
    ((1, 4, 8, 11), ((0, 1, 0, 1), (3, 2), (2, 3), (1, 1))),
    ((1, 4, 9, 12), ((2, 2, 3, 3), (3, 3), (1, 1), (2, 3))),
    ((1, 2, 6, 6), ((-1, 1, 1, -1), (2, 3), (1, 2), (1, 1))),
]


# Offsets of input and weights, multiplier, shift, offset of the output.
REQUANT = [(-120, -130, 1 << 14, 22, 120), (-(2**31), 2**31 - 1, 2**31 - 1, 63, -7), (1, 2, 3, 0, 4)]


@pytest.mark.parametrize(("shape", "window"), WINDOWS)
@pytest.mark.parametrize("groups", ["one", "two", "depthwise"])
def test_conv2d(runtime: Runtime, shape: tuple[int, ...], window: ref.Window, groups: str) -> None:
    rng = np.random.default_rng(1)
    g = {"one": 1, "two": 2, "depthwise": shape[1]}[groups]
    oc = {"one": 3, "two": 6, "depthwise": shape[1] * 2}[groups]
    x, weights, bias = floats(rng, *shape), floats(rng, oc, shape[1] // g, *window[1]), floats(rng, oc)
    expected = ref.conv2d(x, weights, bias, g, window, -20, 25)
    flat = [n for part in window for n in part]
    got = run_op(
        runtime, b.CONV2D, [x], expected.shape, np.float32,
        lambda p, o: words(*p, *o, *shape, g, oc, *flat, f32(-20), f32(25)) + weights.tobytes() + bias.tobytes(),
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "window"), WINDOWS)
@pytest.mark.parametrize("groups", ["one", "two", "depthwise"])
@pytest.mark.parametrize("q", REQUANT)
def test_quantized_conv2d(
    runtime: Runtime, shape: tuple[int, ...], window: ref.Window, groups: str, q: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    g = {"one": 1, "two": 2, "depthwise": shape[1]}[groups]
    oc = {"one": 3, "two": 6, "depthwise": shape[1] * 2}[groups]
    x, weights = octets(rng, *shape), octets(rng, oc, shape[1] // g, *window[1])
    bias = rng.integers(-30000, 30000, oc).tolist()
    expected = ref.quantized_conv2d(x, weights, bias, g, window, q)
    flat = [n for part in window for n in part]
    got = run_op(
        runtime, b.QUANTIZED_CONV2D, [x], expected.shape, np.uint8,
        lambda p, o: words(*p, *o, *shape, g, oc, *flat, *q, *bias) + weights.tobytes(),
    )  # fmt: skip
    assert np.array_equal(got, expected)


TRANSPOSED: list[tuple[tuple[int, ...], tuple[int, int], ref.Window]] = [
    ((1, 2, 3, 4), (6, 8), ((0, 0, 0, 0), (2, 2), (2, 2), (1, 1))),
    ((2, 2, 3, 4), (7, 9), ((1, 1, 1, 1), (3, 3), (2, 2), (1, 1))),
    ((1, 4, 5, 3), (5, 3), ((1, 1, 2, 2), (3, 5), (1, 1), (1, 1))),
    ((1, 2, 3, 3), (9, 12), ((2, 0, -1, 0), (3, 2), (2, 3), (2, 3))),
]


@pytest.mark.parametrize(("shape", "size", "window"), TRANSPOSED)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d_transpose(
    runtime: Runtime, shape: tuple[int, ...], size: tuple[int, int], window: ref.Window, groups: int
) -> None:
    rng = np.random.default_rng(1)
    oc = 3 * groups
    x, weights = floats(rng, *shape), floats(rng, oc, shape[1] // groups, *window[1])
    out_shape = (shape[0], oc, *size)
    expected = ref.conv2d_transpose(x, weights, out_shape, groups, window, -12, 15)
    flat = [n for part in window for n in part]
    # The stored bias is not added.
    tail = weights.tobytes() + np.full(oc, 99, np.float32).tobytes()
    got = run_op(
        runtime, b.CONV2D_TRANSPOSE, [x], out_shape, np.float32,
        lambda p, o: words(*p, *o, *shape, *out_shape, groups, *flat, f32(-12), f32(15)) + tail,
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op", range(4))
@pytest.mark.parametrize("out_shape", [(1, 1, 1, 1), (2, 3, 1, 1), (2, 1, 4, 5), (1, 3, 1, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("init", [0.0, 1.25])
def test_reduce(runtime: Runtime, op: int, out_shape: tuple[int, ...], init: float) -> None:
    x = floats(np.random.default_rng(op), 2, 3, 4, 5)
    expected = ref.reduce(op, x, out_shape, init)
    got = run_op(
        runtime, b.REDUCE, [x], out_shape, np.float32,
        lambda p, o: words(*p, *o, op, *x.shape, *out_shape, f32(init)),
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op", range(4))
@pytest.mark.parametrize(("shape", "window"), WINDOWS)
def test_reduce_window2d(runtime: Runtime, op: int, shape: tuple[int, ...], window: ref.Window) -> None:
    x = floats(np.random.default_rng(op), *shape)
    init = (0.0, 5.0, -5.0, 0.5)[op]
    expected = ref.reduce_window2d(op, x, window, init, -3, 6)
    flat = [n for part in window for n in part]
    got = run_op(
        runtime, b.REDUCE_WINDOW2D, [x], expected.shape, np.float32,
        lambda p, o: words(*p, *o, op, *shape, *flat, f32(init), f32(-3), f32(6)),
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("n", "k", "m"), [(1, 4, 10), (3, 1, 1), (2, 5, 4), (4, 7, 6), (1, 1, 3), (5, 3, 9)])
def test_matmul(runtime: Runtime, n: int, k: int, m: int) -> None:
    rng = np.random.default_rng(k)
    x, y, bias = floats(rng, n, k), floats(rng, k, m), floats(rng, m)
    expected = np.clip(x.astype(np.float64) @ y + bias, -9, 11)
    got = run_op(
        runtime, b.MATMUL, [x, y], (n, m), np.float32,
        lambda p, q, o: words(*p, *q, *o, n, k, m, f32(-9), f32(11)) + bias.tobytes(),
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("q", REQUANT)
def test_quantized_matmul(runtime: Runtime, q: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    x, y, bias = octets(rng, 3, 8), octets(rng, 8, 5), rng.integers(-9999, 9999, 5).tolist()
    got = run_op(
        runtime, b.QUANTIZED_MATMUL, [x, y], (3, 5), np.uint8,
        lambda p, r, o: words(*p, *r, *o, 3, 8, 5, *q, *bias),
    )  # fmt: skip
    assert np.array_equal(got, ref.quantized_matmul(x, y, bias, q))


def test_softmax(runtime: Runtime) -> None:
    x = floats(np.random.default_rng(1), 4, 7)
    e = np.exp((x.astype(np.float64) - x.max(1, keepdims=True)) * 0.75)
    got = run_op(runtime, b.SOFTMAX, [x], (4, 7), np.float32, lambda p, o: words(*p, *o, 7, 4, f32(0.75)))
    np.testing.assert_allclose(got, e / e.sum(1, keepdims=True), rtol=2e-6)


def constant(value: float) -> bytes:
    return b"\x06" + struct.pack("<f", value)


NNIL: list[tuple[bytes, Callable[[Any], Any]]] = [
    (b"\x03\xa0", lambda x: x),
    (b"\x03", lambda x: x),
    (b"\x00\x03\x01\x42\x00\xa0\xff", lambda x: x * x),
    (b"\x03" + constant(2.5) + b"\x41\xa0", lambda x: x - 2.5),
    (constant(2.5) + b"\x03\x43\xa0", lambda x: 2.5 / x),
    (b"\x03\x04\x05\x80\xa0", lambda x: np.clip(x, 0, 1)),
    (b"\x03\x03\x02\x26\x23\x05\x40\x05\x03\x02\x40\x02\x03\x26\x23\x05\x40\x05\x02\xa0", lambda x: 1 + np.exp(-x)),
    (b"\x03\x01\x05\x44\x45\xa0", lambda x: np.maximum(x, np.minimum(x, 1))),
    (b"\x03\x20\x21\x24\x29\x22\x28\xa0", lambda x: np.sin(np.cos(np.floor(np.ceil(np.abs(x))) ** 2))),
    (b"\x03\x20\x05\x40\x25\x27\xa0", lambda x: 1 / np.sqrt(np.log(np.abs(x) + 1))),
    (b"\x05" * 63 + b"\x03\xa0", lambda x: x),
]


@pytest.mark.parametrize(("code", "function"), NNIL)
def test_nnil(runtime: Runtime, code: bytes, function: Callable[[Any], Any]) -> None:
    x = floats(np.random.default_rng(1), 50)
    got = run_op(runtime, b.NNIL, [x], x.shape, np.float32, lambda p, o: words(*p, *o) + code)
    np.testing.assert_allclose(got, function(x.astype(np.float64)), rtol=2e-5, atol=1e-6)


KPU_SHAPES = [(12, 8, 3, 5), (20, 9, 2, 3), (40, 6, 3, 2), (64, 5, 2, 2), (70, 4, 1, 2)]


@pytest.mark.parametrize(("w", "h", "c", "oc"), KPU_SHAPES)
@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("pool", [0, 1, 5])
def test_kpu_conv2d(runtime: Runtime, w: int, h: int, c: int, oc: int, batches: int, pool: int) -> None:
    """Images lie behind each other in AI RAM; the result comes out in N,C,H,W order."""
    rng = np.random.default_rng(w)
    layer = random_kpu(rng, w, h, c, oc, kernel=3, pool=pool, src=100, dst=20000)
    x = octets(rng, batches, c, h, w)
    count = batches * oc * layer.oh * layer.ow
    model = Model(count, [(kpu_range(100, w, h, c, batches), x.shape)], [u8_range(0, count)])
    model.conv(layer, u8_range(0, count), batches)
    answer = runtime.job(model.build(), x.tobytes())
    expected = np.stack([kpu_reference.kpu(layer, image) for image in x])
    assert np.array_equal(answer.outputs[0].u8.reshape(expected.shape), expected)
    assert answer.outputs[0].n == batches
    assert answer.raw["info"]["kpu_layers"] == batches
    high = 20000 + batches * rows(layer.ow, layer.oh, oc)
    assert answer.raw["info"]["kpu_rows"] == high - 100


@pytest.mark.parametrize("align", [(256, 256, 256), (8, 256, 128)])
def test_kpu_tables_of_older_compilers(runtime: Runtime, align: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(9)
    layer = random_kpu(rng, 12, 8, 3, 5, kernel=3)
    x = octets(rng, 1, 3, 8, 12)
    model = Model(480, [(kpu_range(0, 12, 8, 3), x.shape)], [u8_range(0, 480)])
    model.conv(layer, u8_range(0, 480), align=align)
    got = runtime.job(model.build(), x.tobytes()).outputs[0].u8
    assert np.array_equal(got.reshape(5, 8, 12), kpu_reference.kpu(layer, x[0]))


@pytest.mark.parametrize("images", [1, 2])
def test_kpu_upload_and_queue(runtime: Runtime, images: int) -> None:
    """main -> AI RAM -> two layers, of which the first leaves nothing for the CPU: one call."""
    rng = np.random.default_rng(9)
    first = random_kpu(rng, 20, 8, 3, 4, kernel=3, src=300, dst=1000)
    second = random_kpu(rng, 20, 8, 4, 2, kernel=1, src=1000, dst=0)
    x = octets(rng, images, 3, 8, 20)
    out = u8_range(x.size, images * 320)
    model = Model(x.size + out[3], [(u8_range(0, x.size), x.shape)], [out])
    model.add(b.KPU_UPLOAD, *u8_range(0, x.size), *kpu_range(300, 20, 8, 3, images), *x.shape)
    model.conv(first, batches=images).conv(second, out, images)
    answer = runtime.job(model.build(), x.tobytes())
    expected = np.stack([kpu_reference.kpu(second, kpu_reference.kpu(first, image)) for image in x])
    assert np.array_equal(answer.outputs[0].u8.reshape(expected.shape), expected)
    assert answer.raw["stats"]["calls"] == 1


@pytest.mark.parametrize("images", [1, 3])
def test_result_of_a_kpu_layer(runtime: Runtime, images: int) -> None:
    """set_layers brings a result out of AI RAM, all images of it."""
    rng = np.random.default_rng(9)
    first = random_kpu(rng, 20, 8, 3, 4, kernel=3, src=300, dst=1000)
    x = octets(rng, images, 3, 8, 20)
    model = Model(640 * images, [(kpu_range(300, 20, 8, 3, images), x.shape)], [u8_range(0, 640 * images)])
    second = random_kpu(rng, 20, 8, 4, 4, src=1000, dst=0)
    model.conv(first, batches=images).conv(second, u8_range(0, 640 * images), images)
    got: Tensor = runtime.job(model.build(), x.tobytes(), layers=1).outputs[0]
    expected = np.stack([kpu_reference.kpu(first, image) for image in x])
    assert np.array_equal(got.u8.reshape(expected.shape), expected)


def test_operations_on_one_buffer(runtime: Runtime) -> None:
    """Element by element, a result may replace its operand."""
    x = floats(np.random.default_rng(1), 1, 1, 2, 8)
    r = f32_range(0, 16)
    model = Model(64, [(r, x.shape)], [r])
    model.add(b.UNARY, *r, *r, 6).add(b.BINARY, *r, *r, *r, 2, *x.shape, *x.shape, *x.shape, *OPEN)
    model.add(b.NNIL, *r, *r, tail=b"\x03\x05\x40\xa0")
    np.testing.assert_allclose(runtime.job(model.build(), x.tobytes()).outputs[0].f32, (x * x + 1).ravel(), rtol=1e-6)


def test_several_inputs_and_outputs(runtime: Runtime) -> None:
    rng = np.random.default_rng(1)
    x, y = floats(rng, 1, 2, 3, 4), octets(rng, 1, 1, 4, 8)
    inputs = [(f32_range(0, 24), x.shape), (u8_range(96, 32), y.shape)]
    model = Model(512, inputs, [f32_range(128, 24), f32_range(256, 32)])
    model.add(b.UNARY, *f32_range(0, 24), *f32_range(128, 24), 6)
    model.add(b.DEQUANTIZE, *u8_range(96, 32), *f32_range(256, 32), 0, f32(2))
    answer = runtime.job(model.build(), x.tobytes() + y.tobytes())
    assert np.array_equal(answer.outputs[0].f32, -x.ravel())
    assert np.array_equal(answer.outputs[1].f32, y.ravel() / np.float32(2))
    assert answer.raw["info"]["inputs"] == 2
    # Neither node has a shape: it is that of the input.
    assert [t.shape for t in answer.outputs] == [(4, 3, 2), (8, 4, 1)]


def test_wrong_data_of_second_input(runtime: Runtime) -> None:
    inputs = [(f32_range(0, 4), (1, 1, 1, 4)), (f32_range(16, 4), (1, 1, 1, 4))]
    model = Model(64, inputs, [f32_range(32, 4)])
    model.add(b.BINARY, *f32_range(0, 4), *f32_range(16, 4), *f32_range(32, 4), 0, *(1, 1, 1, 4) * 3, *OPEN)
    code, detail = runtime.job(model.build(), bytes(28)).error
    assert (code, detail) == (2012, "input has 3 elements, the model takes 4")


def test_output_shape(runtime: Runtime) -> None:
    x = floats(np.random.default_rng(1), 1, 1, 3, 8)
    model = Model(192, [(f32_range(0, 24), x.shape)], [f32_range(96, 24)])
    data = model.add(b.UNARY, *f32_range(0, 24), *f32_range(96, 24), 6).build()
    assert runtime.job(data, x.tobytes(), output_shape=(4, 2, 3, 0)).outputs[0].shape == (4, 2, 3)
    assert runtime.job(data, x.tobytes(), output_shape=(4, 2, 2, 0)).error == (
        2012,
        "4x2x2 (w, h, c) for output 0, which has 24 elements (8x3x1)",
    )
    assert runtime.job(data, x.tobytes(), output_shape=(4, 2, 3, 1)).error == (2011, "output 1, the model has 1")


def test_stop_within_a_node(runtime: Runtime) -> None:
    """A convolution of many operations asks the poll hook; the model can be run again."""
    x = floats(np.random.default_rng(1), 1, 4, 40, 40)
    weights = floats(np.random.default_rng(2), 8, 4, 5, 5)
    source, out = f32_range(0, x.size), f32_range(4 * x.size, 8 * 36 * 36)
    model = Model(out[2] + out[3], [(source, x.shape)], [out])
    window = (0, 0, 0, 0, 5, 5, 1, 1, 1, 1)
    model.add(b.CONV2D, *source, *out, *x.shape, 1, 8, *window, *OPEN, tail=weights.tobytes() + bytes(32))
    answer = runtime.job(model.build(), x.tobytes(), stop_run=5)
    assert (answer.raw["first_run"]["code"], answer.raw["first_run"]["detail"]) == (1, "interrupted at layer 0 of 1")
    assert answer.error == (0, "")
    assert answer.raw["polls"] > 10


@pytest.mark.parametrize("axis", range(4))
def test_shape_of_a_concatenation(runtime: Runtime, axis: int) -> None:
    """That of its parts with one axis longer; elementwise operations keep it."""
    shapes = [[2, 3, 4, 5], [2, 3, 4, 5]]
    shapes[1][axis] = 1
    total = list(shapes[0])
    total[axis] += 1
    counts = [math.prod(s) for s in (*shapes, total)]
    inner, outer = 4 * math.prod(total[axis + 1 :]), math.prod(total[:axis])
    first, second = f32_range(0, counts[0]), f32_range(4 * counts[0], counts[1])
    joined, out = f32_range(2048, counts[2]), f32_range(4096, counts[2])
    model = Model(8192, [(first, shapes[0]), (second, shapes[1])], [out])
    model.add(b.CONCAT, *joined, inner, outer, 2, *first, *second, shapes[0][axis], 1).add(b.UNARY, *joined, *out, 6)
    got = runtime.job(model.build(), bytes(first[3] + second[3])).outputs[0]
    assert (got.n, *got.shape[::-1]) == tuple(total)


def test_shape_of_joined_rows(runtime: Runtime) -> None:
    """Parts that were flattened before: what the concatenation itself tells, also of concatenations."""
    source, first, out = f32_range(0, 24), f32_range(96, 36), f32_range(240, 48)
    model = Model(432, [(source, (1, 2, 3, 4))], [out])
    model.add(b.CONCAT, *first, 16, 1, 2, *source, *f32_range(0, 12), 6, 3)
    model.add(b.CONCAT, *out, 16, 1, 2, *first, *f32_range(0, 12), 9, 3)
    got = runtime.job(model.build(), bytes(96)).outputs[0]
    assert (got.n, got.shape) == (1, (4, 12, 1))
