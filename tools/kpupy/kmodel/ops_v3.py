"""Main-memory layers of kmodel V3 in numpy (spec kmodel.md 3.6)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kpupy.kmodel import v3_main
from kpupy.kmodel.v3_base import Layer
from kpupy.kmodel.v3_kpu import RemovePadding

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


class MainMemory:
    """The model's block of main memory; views alias it."""

    def __init__(self, size: int) -> None:
        self.data: U8 = np.zeros(size, np.uint8)

    def u8(self, address: int, count: int) -> U8:
        return self.data[address : address + count]

    def f32(self, address: int, count: int) -> F32:
        return self.data[address : address + 4 * count].view("<f4")

    def put(self, address: int, values: Array) -> None:
        raw = np.ascontiguousarray(values).view(np.uint8).reshape(-1)
        self.data[address : address + raw.size] = raw


def _sat8(values: Array) -> U8:
    return np.clip(values, 0, 255).astype(np.uint8)


def _round_half_away(values: F32) -> npt.NDArray[np.float64]:
    """NaN counts as 0. In f64 the addition of a half is exact for every f32."""
    wide = np.nan_to_num(values.astype(np.float64), nan=0.0)
    rounded: npt.NDArray[np.float64] = np.trunc(wide + np.copysign(0.5, wide))
    return rounded


def _act(values: F32, act: int) -> F32:
    if act == 0:
        return values
    positive = np.maximum(values, np.float32(0))
    return positive if act == 1 else np.minimum(positive, np.float32(6))


@functools.singledispatch
def run(layer: Layer, memory: MainMemory) -> None:
    """Run one layer; an overload per layer class."""
    raise NotImplementedError(f"no reference for {layer.NAME}")


@run.register
def _(layer: v3_main.Add, memory: MainMemory) -> None:
    memory.put(layer.out, memory.f32(layer.a, layer.count) + memory.f32(layer.b, layer.count))


@run.register
def _(layer: v3_main.QuantizedAdd, memory: MainMemory) -> None:
    a = (memory.u8(layer.a, layer.count).astype(np.int64) + layer.a_offset) * layer.a_mul
    b = (memory.u8(layer.b, layer.count).astype(np.int64) + layer.b_offset) * layer.b_mul
    v: I64 = a + b >> layer.a_shift if layer.a_shift == layer.b_shift else (a >> layer.a_shift) + (b >> layer.b_shift)
    v = v * layer.out_mul
    if layer.out_shift > 0:
        v = v >> (layer.out_shift - 1)
        v = (v >> 1) + np.where(v & 1 == 1, np.where(v < 0, -1, 1), 0)
    memory.put(layer.out, _sat8(v + layer.out_offset))


@run.register
def _(layer: v3_main.GlobalAveragePool, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.channels * layer.kernel_size).reshape(layer.channels, layer.kernel_size)
    total: F32 = np.zeros(layer.channels, np.float32)
    for i in range(layer.kernel_size):
        total = total + x[:, i]
    memory.put(layer.out, total / np.float32(layer.kernel_size))


def _pool_windows(layer: v3_main._Pool) -> list[list[tuple[slice, slice]]]:
    """The part of each window that lies inside the map, [out_h][out_w]."""

    def along(index: int, stride: int, pad: int, kernel: int, size: int) -> slice:
        start = index * stride - pad
        return slice(max(start, 0), min(start + kernel, size))

    rows = [
        along(y, layer.stride_height, layer.pad_height, layer.kernel_height, layer.in_height)
        for y in range(layer.out_height)
    ]
    columns = [
        along(x, layer.stride_width, layer.pad_width, layer.kernel_width, layer.in_width)
        for x in range(layer.out_width)
    ]
    return [[(row, column) for column in columns] for row in rows]


def _pool(layer: v3_main._Pool, x: Array, reduce: Callable[[Array], Array]) -> Array:
    x = x.reshape(layer.in_channels, layer.in_height, layer.in_width)
    out = np.empty(layer.out_shape(), x.dtype)
    for y, line in enumerate(_pool_windows(layer)):
        for column, window in enumerate(line):
            out[:, y, column] = reduce(x[:, window[0], window[1]])
    return out


@run.register
def _(layer: v3_main.QuantizedMaxPool, memory: MainMemory) -> None:
    x = memory.u8(layer.source, layer.in_width * layer.in_height * layer.in_channels)
    memory.put(layer.out, _pool(layer, x, lambda window: window.max(axis=(1, 2))))


