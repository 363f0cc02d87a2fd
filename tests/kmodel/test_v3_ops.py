"""Every CPU layer of V3 against its formula (spec kmodel.md 3.5, 3.6), computed by numpy."""

from __future__ import annotations

import numpy as np
import pytest

from . import builder as b
from . import reference as ref
from .builder import Model, f32, words
from .conftest import Runtime, Tensor

RNG = np.random.default_rng(2)
SIZES = [1, 3, 4, 7, 64, 101]


def floats(count: int, scale: float = 3) -> np.ndarray:
    return RNG.normal(0, scale, count).astype(np.float32)


def octets(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape).astype(np.uint8)


def single(runtime: Runtime, kind: int, x: np.ndarray, out_bytes: int, *fields: int, tail: bytes = b"") -> Tensor:
    """One layer: its input at main memory 0, its output behind it."""
    at = -(-x.nbytes // 8) * 8
    model = Model(at + out_bytes, [(at, out_bytes)]).add(kind, 0, at, *fields, tail=tail)
    return runtime.job(model.build(), x.tobytes()).outputs[0]


def two_inputs(runtime: Runtime, kind: int, x: np.ndarray, y: np.ndarray, out_bytes: int, *fields: int) -> Tensor:
    """The layer after a concatenation that brings both inputs in."""
    both = np.concatenate([x, y])
    at = -(-both.nbytes // 8) * 8
    copy = b.CONCAT if x.dtype == np.float32 else b.QUANTIZED_CONCAT
    model = Model(2 * at + out_bytes, [(2 * at, out_bytes)])
    model.add(copy, at, 1, 0, both.nbytes).add(kind, at, at + x.nbytes, 2 * at, x.size, *fields)
    return runtime.job(model.build(), both.tobytes()).outputs[0]


@pytest.mark.parametrize("n", SIZES)
def test_add(runtime: Runtime, n: int) -> None:
    x, y = floats(n), floats(n)
    assert np.array_equal(two_inputs(runtime, b.ADD, x, y, 4 * n).f32, x + y)


QADD = [
    (0, 1, 0, 0, 1, 0, 0, 1, 0),
    (-128, 20000, 10, -120, 17000, 10, 128, 14000, 18),
    (-128, 20000, 10, -120, 17000, 7, 128, 14000, 18),
    (-100, 3, 1, 40, -7, 1, 3, 1, 1),
    (-(2**31), -(2**31), 3, 2**31 - 1, 2**31 - 1, 4, -5, 1, 62),
    (5, 9, 63, 7, 11, 0, 1, -3, 2),
]


@pytest.mark.parametrize("params", QADD)
def test_quantized_add(runtime: Runtime, params: tuple[int, ...]) -> None:
    x, y = octets(200), octets(200)
    out = two_inputs(runtime, b.QUANTIZED_ADD, x, y, 200, *params).u8
    assert np.array_equal(out, ref.quantized_add(x, y, params))


@pytest.mark.parametrize(("size", "channels"), [(1, 1), (49, 10), (300, 3)])
def test_global_average_pool(runtime: Runtime, size: int, channels: int) -> None:
    x = floats(size * channels)
    out = single(runtime, b.GLOBAL_AVERAGE_POOL2D, x, 4 * channels, size, channels)
    expected = [ref.sequential_sum(c) / np.float32(size) for c in x.reshape(channels, size)]
    assert np.array_equal(out.f32, np.array(expected, np.float32))
    assert out.shape == (1, 1, channels)


POOLS = [
    # input w, h, c; output w, h; kernel w, h; stride w, h; padding w, h
    (15, 20, 3, 8, 10, 2, 2, 2, 2, 0, 0),  # clipped at the border, as in the mask detector
    (7, 5, 2, 7, 5, 3, 3, 1, 1, 1, 1),
    (7, 5, 2, 3, 5, 3, 1, 2, 1, 0, 0),
    (4, 4, 1, 2, 2, 100, 90, 3, 3, 50, 70),
    (1, 1, 4, 1, 1, 1, 1, 1, 1, 0, 0),
    (5, 5, 1, 1, 1, 2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 2, 2**32 - 2),
]


@pytest.mark.parametrize("g", POOLS)
@pytest.mark.parametrize("act", [0, 1, 2])
@pytest.mark.parametrize("kind", [b.MAX_POOL2D, b.AVERAGE_POOL2D, b.QUANTIZED_MAX_POOL2D])
def test_pool(runtime: Runtime, kind: int, act: int, g: tuple[int, ...]) -> None:
    w, h, c, ow, oh, *window = g
    quantized = kind == b.QUANTIZED_MAX_POOL2D
    x = octets(c * h * w) if quantized else floats(c * h * w, 5)
    size = ow * oh * c * (1 if quantized else 4)
    fields = (w, h, c, ow, oh, c, *window)
    out = single(runtime, kind, x, size, *(fields if quantized else (*fields, act)))
    windows = ref.pool2d(x.reshape(c, h, w), (ow, oh), *((window[i], window[i + 1]) for i in (0, 2, 4)))
    flat = [pixels for plane in windows for line in plane for pixels in line]
    assert out.shape == (ow, oh, c)
    if quantized:
        assert out.u8.tolist() == [p.max() for p in flat]
    elif kind == b.MAX_POOL2D:
        assert np.array_equal(out.f32, ref.act(np.array([p.max() for p in flat], np.float32), act))
    else:
        mean = np.array([ref.sequential_sum(p.ravel()) / np.float32(p.size) for p in flat], np.float32)
        assert np.array_equal(out.f32, ref.act(mean, act))


SPECIAL = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, -0.0, 0.49999997, 0.5, 1.5, 254.5, 255.5], np.float32)


