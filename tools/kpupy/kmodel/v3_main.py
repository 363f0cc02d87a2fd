"""The layers of kmodel V3 that work in main memory only (spec kmodel.md 3.6)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3_base import F32, I32, U32, Bytes, Layer, Shape, Span, at_least_one, layer


def _tail_needs(what: str, needed: int, size: int) -> None:
    if needed > size:
        raise KModelError(f"{what} need {needed} bytes, the body has {size} left")


def _scale_ok(scale: float, bias: float) -> None:
    if not (math.isfinite(scale) and scale != 0 and math.isfinite(bias)):
        raise KModelError(f"scale {scale} and bias {bias} must be finite, the scale not 0")


def _act_ok(act: int) -> None:
    if act > 2:
        raise KModelError(f"activation {act} is none of 0 linear, 1 ReLU, 2 ReLU6")


@layer(1, "ADD")
@dataclass(kw_only=True)
class Add(Layer):
    a: U32
    b: U32
    out: U32
    count: U32

    def spans(self) -> Iterator[Span]:
        yield Span("a", self.a, 4 * self.count, 4, False)
        yield Span("b", self.b, 4 * self.count, 4, False)
        yield Span("output", self.out, 4 * self.count, 4, True)


@layer(2, "QUANTIZED_ADD")
@dataclass(kw_only=True)
class QuantizedAdd(Layer):
    a: U32
    b: U32
    out: U32
    count: U32
    a_offset: I32
    a_mul: I32
    a_shift: I32
    b_offset: I32
    b_mul: I32
    b_shift: I32
    out_offset: I32
    out_mul: I32
    out_shift: I32

    def check(self) -> None:
        for name in ("a_shift", "b_shift", "out_shift"):
            if not 0 <= getattr(self, name) <= 63:
                raise KModelError(f"{name} {getattr(self, name)} is outside 0..63")

    def spans(self) -> Iterator[Span]:
        yield Span("a", self.a, self.count, 1, False)
        yield Span("b", self.b, self.count, 1, False)
        yield Span("output", self.out, self.count, 1, True)


@layer(5, "GLOBAL_AVERAGE_POOL2D")
@dataclass(kw_only=True)
class GlobalAveragePool(Layer):
    source: U32
    out: U32
    kernel_size: U32
    channels: U32

    def check(self) -> None:
        at_least_one(kernel_size=self.kernel_size, channels=self.channels)

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, 4 * self.kernel_size * self.channels, 4, False)
        yield Span("output", self.out, 4 * self.channels, 4, True)

    def out_shape(self) -> Shape:
        return Shape(self.channels, 1, 1)


@dataclass(kw_only=True)
class _Pool(Layer):
    ITEM: ClassVar[int] = 4

    source: U32
    out: U32
    in_width: U32
    in_height: U32
    in_channels: U32
    out_width: U32
    out_height: U32
    out_channels: U32
    kernel_width: U32
    kernel_height: U32
    stride_width: U32
    stride_height: U32
    pad_width: U32
    pad_height: U32

    def check(self) -> None:
        if self.in_channels != self.out_channels:
            raise KModelError(f"{self.in_channels} input channels, but {self.out_channels} output channels")
        at_least_one(channels=self.in_channels)
        for axis in ("width", "height"):
            size, out, kernel, stride, pad = (
                getattr(self, f"{name}_{axis}") for name in ("in", "out", "kernel", "stride", "pad")
            )
            for name, value in (("in", size), ("out", out), ("kernel", kernel), ("stride", stride)):
                at_least_one(**{f"{name}_{axis}": value})
            if pad >= kernel or (out - 1) * stride - pad >= size:
                raise KModelError(
                    f"a pooling window lies outside the map: {axis} {size} → {out}, "
                    f"kernel {kernel}, stride {stride}, padding {pad}"
                )

    def spans(self) -> Iterator[Span]:
        size = self.in_width * self.in_height * self.in_channels * self.ITEM
        yield Span("input", self.source, size, self.ITEM, False)
        yield Span("output", self.out, self.out_shape().elements * self.ITEM, self.ITEM, True)

    def out_shape(self) -> Shape:
        return Shape(self.out_channels, self.out_height, self.out_width)


@layer(8, "QUANTIZED_MAX_POOL2D")
@dataclass(kw_only=True)
class QuantizedMaxPool(_Pool):
    ITEM: ClassVar[int] = 1


@layer(7, "MAX_POOL2D")
@dataclass(kw_only=True)
class MaxPool(_Pool):
    act: U32

    def check(self) -> None:
        super().check()
        _act_ok(self.act)


@layer(9, "AVERAGE_POOL2D")
@dataclass(kw_only=True)
class AveragePool(MaxPool):
    pass


@layer(11, "QUANTIZE")
@dataclass(kw_only=True)
class Quantize(Layer):
    """q = sat8(round((x - bias) / scale))"""

    source: U32
    out: U32
    count: U32
    scale: F32
    bias: F32

    def check(self) -> None:
        _scale_ok(self.scale, self.bias)

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, 4 * self.count, 4, False)
        yield Span("output", self.out, self.count, 1, True)


@layer(12, "DEQUANTIZE")
@dataclass(kw_only=True)
class Dequantize(Layer):
    """x = q·scale + bias"""

    source: U32
    out: U32
    count: U32
    scale: F32
    bias: F32

    def check(self) -> None:
        _scale_ok(self.scale, self.bias)

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, self.count, 1, False)
        yield Span("output", self.out, 4 * self.count, 4, True)


@layer(13, "REQUANTIZE")
@dataclass(kw_only=True)
class Requantize(Layer):
    source: U32
    out: U32
    count: U32
    table: Bytes = b""

    def read_tail(self, data: Bytes, at: int, size: int) -> None:
        _tail_needs("the 256 table entries", 256, size)
        self.table = data[at : at + 256]

    def tail(self) -> bytes:
        return bytes(self.table)

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, self.count, 1, False)
        yield Span("output", self.out, self.count, 1, True)


@dataclass(kw_only=True)
class _Elementwise(Layer):
    """f32 in, f32 out. `channels` is the number of elements."""

    source: U32
    out: U32
    channels: U32

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, 4 * self.channels, 4, False)
        yield Span("output", self.out, 4 * self.channels, 4, True)


@layer(14, "L2_NORMALIZATION")
@dataclass(kw_only=True)
class L2Normalization(_Elementwise):
    pass


@layer(15, "SOFTMAX")
@dataclass(kw_only=True)
class Softmax(_Elementwise):
    pass


@layer(25, "LOGISTIC")
@dataclass(kw_only=True)
class Logistic(_Elementwise):
    pass


@layer(16, "CONCAT")
@dataclass(kw_only=True)
class Concat(Layer):
    """Byte copies one after another; `parts` are (address, bytes)."""

    ITEM: ClassVar[int] = 4

    out: U32
    count: U32
    parts: list[tuple[int, int]] = field(default_factory=list)

    def read_tail(self, data: Bytes, at: int, size: int) -> None:
        _tail_needs(f"the {self.count} parts", 8 * self.count, size)
        flat = struct.unpack_from(f"<{2 * self.count}I", data, at)
        self.parts = list(zip(flat[::2], flat[1::2], strict=True))

    def tail(self) -> bytes:
        return b"".join(struct.pack("<II", *part) for part in self.parts)

    def spans(self) -> Iterator[Span]:
        for index, (address, size) in enumerate(self.parts):
            yield Span(f"part {index}", address, size, self.ITEM, False)
        yield Span("output", self.out, sum(size for _, size in self.parts), self.ITEM, True)


@layer(17, "QUANTIZED_CONCAT")
@dataclass(kw_only=True)
class QuantizedConcat(Concat):
    ITEM: ClassVar[int] = 1


@layer(18, "FULLY_CONNECTED")
@dataclass(kw_only=True)
class FullyConnected(Layer):
    """f32 weights [out][in], then biases, little-endian bytes."""

    source: U32
    out: U32
    in_channels: U32
    out_channels: U32
    act: U32
    weights: Bytes = b""
    biases: Bytes = b""

    def read_tail(self, data: Bytes, at: int, size: int) -> None:
        split = 4 * self.in_channels * self.out_channels
        end = split + 4 * self.out_channels
        _tail_needs("weights and biases", end, size)
        self.weights, self.biases = data[at : at + split], data[at + split : at + end]

    def tail(self) -> bytes:
        return bytes(self.weights) + bytes(self.biases)

    def used_size(self) -> int:
        return self.fixed_size() + 4 * (self.in_channels + 1) * self.out_channels

    def check(self) -> None:
        at_least_one(in_channels=self.in_channels, out_channels=self.out_channels)
        _act_ok(self.act)

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, 4 * self.in_channels, 4, False)
        yield Span("output", self.out, 4 * self.out_channels, 4, True)

    def out_shape(self) -> Shape:
        return Shape(self.out_channels, 1, 1)


@layer(20, "TENSORFLOW_FLATTEN")
@dataclass(kw_only=True)
class TensorflowFlatten(Layer):
    """f32 C,H,W → H,W,C"""

    source: U32
    out: U32
    width: U32
    height: U32
    channels: U32

    def spans(self) -> Iterator[Span]:
        size = 4 * self.width * self.height * self.channels
        yield Span("input", self.source, size, 4, False)
        yield Span("output", self.out, size, 4, True)

    def out_shape(self) -> Shape:
        return Shape(self.width * self.height * self.channels, 1, 1)


@layer(22, "RESIZE_NEAREST_NEIGHBOR")
@dataclass(kw_only=True)
class ResizeNearest(Layer):
    ITEM: ClassVar[int] = 4

    source: U32
    out: U32
    in_width: U32
    in_height: U32
    channels: U32
    out_width: U32
    out_height: U32
    align_corners: U32

    def check(self) -> None:
        at_least_one(in_width=self.in_width, in_height=self.in_height, channels=self.channels)
        at_least_one(out_width=self.out_width, out_height=self.out_height)

    def spans(self) -> Iterator[Span]:
        size = self.in_width * self.in_height * self.channels * self.ITEM
        yield Span("input", self.source, size, self.ITEM, False)
        yield Span("output", self.out, self.out_shape().elements * self.ITEM, self.ITEM, True)

    def out_shape(self) -> Shape:
        return Shape(self.channels, self.out_height, self.out_width)


@layer(23, "QUANTIZED_RESIZE_NEAREST_NEIGHBOR")
@dataclass(kw_only=True)
class QuantizedResizeNearest(ResizeNearest):
    ITEM: ClassVar[int] = 1


@layer(24, "CHANNELWISE_DEQUANTIZE")
@dataclass(kw_only=True)
class ChannelwiseDequantize(Layer):
    """x(c,i) = q(c,i)·scale_c + bias_c; `params` are (scale, bias)."""

    source: U32
    out: U32
    channels: U32
    channel_size: U32
    params: list[tuple[float, float]] = field(default_factory=list)

    def read_tail(self, data: Bytes, at: int, size: int) -> None:
        _tail_needs(f"the {self.channels} scales and biases", 8 * self.channels, size)
        flat = struct.unpack_from(f"<{2 * self.channels}f", data, at)
        self.params = list(zip(flat[::2], flat[1::2], strict=True))

    def tail(self) -> bytes:
        return b"".join(struct.pack("<ff", *pair) for pair in self.params)

    def check(self) -> None:
        for scale, bias in self.params:
            _scale_ok(scale, bias)

    def spans(self) -> Iterator[Span]:
        count = self.channels * self.channel_size
        yield Span("input", self.source, count, 1, False)
        yield Span("output", self.out, 4 * count, 4, True)