@run.register
def _(layer: v3_main.MaxPool, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.in_width * layer.in_height * layer.in_channels)
    memory.put(layer.out, _act(_pool(layer, x, lambda window: window.max(axis=(1, 2))), layer.act))


@run.register
def _(layer: v3_main.AveragePool, memory: MainMemory) -> None:
    def mean(window: Array) -> Array:
        total: F32 = np.zeros(len(window), np.float32)
        for row in range(window.shape[1]):
            for column in range(window.shape[2]):
                total = total + window[:, row, column]
        result: F32 = total / np.float32(window.shape[1] * window.shape[2])
        return result

    x = memory.f32(layer.source, layer.in_width * layer.in_height * layer.in_channels)
    memory.put(layer.out, _act(_pool(layer, x, mean), layer.act))


@run.register
def _(layer: v3_main.Quantize, memory: MainMemory) -> None:
    inverse = np.float32(1) / np.float32(layer.scale)
    scaled = (memory.f32(layer.source, layer.count) - np.float32(layer.bias)) * inverse
    memory.put(layer.out, _sat8(_round_half_away(scaled)))


@run.register
def _(layer: v3_main.Dequantize, memory: MainMemory) -> None:
    q = memory.u8(layer.source, layer.count).astype(np.float32)
    memory.put(layer.out, q * np.float32(layer.scale) + np.float32(layer.bias))


@run.register
def _(layer: v3_main.ChannelwiseDequantize, memory: MainMemory) -> None:
    q = memory.u8(layer.source, layer.channels * layer.channel_size).astype(np.float32)
    scale, bias = (np.array(column, np.float32)[:, None] for column in zip(*layer.params, strict=True))
    memory.put(layer.out, q.reshape(layer.channels, layer.channel_size) * scale + bias)


@run.register
def _(layer: v3_main.Requantize, memory: MainMemory) -> None:
    table = np.frombuffer(layer.table, np.uint8)
    memory.put(layer.out, table[memory.u8(layer.source, layer.count)])


@run.register
def _(layer: v3_main.L2Normalization, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.channels)
    total = np.float32(0)
    for value in x:
        total = total + value * value
    memory.put(layer.out, x * (np.float32(1) / np.sqrt(np.maximum(total, np.float32(1e-10)))))


@run.register
def _(layer: v3_main.Softmax, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.channels)
    exponentials = np.exp(x - x.max())
    memory.put(layer.out, exponentials / np.cumsum(exponentials)[-1])


@run.register
def _(layer: v3_main.Logistic, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.channels)
    with np.errstate(over="ignore"):
        memory.put(layer.out, np.float32(1) / (np.float32(1) + np.exp(-x)))


@run.register
def _(layer: v3_main.Concat, memory: MainMemory) -> None:
    memory.put(layer.out, np.concatenate([memory.u8(address, size) for address, size in layer.parts]))


@run.register
def _(layer: v3_main.FullyConnected, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.in_channels)
    weights = np.frombuffer(layer.weights, "<f4").reshape(layer.out_channels, layer.in_channels)
    total: F32 = np.zeros(layer.out_channels, np.float32)
    for i in range(layer.in_channels):
        total = total + weights[:, i] * x[i]
    memory.put(layer.out, _act(total + np.frombuffer(layer.biases, "<f4"), layer.act))


@run.register
def _(layer: v3_main.TensorflowFlatten, memory: MainMemory) -> None:
    x = memory.f32(layer.source, layer.channels * layer.height * layer.width)
    memory.put(layer.out, x.reshape(layer.channels, layer.height, layer.width).transpose(1, 2, 0))


@run.register
def _(layer: v3_main.ResizeNearest, memory: MainMemory) -> None:
    count = layer.channels * layer.in_height * layer.in_width
    x = memory.u8(layer.source, count * layer.ITEM).reshape(layer.channels, layer.in_height, layer.in_width, layer.ITEM)

    def nearest(size: int, out: int) -> I64:
        ratio = np.float32(size) / np.float32(out)
        position = np.floor(np.arange(out).astype(np.float32) * ratio).astype(np.int64)
        return np.asarray(np.minimum(position, size - 1))

    rows, columns = nearest(layer.in_height, layer.out_height), nearest(layer.in_width, layer.out_width)
    memory.put(layer.out, x[:, rows][:, :, columns])


@run.register
def _(layer: RemovePadding, memory: MainMemory) -> None:
    memory.put(layer.out, memory.u8(layer.source, 16 * layer.channels)[::16].copy())
