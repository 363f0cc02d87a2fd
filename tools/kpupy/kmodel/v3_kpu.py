"""The layers of kmodel V3 that belong to the KPU (spec kmodel.md 3.4, 3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from kpupy.kmodel import layout
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.tables import ACT_SIZE
from kpupy.kmodel.v3_base import U32, Bytes, Layer, Shape, Span, at_least_one, layer
from kpupy.kmodel.words import RECORD_SIZE, KpuLayer


def _rows_fit(row: int, rows: int) -> None:
    if row + rows > layout.ROWS:
        raise KModelError(f"KPU rows {row}..{row + rows - 1} end behind the last row {layout.ROWS - 1}")


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
        at_least_one(channels=self.channels)
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
        at_least_one(width=self.width, height=self.height, channels=self.channels)
        _rows_fit(self.row, layout.rows_of(self.width, self.height, self.channels))

    def spans(self) -> Iterator[Span]:
        yield Span("input", self.source, self.width * self.height * self.channels, 1, False)

    def out_shape(self) -> Shape:
        return Shape(self.channels, self.height, self.width)