@pytest.mark.parametrize(("scale", "bias"), [(0.0437461, 0.0), (0.1, -6.5), (-0.05, 1.0), (1.0, 0.0), (1e-40, 0.0)])
def test_quantize(runtime: Runtime, scale: float, bias: float) -> None:
    x = np.concatenate([floats(100, 8), SPECIAL, np.arange(-3, 260, 0.5, np.float32)])
    out = single(runtime, b.QUANTIZE, x, x.size, x.size, f32(scale), f32(bias))
    with np.errstate(over="ignore"):
        assert np.array_equal(out.u8, ref.quantize(x, scale, bias))


@pytest.mark.parametrize("n", SIZES)
def test_dequantize(runtime: Runtime, n: int) -> None:
    x = octets(n)
    out = single(runtime, b.DEQUANTIZE, x, 4 * n, n, f32(0.0979291), f32(-16.7459))
    assert np.array_equal(out.f32, ref.dequantize(x, 0.0979291, -16.7459))


@pytest.mark.parametrize(("channels", "size"), [(1, 1), (5, 7), (12, 80)])
def test_channelwise_dequantize(runtime: Runtime, channels: int, size: int) -> None:
    x = octets(channels * size)
    pairs = floats(2 * channels)
    out = single(runtime, b.CHANNELWISE_DEQUANTIZE, x, 4 * x.size, channels, size, tail=pairs.astype("<f4").tobytes())
    expected = x.reshape(channels, size).astype(np.float32) * pairs[::2, None] + pairs[1::2, None]
    assert np.array_equal(out.f32, expected.ravel())


def test_requantize(runtime: Runtime) -> None:
    x, table = octets(333), octets(256)
    out = single(runtime, b.REQUANTIZE, x, 333, 333, tail=table.tobytes())
    assert np.array_equal(out.u8, table[x])


@pytest.mark.parametrize("x", [floats(128), np.zeros(5, np.float32), floats(1)])
def test_l2_normalization(runtime: Runtime, x: np.ndarray) -> None:
    out = single(runtime, b.L2_NORMALIZATION, x, x.nbytes, x.size)
    expected = x / np.sqrt(max(float((x.astype(float) ** 2).sum()), 1e-10))
    np.testing.assert_allclose(out.f32, expected, rtol=1e-6)


@pytest.mark.parametrize("x", [floats(10), floats(1000), np.array([-300, -200], np.float32), floats(1)])
def test_softmax(runtime: Runtime, x: np.ndarray) -> None:
    e = np.exp(x.astype(float) - x.max())
    np.testing.assert_allclose(single(runtime, b.SOFTMAX, x, x.nbytes, x.size).f32, e / e.sum(), rtol=2e-6, atol=1e-30)


def test_logistic(runtime: Runtime) -> None:
    x = np.concatenate([floats(50, 10), np.array([-200, 200], np.float32)])
    out = single(runtime, b.LOGISTIC, x, x.nbytes, x.size)
    np.testing.assert_allclose(out.f32, 1 / (1 + np.exp(-x.astype(float))), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("kind", [b.CONCAT, b.QUANTIZED_CONCAT])
def test_concat(runtime: Runtime, kind: int) -> None:
    x = octets(64)
    model = Model(256, [(128, 40)])
    model.add(b.QUANTIZED_CONCAT, 64, 1, 0, 64).add(kind, 128, 3, 96, 4, 64, 24, 0, 12)
    out = runtime.job(model.build(), x.tobytes()).outputs[0]
    assert out.type == (kind == b.CONCAT)
    assert out.data == x[32:36].tobytes() + x[:24].tobytes() + x[:12].tobytes()


@pytest.mark.parametrize("act", [0, 1, 2])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (4, 10), (1568, 32), (33, 7)])
def test_fully_connected(runtime: Runtime, inputs: int, outputs: int, act: int) -> None:
    x, weights, bias = floats(inputs), floats(inputs * outputs), floats(outputs, 9)
    tail = weights.tobytes() + bias.tobytes()
    out = single(runtime, b.FULLY_CONNECTED, x, 4 * outputs, inputs, outputs, act, tail=tail)
    sums = [ref.sequential_sum(row * x) for row in weights.reshape(outputs, inputs)]
    assert np.array_equal(out.f32, ref.act(np.array(sums, np.float32) + bias, act))


