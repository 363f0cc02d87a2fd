"""The kmodel V3 writer: placement, records, limits, and that what it builds computes what was asked for."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from kpupy.kmodel import layout, parse, reference, tables, v3_main
from kpupy.kmodel.build_v3 import Builder, Kernel, make_record
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.place import Lifetime, place
from kpupy.kmodel.quantize import Scale, conv_kernel
from kpupy.kmodel.tables import BnEntry
from kpupy.kmodel.v3_base import Shape


def kernel(outputs: int, inputs: int, edge: int, kind: Any = np.uint8, seed: int = 1) -> Kernel:
    noise = np.random.default_rng(seed)
    weights = noise.integers(0, np.iinfo(kind).max + 1, (outputs, inputs, edge, edge)).astype(kind)
    return Kernel(weights, [BnEntry(3, 8, 0)] * outputs, tables.linear_act(1, 4), w_zero=int(np.iinfo(kind).max) // 2)


@pytest.mark.parametrize("seed", range(40))
def test_placed_buffers_never_overlap_while_they_live(seed: int) -> None:
    rng = random.Random(seed)
    buffers = []
    for _ in range(rng.randrange(1, 25)):
        born = rng.randrange(20)
        buffers.append(Lifetime(rng.randrange(1, 100), born, rng.randrange(born, 21)))
    buffers.sort(key=lambda b: b.born)
    offsets, size = place(buffers)
    for step in range(22):
        live = sorted((o, o + b.size) for o, b in zip(offsets, buffers, strict=True) if b.born <= step <= b.dies)
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(live))
    assert size == max(o + b.size for o, b in zip(offsets, buffers, strict=True))


def test_record_of_vector_t5() -> None:
    """Spec kpu.md 11, T5: every word of the layer."""
    weights = np.array([1, 0, 0, 0, 0, 1, 2, 3, 4, 5], np.uint8).reshape(2, 5, 1, 1)
    record = make_record(Kernel(weights, [BnEntry(1, 0, 0)] * 2, tables.linear_act(1, 0)), Shape(5, 4, 8), 0)
    record.dst_row, record.arg_x, record.shr_x, record.arg_w, record.shr_w, record.arg_add = 8, -1, 1, -2, 1, 3
    assert record.encode() == [
        0, 0x8_0000_0000, 0x0001_0001_0000_0004, 0x00000C07_00000C07, 0xF0400, 0x50001, 0, 0xC001_0004, 0x41_0004,
        0x00FFFFFF_FFFFFE11, 0x3, 0x0000003F_001F0000,
    ]  # fmt: skip


def test_record_of_vector_t2() -> None:
    """Zero points become arguments: T2 has x_zero 16, w_zero 128."""
    weights = np.zeros((1, 1, 3, 3), np.uint8)
    record = make_record(Kernel(weights, [BnEntry(3, 1, 100)], tables.linear_act(1, 4), 16, 128), Shape(1, 4, 4), 0)
    record.dst_row = 4
    assert record.encode() == [
        0, 0x4_0000_0000, 0, 0x00000C03_00000C03, 0x100F0401, 0x48001, 0, 0xC001_0004, 0x41_0004,
        0x00FFFF80_FFFFF000, 0x4800, 0x0000000F_000F0000,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "inputs", "edge", "kind", "per_load", "loads"),
    [
        (16, 3, 3, np.uint8, 16, 1),
        (512, 256, 3, np.uint8, 13, 40),  # 30720 / 2304 = 13.3; 13·2304 is a multiple of 8
        (10, 980, 1, np.uint8, 10, 1),
        (1000, 35, 1, np.uint8, 872, 2),  # 877 fit, 872 make a multiple of 8
        (128, 128, 3, np.uint16, 26, 5),
    ],
)
def test_weight_loads(outputs: int, inputs: int, edge: int, kind: Any, per_load: int, loads: int) -> None:
    record = make_record(kernel(outputs, inputs, edge, kind), Shape(inputs, 4, 4), 0)
    assert (record.channels_per_load, record.loads) == (per_load, loads)
    assert record.loads == 1 or record.para_size % 8 == 0


@pytest.mark.parametrize(
    ("make", "shape", "pool", "text"),
    [
        (lambda: kernel(4, 3, 2), Shape(3, 8, 8), 0, "kernel 2x2"),
        (lambda: kernel(4, 2, 3), Shape(3, 8, 8), 0, "weights for 2 input channels, the map has 3"),
        (lambda: kernel(4, 3, 3), Shape(3, 6, 8), 1, "output 4x3x4: maps are 4x4 to 256x512"),
        (lambda: kernel(4, 3, 3), Shape(3, 257, 8), 0, "input 3x257x8"),
        (lambda: kernel(1025, 3, 1), Shape(3, 8, 8), 0, "output 1025x8x8: the KPU has 1..1024 channels"),
        (lambda: kernel(4, 3, 3), Shape(3, 8, 8), 10, "pool type 10"),
        (lambda: kernel(256, 1024, 3), Shape(1024, 4, 4), 0, "need 86 weight loads, not 64"),
        (
            lambda: Kernel(np.zeros((3, 3, 3), np.uint8), [BnEntry(1, 0, 0)] * 3, tables.linear_act(1, 0)),
            Shape(3, 8, 8),
            1,
            "pool type 1 on a depthwise layer",
        ),
        (
            lambda: Kernel(np.zeros((4, 3, 1, 1), np.uint8), [BnEntry(1, 0, 0)], tables.linear_act(1, 0)),
            Shape(3, 8, 8),
            0,
            "1 BN entries for 4 output channels",
        ),
    ],
)
def test_layers_that_the_kpu_cannot_do(make: Any, shape: Shape, pool: int, text: str) -> None:
    with pytest.raises(KModelError, match=text):
        make_record(make(), shape, pool)


def test_maps_that_do_not_fit() -> None:
    b = Builder()
    x = b.conv(b.input_map(Shape(3, 240, 320)), kernel(32, 3, 3))
    b.output(b.dequantize(b.to_main(x), 1.0, 0.0))
    with pytest.raises(KModelError, match=f"the maps need 42000 KPU rows at once, there are {layout.ROWS}"):
        b.build()


def test_misuse_is_named() -> None:
    b = Builder()
    x = b.conv(b.input_map(Shape(1, 8, 8)), kernel(2, 1, 3))
    y = b.conv(x, kernel(2, 2, 3))
    with pytest.raises(KModelError, match="the layer just added"):
        b.to_main(x)
    with pytest.raises(KModelError, match="dequantize first"):
        b.output(b.to_main(y))
    with pytest.raises(KModelError, match="at least one layer and one output"):
        b.build()
    with pytest.raises(KModelError, match="weights of 2 bytes in a model of 1-byte weights"):
        b.conv(y, kernel(2, 2, 3, np.uint16))


def test_sixteen_bit_model_runs() -> None:
    b = Builder(weight_bytes=2)
    x = b.conv(b.input_map(Shape(3, 12, 20)), kernel(5, 3, 3, np.uint16), pool=1)
    b.output(b.dequantize(b.to_main(x), 0.5, 1.0))
    model = parse.parse(b.build())
    assert (model.flags, model.weight_bytes, model.warnings) == (0, 2, [])
    result = reference.run(model, reference.lcg_input(model.input))
    assert (result.outputs[0] == result.kpu[0].pixels.reshape(-1) * 0.5 + 1.0).all()


def test_branches_keep_their_buffers() -> None:
    """A map and a block that are used again much later: a residual network with an upload."""
    b = Builder()
    x = b.conv(b.input_map(Shape(2, 16, 16)), kernel(4, 2, 3))
    skip = b.to_main(x)
    y = b.conv(b.conv(x, kernel(8, 4, 1)), kernel(4, 8, 3, seed=2))
    deep = b.to_main(y)
    add = v3_main.QuantizedAdd(
        a=0, b=0, out=0, count=skip.count, a_offset=0, a_mul=1, a_shift=0, b_offset=0, b_mul=1, b_shift=0,
        out_offset=0, out_mul=1, out_shift=1,
    )  # fmt: skip
    total = b.step(add, {"a": skip, "b": deep}, skip.count, 1)
    z = b.conv(b.upload(total, Shape(4, 16, 16)), kernel(3, 4, 1, seed=3))
    b.output(b.dequantize(b.to_main(z), 1.0, 0.0))
    model = parse.parse(b.build())
    assert model.warnings == []
    assert model.output_shape(0) == (3, 16, 16)

    result = reference.run(model, reference.lcg_input(model.input))
    first, _, second, last = (out.pixels.astype(np.int64) for out in result.kpu)
    mean = first + second
    mean = np.minimum((mean >> 1) + (mean & 1), 255).astype(np.uint8)
    alone = Builder()
    x = alone.conv(alone.input_map(Shape(4, 16, 16)), kernel(3, 4, 1, seed=3))
    alone.output(alone.dequantize(alone.to_main(x), 1.0, 0.0))
    expected = reference.run(parse.parse(alone.build()), mean).kpu[0].pixels
    assert (last == expected).all()
    assert expected.std() > 0


def test_outputs_survive_to_the_end() -> None:
    b = Builder()
    x = b.conv(b.input_map(Shape(1, 8, 8)), kernel(2, 1, 3))
    early = b.dequantize(b.to_main(x), 1.0, 0.0)
    b.output(early)
    for _ in range(4):
        x = b.conv(x, kernel(2, 2, 3))
    b.output(b.logistic(b.dequantize(b.to_main(x), 0.01, -1.0)))
    model = parse.parse(b.build())
    result = reference.run(model, reference.lcg_input(model.input))
    assert (result.outputs[0] == result.kpu[0].pixels.reshape(-1)).all()
    assert len(result.outputs[1]) == 128
    assert [model.output_shape(i) for i in range(2)] == [(2, 8, 8), (2, 8, 8)]


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("x_scale", [Scale(1 / 255, 0), Scale.covering(-1.0, 2.0)])
@pytest.mark.parametrize("y_range", [(0.0, 4.0), (-3.0, 3.0)])
def test_quantised_convolution_follows_the_float_one(
    depthwise: bool, x_scale: Scale, y_range: tuple[float, float]
) -> None:
    noise = np.random.default_rng(3)
    weights = noise.normal(0, 0.3, (3, 3, 3) if depthwise else (6, 3, 3, 3))
    bias = noise.normal(0, 0.5, len(weights))
    y_scale = Scale.covering(*y_range)
    pixels = noise.integers(0, 256, (3, 10, 12)).astype(np.uint8)
    b = Builder()
    x = b.conv(b.input_map(Shape(3, 10, 12)), conv_kernel(weights, bias, x_scale, y_scale))
    b.output(b.dequantize(b.to_main(x), y_scale.scale, -y_scale.scale * y_scale.zero))
    found = reference.run(parse.parse(b.build()), pixels).outputs[0].reshape(len(weights), 10, 12)

    real = np.pad((pixels.astype(float) - x_scale.zero) * x_scale.scale, ((0, 0), (1, 1), (1, 1)))
    exact = np.zeros(found.shape)
    for o in range(len(weights)):
        for ky in range(3):
            for kx in range(3):
                window = real[:, ky : ky + 10, kx : kx + 12]
                tap = window[o] * weights[o, ky, kx] if depthwise else np.tensordot(weights[o, :, ky, kx], window, 1)
                exact[o] += tap
        exact[o] += bias[o]
    low, high = -y_scale.scale * y_scale.zero, y_scale.scale * (255 - y_scale.zero)
    # one output step, and half a weight step on each of up to 27 inputs in random directions
    assert np.abs(found - np.clip(exact, low, high)).max() < y_scale.scale + 0.02
