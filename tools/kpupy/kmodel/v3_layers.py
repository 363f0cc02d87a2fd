"""Layer bodies of kmodel V3 as dataclasses (spec kmodel.md 3.3 to 3.6).

A field annotated U32, I32 or F32 is part of the body's fixed struct, in order of declaration; the others are the
variable part. Addresses are byte offsets into main memory. The same classes serve the reader and the writer.
"""

from __future__ import annotations

import functools
import math
import struct
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar

from kpupy.kmodel import layout
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.tables import ACT_SIZE
from kpupy.kmodel.words import RECORD_SIZE, KpuLayer

U32 = Annotated[int, "I"]
I32 = Annotated[int, "i"]
F32 = Annotated[float, "f"]
Bytes = bytes | memoryview

MAX_ELEMENTS = 1 << 28


class Span(NamedTuple):
    """A piece of main memory that a layer reads or writes. `item` is 1 (u8) or 4 (f32) bytes."""

    name: str
    address: int
    size: int
    item: int
    write: bool


class Shape(NamedTuple):
    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@functools.cache
def _struct_of(cls: Any) -> tuple[struct.Struct, tuple[str, ...]]:
    hints = typing.get_type_hints(cls, include_extras=True)
    placed = [(f.name, hints[f.name].__metadata__[0]) for f in fields(cls) if hasattr(hints[f.name], "__metadata__")]
    return struct.Struct("<" + "".join(code for _, code in placed)), tuple(name for name, _ in placed)


@dataclass(kw_only=True)
class Layer:
    """What every layer has: its type number and name, its flags word, and where its body was found."""

    TYPE: ClassVar[int]
    NAME: ClassVar[str]

    flags: U32 = 0
    position: int = field(default=0, compare=False)

    @classmethod
    def fixed_size(cls) -> int:
        return _struct_of(cls)[0].size

    @classmethod
    def read(cls: type[T], data: Bytes, at: int, size: int) -> T:
        """Decode the body of `size` bytes at file offset `at`."""
        layout_, names = _struct_of(cls)
        if size < layout_.size:
            raise KModelError(f"body of {size} bytes is shorter than the {layout_.size} of its fixed part")
        layer = cls(**dict(zip(names, layout_.unpack_from(data, at), strict=True)), position=at)
        layer.read_tail(data, at + layout_.size, size - layout_.size)
        return layer

    def head(self) -> bytes:
        """The fixed part, encoded."""
        layout_, names = _struct_of(type(self))
        try:
            return layout_.pack(*(getattr(self, name) for name in names))
        except struct.error as error:
            raise KModelError(f"{self.NAME}: {error}") from None

    def read_tail(self, data: Bytes, at: int, size: int) -> None:
        """Decode the variable part."""

    def tail(self) -> bytes:
        """The variable part, encoded."""
        return b""

    def spans(self) -> Iterator[Span]:
        """Everything the layer touches in main memory."""
        return iter(())

    def check(self) -> None:
        """Raise KModelError for fields with which the layer cannot run."""

    def used_size(self) -> int:
        """Bytes of the body that carry meaning (the rest is padding)."""
        return self.fixed_size() + len(self.tail())

    def out_shape(self) -> Shape | None:
        """Shape of the result, where the layer knows one."""
        return None


T = TypeVar("T", bound=Layer)
L = TypeVar("L", bound=type[Layer])
LAYERS: dict[int, type[Layer]] = {}


def layer(number: int, name: str) -> Callable[[L], L]:
    """Class decorator: register a layer type."""

    def register(cls: L) -> L:
        cls.TYPE, cls.NAME = number, name
        LAYERS[number] = cls
        return cls

    return register


#: Types with a number but no defined body: no compiler release wrote them.
UNDEFINED = {
    0: "INVALID",
    3: "GLOBAL_MAX_POOL2D",
    4: "QUANTIZED_GLOBAL_MAX_POOL2D",
    6: "QUANTIZED_GLOBAL_AVERAGE_POOL2D",
    10: "QUANTIZED_AVERAGE_POOL2D",
    19: "QUANTIZED_FULLY_CONNECTED",
    21: "QUANTIZED_TENSORFLOW_FLATTEN",
}


