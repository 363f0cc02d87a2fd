"""Main-memory layers of kmodel V3 in the reference, against values computed by hand from spec kmodel.md 3.6."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kpupy.kmodel import ops_v3, v3_main
from kpupy.kmodel.ops_v3 import MainMemory
from kpupy.kmodel.v3_base import Layer
from kpupy.kmodel.v3_kpu import RemovePadding

OUT = 4096


def run(layer: Layer, *values: Any, kind: Any, count: int) -> list[Any]:
    """Run a layer with `values` placed 1024 bytes apart from address 0, and return `count` results of `kind` at OUT."""
    memory = MainMemory(2 * OUT)
    for index, value in enumerate(values):
        memory.put(1024 * index, np.asarray(value))
    ops_v3.run(layer, memory)
    found = memory.u8(OUT, count) if kind is np.uint8 else memory.f32(OUT, count)
    return list(found.tolist())


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


def u8(*values: int) -> Any:
    return np.array(values, np.uint8)


def test_add() -> None:
    layer = v3_main.Add(a=0, b=1024, out=OUT, count=3)
    assert run(layer, f32(1, 2, -3), f32(0.5, -2, 8), kind=np.float32, count=3) == [1.5, 0, 5]


@pytest.mark.parametrize(
    ("a_shift", "b_shift", "out_mul", "out_shift", "out_offset", "expected"),
    [
        # a 10, 200; b 30, 250; A = (a - 5)·3 = 15, 585; B = (b + 2)·(-2) = -64, -504
        (0, 0, 1, 0, 100, [51, 181]),  # -49 + 100, 81 + 100
        (2, 2, 1, 0, 100, [87, 120]),  # -49 >> 2 = -13, 81 >> 2 = 20
        (1, 2, 1, 0, 100, [91, 255]),  # 7 - 16 = -9; 292 - 126 = 166
        # -49·2 = -98 >> 1 = -49, odd and negative: (-49 >> 1) - 1 = -26; 162 >> 1 = 81, odd: 40 + 1 = 41
        (0, 0, 2, 2, 100, [74, 141]),
        (0, 0, 4, 2, 0, [0, 81]),  # -196 >> 1 = -98 → -49 saturates; 324 >> 1 = 162 → 81
    ],
)
def test_quantized_add(
    a_shift: int, b_shift: int, out_mul: int, out_shift: int, out_offset: int, expected: list[int]
) -> None:
    layer = v3_main.QuantizedAdd(
        a=0,
        b=1024,
        out=OUT,
        count=2,
        a_offset=-5,
        a_mul=3,
        a_shift=a_shift,
        b_offset=2,
        b_mul=-2,
        b_shift=b_shift,
        out_offset=out_offset,
        out_mul=out_mul,
        out_shift=out_shift,
    )
    assert run(layer, u8(10, 200), u8(30, 250), kind=np.uint8, count=2) == expected


def test_global_average() -> None:
    layer = v3_main.GlobalAveragePool(source=0, out=OUT, kernel_size=4, channels=2)
    assert run(layer, f32(1, 2, 3, 4, -1, -1, 0, 0), kind=np.float32, count=2) == [2.5, -0.5]
    # in f32 and in order: 2^24 + 1 + 1 + 1 stays 2^24
    layer = v3_main.GlobalAveragePool(source=0, out=OUT, kernel_size=4, channels=1)
    assert run(layer, f32(2**24, 1, 1, 1), kind=np.float32, count=1) == [2**22]


def pool_fields(kernel: int, stride: int, pad: int, size: int, out: int) -> dict[str, int]:
    return {
        "source": 0,
        "out": OUT,
        "in_width": size,
        "in_height": size,
        "in_channels": 1,
        "out_width": out,
        "out_height": out,
        "out_channels": 1,
        "kernel_width": kernel,
        "kernel_height": kernel,
        "stride_width": stride,
        "stride_height": stride,
        "pad_width": pad,
        "pad_height": pad,
    }


NINE = [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_quantized_max_pool_with_a_clipped_window() -> None:
    layer = v3_main.QuantizedMaxPool(**pool_fields(2, 2, 0, 3, 2))
    assert run(layer, u8(*NINE), kind=np.uint8, count=4) == [5, 6, 8, 9]


def test_max_pool_starts_from_minus_infinity_and_applies_the_activation() -> None:
    values = f32(*[-v for v in NINE])
    assert run(v3_main.MaxPool(**pool_fields(2, 2, 1, 3, 2), act=0), values, kind=np.float32, count=4) == [
        -1,
        -2,
        -4,
        -5,
    ]
    assert run(v3_main.MaxPool(**pool_fields(2, 2, 1, 3, 2), act=1), values, kind=np.float32, count=4) == [0] * 4
    layer = v3_main.MaxPool(**pool_fields(2, 2, 1, 3, 2), act=2)
    assert run(layer, f32(*NINE), kind=np.float32, count=4) == [1, 3, 6, 6]


def test_average_pool_divides_by_the_pixels_inside() -> None:
    layer = v3_main.AveragePool(**pool_fields(2, 2, 1, 3, 2), act=0)
    assert run(layer, f32(*NINE), kind=np.float32, count=4) == [1, 2.5, 5.5, 7]


def test_quantize_rounds_half_away_and_saturates() -> None:
    layer = v3_main.Quantize(source=0, out=OUT, count=9, scale=0.5, bias=1.0)
    values = f32(1.0, 1.25, 1.75, 2.2, 0.75, -50, 1000, np.nan, np.inf)
    assert run(layer, values, kind=np.uint8, count=9) == [0, 1, 2, 2, 0, 0, 255, 0, 255]
    # just below a half must not be carried over it
    layer = v3_main.Quantize(source=0, out=OUT, count=1, scale=1.0, bias=0.0)
    assert run(layer, f32(np.nextafter(np.float32(0.5), np.float32(0))), kind=np.uint8, count=1) == [0]


def test_dequantize() -> None:
    layer = v3_main.Dequantize(source=0, out=OUT, count=3, scale=0.25, bias=-2.0)
    assert run(layer, u8(0, 8, 255), kind=np.float32, count=3) == [-2, 0, 61.75]


def test_channelwise_dequantize() -> None:
    layer = v3_main.ChannelwiseDequantize(
        source=0, out=OUT, channels=2, channel_size=2, params=[(0.5, 1.0), (2.0, -8.0)]
    )
    assert run(layer, u8(0, 4, 1, 255), kind=np.float32, count=4) == [1, 3, -6, 502]


def test_requantize() -> None:
    layer = v3_main.Requantize(source=0, out=OUT, count=3, table=bytes(range(255, -1, -1)))
    assert run(layer, u8(0, 1, 255), kind=np.uint8, count=3) == [255, 254, 0]


def test_l2_normalization() -> None:
    layer = v3_main.L2Normalization(source=0, out=OUT, channels=2)
    assert run(layer, f32(3, 4), kind=np.float32, count=2) == pytest.approx([0.6, 0.8], rel=1e-6)
    # the sum is held at 1e-10
    assert run(layer, f32(1e-9, 0), kind=np.float32, count=2) == pytest.approx([1e-4, 0], rel=1e-6)


def test_softmax() -> None:
    layer = v3_main.Softmax(source=0, out=OUT, channels=3)
    found = run(layer, f32(0, np.log(2), np.log(5)), kind=np.float32, count=3)
    assert found == pytest.approx([0.125, 0.25, 0.625], rel=1e-6)
    assert run(layer, f32(1000, 1000, -1000), kind=np.float32, count=3) == [0.5, 0.5, 0]


def test_logistic() -> None:
    layer = v3_main.Logistic(source=0, out=OUT, channels=4)
    found = run(layer, f32(0, np.log(3), -200, 200), kind=np.float32, count=4)
    assert found == pytest.approx([0.5, 0.75, 0, 1], abs=1e-7)


@pytest.mark.parametrize("kind", [v3_main.Concat, v3_main.QuantizedConcat])
def test_concat_copies_bytes(kind: type[v3_main.Concat]) -> None:
    layer = kind(out=OUT, count=2, parts=[(1024, 4), (0, 8)])
    assert run(layer, u8(*range(8)), u8(9, 9, 9, 9), kind=np.uint8, count=12) == [9, 9, 9, 9, *range(8)]


def test_fully_connected() -> None:
    def layer(act: int) -> Layer:
        weights, biases = f32(1, 2, 3, -1, -2, -3).tobytes(), f32(0.5, 1).tobytes()
        return v3_main.FullyConnected(
            source=0, out=OUT, in_channels=3, out_channels=2, act=act, weights=weights, biases=biases
        )

    values = f32(1, 1, 2)
    assert run(layer(0), values, kind=np.float32, count=2) == [9.5, -8]
    assert run(layer(1), values, kind=np.float32, count=2) == [9.5, 0]
    assert run(layer(2), values, kind=np.float32, count=2) == [6, 0]


def test_flatten() -> None:
    layer = v3_main.TensorflowFlatten(source=0, out=OUT, width=2, height=1, channels=3)
    assert run(layer, f32(0, 1, 10, 11, 20, 21), kind=np.float32, count=6) == [0, 10, 20, 1, 11, 21]


@pytest.mark.parametrize(
    ("kind", "item"), [(v3_main.ResizeNearest, np.float32), (v3_main.QuantizedResizeNearest, np.uint8)]
)
def test_resize_nearest(kind: type[v3_main.ResizeNearest], item: Any) -> None:
    fields = {"source": 0, "out": OUT, "in_width": 3, "in_height": 2, "channels": 1, "align_corners": 1}
    up = kind(**fields, out_width=5, out_height=3)
    values = np.array([1, 2, 3, 4, 5, 6], item)
    # x·3/5: 0 0.6 1.2 1.8 2.4; y·2/3: 0 0.67 1.33
    assert run(up, values, kind=item, count=15) == [1, 1, 2, 2, 3, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6]
    assert run(kind(**fields, out_width=1, out_height=1), values, kind=item, count=1) == [1]


def test_remove_padding() -> None:
    layer = RemovePadding(source=0, out=OUT, channels=3)
    assert run(layer, u8(*range(48)), kind=np.uint8, count=3) == [0, 16, 32]