def test_flatten(runtime: Runtime) -> None:
    x = floats(3 * 5 * 7)
    out = single(runtime, b.FLATTEN, x, x.nbytes, 7, 5, 3)
    assert np.array_equal(out.f32, x.reshape(3, 5, 7).transpose(1, 2, 0).ravel())
    assert out.shape == (1, 1, 105)


@pytest.mark.parametrize(("w", "h", "ow", "oh"), [(10, 7, 20, 14), (10, 7, 7, 3), (1, 1, 5, 4), (3, 5, 10, 11)])
@pytest.mark.parametrize("kind", [b.RESIZE, b.QUANTIZED_RESIZE])
def test_resize(runtime: Runtime, kind: int, w: int, h: int, ow: int, oh: int) -> None:
    x = floats(3 * h * w) if kind == b.RESIZE else octets(3 * h * w)
    size = 3 * ow * oh * x.itemsize
    out = single(runtime, kind, x, size, w, h, 3, ow, oh, 1)
    assert out.data == np.ascontiguousarray(ref.nearest(x.reshape(3, h, w), ow, oh)).tobytes()
    assert out.shape == (ow, oh, 3)


@pytest.mark.parametrize(("w", "h", "c"), [(4, 4, 9), (10, 8, 5), (20, 3, 3), (33, 4, 2), (64, 4, 2), (100, 2, 3)])
def test_upload(runtime: Runtime, w: int, h: int, c: int) -> None:
    """What is uploaded, read back as the result of the layer."""
    x = octets(c * h * w)
    model = Model(x.size + 16, [(0, 4)]).add(b.UPLOAD, 0, 32768 - b.rows(w, h, c), w, h, c)
    model.add(b.QUANTIZED_CONCAT, 0, 1, 8, 4)
    out = runtime.job(model.build(), x.tobytes(), layers=1).outputs[0]
    assert (out.space, out.shape) == (1, (w, h, c))
    assert np.array_equal(out.u8, x)


def test_upload_is_what_a_convolution_reads(runtime: Runtime) -> None:
    rng = np.random.default_rng(8)
    layer = b.random_kpu(rng, 10, 8, 5, 4, kernel=3, src=500, dst=0)
    x = octets(5, 8, 10)
    model = Model(1024, [(512, 320)]).add(b.UPLOAD, 0, 500, 10, 8, 5).conv(layer, main_out=512)
    out = runtime.job(model.build(), x.tobytes()).outputs[0]
    assert np.array_equal(out.u8, ref.kpu(layer, x).ravel())


@pytest.mark.parametrize("channels", [1, 4, 5, 32])
def test_padding(runtime: Runtime, channels: int) -> None:
    """A fully connected layer on the KPU: pad, 1x1 convolution, unpad."""
    rng = np.random.default_rng(channels)
    layer = b.random_kpu(rng, 4, 4, channels, 10, src=100, dst=0)
    x = octets(channels)
    model = Model(512, [(256, 10)])
    model.add(b.ADD_PADDING, 0, 100, channels).conv(layer, main_out=40).add(b.REMOVE_PADDING, 40, 256, 10)
    out = runtime.job(model.build(), x.tobytes()).outputs[0]
    grid = np.broadcast_to(x[:, None, None], (channels, 4, 4))
    assert np.array_equal(out.u8, ref.kpu(layer, grid)[:, 0, 0])
    assert out.shape == (1, 1, 10)


def test_two_outputs_and_shapes_through_elementwise_layers(runtime: Runtime) -> None:
    layer = b.random_kpu(np.random.default_rng(1), 8, 4, 2, 3)
    model = Model(1024, [(512, 384), (0, 96)]).conv(layer, main_out=0)
    model.add(b.DEQUANTIZE, 0, 512, 96, f32(0.5), f32(-1)).add(b.LOGISTIC, 512, 512, 96)
    x = octets(2, 4, 8)
    out = runtime.job(model.build(), x.tobytes()).outputs
    assert [(o.shape, o.type) for o in out] == [((8, 4, 3), 1), ((8, 4, 3), 0)]
    q = ref.kpu(layer, x).ravel()
    assert np.array_equal(out[1].u8, q)
    np.testing.assert_allclose(out[0].f32, 1 / (1 + np.exp(1 - q * 0.5)), rtol=1e-6)


def test_words_helper() -> None:
    assert words(1, -1) == b"\x01\0\0\0\xff\xff\xff\xff"