def _at_least_one(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise KModelError(f"{name} is {value}, it must be at least 1")


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
        _at_least_one(kernel_size=self.kernel_size, channels=self.channels)

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
        _at_least_one(channels=self.in_channels)
        for axis in ("width", "height"):
            size, out, kernel, stride, pad = (
                getattr(self, f"{name}_{axis}") for name in ("in", "out", "kernel", "stride", "pad")
            )
            for name, value in (("in", size), ("out", out), ("kernel", kernel), ("stride", stride)):
                _at_least_one(**{f"{name}_{axis}": value})
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
        _at_least_one(in_channels=self.in_channels, out_channels=self.out_channels)
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
        _at_least_one(in_width=self.in_width, in_height=self.in_height, channels=self.channels)
        _at_least_one(out_width=self.out_width, out_height=self.out_height)

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


@layer(10240, "K210_CONV")
@dataclass(kw_only=True)
class Conv(Layer):
    """One KPU layer. The four offsets are absolute in the file; the tables are the bytes found there."""

    MAIN_MEM_OUT: ClassVar[int] = 1

    out: U32
    record_offset: U32 = 0
    weights_offset: U32 = 0
    bn_offset: U32 = 0
    act_offset: U32 = 0
    record: KpuLayer = field(default_factory=KpuLayer)
    weights: Bytes = b""
    bn: Bytes = b""
    act: Bytes = b""

    @property
    def to_main(self) -> bool:
        return bool(self.flags & self.MAIN_MEM_OUT)

    def read_tables(self, data: Bytes, weight_bytes: int, first_body: int) -> None:
        """Fetch record and tables; `first_body` is where the bodies begin."""

        def piece(what: str, at: int, size: int) -> Bytes:
            if at < first_body:
                raise KModelError(f"{what} at {at} points into the header, which ends at {first_body}")
            if at + size > len(data):
                raise KModelError(f"{what} at {at} with {size} bytes ends behind the file's {len(data)} bytes")
            return data[at : at + size]

        self.record = KpuLayer.from_bytes(bytes(piece("layer record", self.record_offset, RECORD_SIZE)))
        r = self.record
        weights = r.out_channels * (1 if r.depthwise else r.in_channels) * r.kernel**2 * weight_bytes
        self.weights = piece("weights", self.weights_offset, weights)
        if self.bn_offset % 8:
            raise KModelError(f"BN table at {self.bn_offset} is not a multiple of 8")
        self.bn = piece("BN table", self.bn_offset, 8 * r.out_channels)
        self.act = piece("activation table", self.act_offset, ACT_SIZE)

    def used_size(self) -> int:
        ends = (
            self.record_offset + RECORD_SIZE,
            self.weights_offset + len(self.weights),
            self.bn_offset + len(self.bn),
            self.act_offset + len(self.act),
        )
        return max(self.fixed_size(), max(ends) - self.position)

    def spans(self) -> Iterator[Span]:
        if self.to_main:
            yield Span("output", self.out, self.out_shape().elements, 1, True)

    def in_shape(self) -> Shape:
        return Shape(self.record.in_channels, self.record.in_height, self.record.in_width)

    def out_shape(self) -> Shape:
        return Shape(self.record.out_channels, self.record.out_height, self.record.out_width)

    def src_rows(self) -> tuple[int, int]:
        """First and past-the-last KPU row of the input."""
        r = self.record
        return r.src_row, r.src_row + layout.rows_of(r.in_width, r.in_height, r.in_channels)

    def dst_rows(self) -> tuple[int, int]:
        """First and past-the-last KPU row of the output."""
        r = self.record
        return r.dst_row, r.dst_row + layout.rows_of(r.out_width, r.out_height, r.out_channels)


@layer(10241, "K210_ADD_PADDING")
@dataclass(kw_only=True)
class AddPadding(Layer):
    """A vector becomes a 4x4 map per value with the value at (0,0)."""

    source: U32
    row: U32
    channels: U32

    def check(self) -> None:
        _at_least_one(channels=self.channels)
        _rows_fit(self.row, layout.rows_of(4, 4, self.channels))

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, self.channels, 1, False)


@layer(10242, "K210_REMOVE_PADDING")
@dataclass(kw_only=True)
class RemovePadding(Layer):
    """out[c] = in[16·c]"""

    source: U32
    out: U32
    channels: U32

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, 16 * self.channels, 1, False)
        yield Span("output", self.out, self.channels, 1, True)

    def out_shape(self) -> Shape:
        return Shape(self.channels, 1, 1)


@layer(10243, "K210_UPLOAD")
@dataclass(kw_only=True)
class Upload(Layer):
    source: U32
    row: U32
    width: U32
    height: U32
    channels: U32

    def check(self) -> None:
        _at_least_one(width=self.width, height=self.height, channels=self.channels)
        _rows_fit(self.row, layout.rows_of(self.width, self.height, self.channels))

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, self.width * self.height * self.channels, 1, False)

    def out_shape(self) -> Shape:
        return Shape(self.channels, self.height, self.width)


def _rows_fit(row: int, rows: int) -> None:
    if row + rows > layout.ROWS:
        raise KModelError(f"KPU rows {row}..{row + rows - 1} end behind the last row {layout.ROWS - 1}")
