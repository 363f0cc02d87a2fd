"""The records of kmodel V5's k210 functions: upload, download, convolution, copy (spec kmodel.md 5.8, 7.5)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import NamedTuple

from kpupy.kmodel import layout
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.tables import ACT_SIZE
from kpupy.kmodel.v3 import check_record
from kpupy.kmodel.v3_base import MAX_ELEMENTS
from kpupy.kmodel.v4 import KPU_SIZE, row_span
from kpupy.kmodel.words import RECORD_SIZE, KpuLayer

INPUT, OUTPUT, RDATA, DATA, KPU = 0, 1, 2, 3, 64
U8 = 4
KINDS = ("kpu_upload", "kpu_download", "kpu_conv2d", "copy")
_SIZES = (44, 44, 152, 76)
_ITEM = (1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2)


class Range(NamedTuple):
    """A piece of memory; of an input or output `start` is what identifies it."""

    location: int
    datatype: int
    shared: int
    start: int
    size: int


class Memory(NamedTuple):
    """Bytes of the module's constants and data pool."""

    rdata: int
    data: int


@dataclass
class Record:
    """One step; shapes are N,C,H,W. `rows` are the first and past-the-last KPU row it touches."""

    name: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    rows: tuple[int, int] | None = None
    record: KpuLayer | None = None
    batches: int = 1

    @property
    def macs(self) -> int:
        return self.batches * self.record.macs if self.record else 0


class _Reader(NamedTuple):
    memory: Memory
    inputs: list[Range]
    outputs: list[Range]

    def place(self, code: memoryview, at: int, name: str, write: bool = False) -> Range:
        """The range at `at`, checked to lie in its memory."""
        place = Range(*struct.unpack_from("<BBHII", code, at))
        if place.datatype >= len(_ITEM):
            raise KModelError(f"{name}: datatype {place.datatype} is outside 0..{len(_ITEM) - 1}")
        start, limit = self.extent(place, name)
        if start + place.size > limit:
            raise KModelError(f"{name} at {start} with {place.size} bytes ends behind its memory of {limit}")
        if place.location == KPU and place.start % layout.ROW:
            raise KModelError(f"{name} at {place.start} in KPU memory is not a multiple of {layout.ROW}")
        if write and place.location in (INPUT, RDATA):
            raise KModelError(f"{name} is written to location {place.location}, which is only read")
        return place

    def extent(self, place: Range, name: str) -> tuple[int, int]:
        """Where the range begins in its memory, and how many bytes that memory has."""
        if place.location in (INPUT, OUTPUT):
            known = {r.start: r.size for r in (self.inputs, self.outputs)[place.location]}
            if place.start not in known:
                raise KModelError(f"{name}: no {('input', 'output')[place.location]} of the function starts at "
                                  f"{place.start}")
            return 0, known[place.start]
        limit = {RDATA: self.memory.rdata, DATA: self.memory.data, KPU: KPU_SIZE}.get(place.location)
        if limit is None:
            raise KModelError(f"{name}: location {place.location} is unknown")
        return place.start, limit


def read(code: memoryview, memory: Memory, inputs: list[Range], outputs: list[Range]) -> list[Record]:
    """All records of a function's code."""
    reader, at = _Reader(memory, inputs, outputs), 0
    records: list[Record] = []
    while at < len(code):
        kind = code[at]
        if kind >= len(KINDS):
            raise KModelError(f"record {len(records)} at {at}: kind {kind} is outside 0..{len(KINDS) - 1}")
        end = at + _SIZES[kind]
        try:
            if end > len(code):
                raise KModelError(f"its {_SIZES[kind]} bytes end behind the function's {len(code)}")
            piece = code[at:end]
            if kind == 2:
                records.append(_conv(reader, piece))
            elif kind == 3:
                records.append(_copy(reader, piece))
            else:
                records.append(_transfer(reader, piece, KINDS[kind]))
        except KModelError as error:
            raise KModelError(f"record {len(records)} ({KINDS[kind]}): {error}") from None
        at = end
    return records


def _shape(piece: memoryview, at: int) -> tuple[int, ...]:
    shape = struct.unpack_from("<4I", piece, at)
    if min(shape) < 1 or math.prod(shape) > MAX_ELEMENTS:
        raise KModelError(f"shape {'x'.join(map(str, shape))}: 1 to {MAX_ELEMENTS} elements are possible")
    return shape


def _transfer(reader: _Reader, piece: memoryview, name: str) -> Record:
    source, target = reader.place(piece, 4, "in"), reader.place(piece, 16, "out", write=True)
    n, channels, height, width = shape = _shape(piece, 28)
    kpu, main = (target, source) if name == "kpu_upload" else (source, target)
    if kpu.location != KPU or main.location == KPU:
        raise KModelError(f"from location {source.location} to {target.location}: exactly one end must be {KPU}, KPU")
    if main.datatype != U8 or main.size < math.prod(shape):
        raise KModelError(f"{main.size} bytes of type {main.datatype} must hold {math.prod(shape)} u8")
    start = kpu.start // layout.ROW
    end = start + n * layout.rows_of(width, height, channels)
    if end > layout.ROWS:
        raise KModelError(f"it ends at KPU row {end}, there are {layout.ROWS}")
    return Record(name, shape, shape, (start, end))


def _conv(reader: _Reader, piece: memoryview) -> Record:
    r = KpuLayer.from_bytes(bytes(piece[56 : 56 + RECORD_SIZE]))
    check_record(r, 1)
    weights = r.out_channels * (1 if r.depthwise else r.in_channels) * r.kernel**2
    needs = (("weights", 4, weights, 8), ("BN table", 16, 8 * r.out_channels, 8),
             ("activation table", 28, ACT_SIZE, 256))
    for name, at, needed, step in needs:
        place = reader.place(piece, at, name)
        if place.location != RDATA or place.size < needed or place.start % step:
            raise KModelError(f"{name} of {place.size} bytes at {place.start} of location {place.location}; it must "
                              f"be {needed} bytes of .rdata at a multiple of {step}")
    batches = struct.unpack_from("<I", piece, 52)[0]
    rows = row_span(r, batches)
    if not 1 <= batches <= layout.ROWS or rows[1] > layout.ROWS:
        raise KModelError(f"{batches} batches end at KPU row {rows[1]}, there are {layout.ROWS}")
    out = (batches, r.out_channels, r.out_height, r.out_width)
    if struct.unpack_from("<I", piece, 48)[0]:
        main = reader.place(piece, 40, "main output", write=True)
        if main.size < math.prod(out) or main.location == KPU:
            raise KModelError(f"main output of {main.size} bytes in location {main.location} must hold "
                              f"{math.prod(out)}")
    return Record("kpu_conv2d", (batches, r.in_channels, r.in_height, r.in_width), out, rows, r, batches)


def _copy(reader: _Reader, piece: memoryview) -> Record:
    """The ranges' sizes are those of dense tensors: strides reach beyond them, up to the end of the memory."""
    places = reader.place(piece, 4, "in"), reader.place(piece, 16, "out", write=True)
    shape = _shape(piece, 28)
    for name, place, at in (("in", places[0], 44), ("out", places[1], 60)):
        strides = struct.unpack_from("<4I", piece, at)
        last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        needed = (last + 1) * _ITEM[places[0].datatype]
        start, limit = reader.extent(place, name)
        if place.location == KPU or start + needed > limit:
            raise KModelError(f"{name} of {needed} bytes at {start} in location {place.location} ends behind its "
                              f"memory of {limit}")
    return Record("copy", shape, shape)
