"""Writes kmodel V5 files for tests, valid or not (spec kmodel.md 5)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .builder import Kpu, rows

Array = np.ndarray[Any, Any]

TYPES = {"int8": 0, "int16": 1, "int32": 2, "int64": 3, "uint8": 4, "uint16": 5, "uint32": 6, "uint64": 7}
TYPES |= {"float16": 8, "float32": 9, "float64": 10, "bfloat16": 11}
SIZES = (1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2)
INPUT, OUTPUT, RDATA, DATA, KPU = 0, 1, 2, 3, 64

# Function numbers of 1.9, by name (spec kmodel.md 5.6).
NUMBERS = {
    **{"BATCH_TO_SPACE": 0x00, "BINARY": 0x01, "BROADCAST": 0x02, "CALL": 0x03, "COMPARE": 0x04, "CONV2D": 0x06},
    **{"CONVERT": 0x08, "COPY": 0x09, "CUMSUM": 0x0A, "DEQUANTIZE": 0x0B, "GATHER": 0x0C, "GATHER_ND": 0x0D},
    **{"HARDMAX": 0x0E, "LUT1D": 0x10, "MATMUL": 0x11, "ONEHOT": 0x12, "PAD": 0x13, "QUANTIZE": 0x14},
    **{"RANDOM_NORMAL": 0x15, "REDUCE": 0x17, "REDUCE_ARG": 0x18, "REDUCE_PROD": 0x19, "REDUCE_WINDOW2D": 0x1A},
    **{"RESIZE_IMAGE": 0x1B, "ROI_ALIGN": 0x1C, "SIGMOID": 0x1D, "SLICE": 0x1E, "SOFTMAX": 0x1F},
    **{"SPACE_TO_BATCH": 0x20, "TERNARY": 0x22, "TOPK": 0x23, "TRANSPOSE": 0x24, "TRILU": 0x25, "UNARY": 0x26},
    **{"GRU": 0x27, "LAYER_NORMALIZATION": 0x29, "COMPRESS": 0x2A, "GATHER_ELEMENTS": 0x2B},
}


def dtype(kind: str) -> int:
    return TYPES[np.dtype(kind).name]


def pad8(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def dense(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements."""
    return tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))


@dataclass
class At:
    """An address."""

    location: int
    offset: int = 0


@dataclass
class Reg:
    """A shape register with these values."""

    values: Sequence[int]


@dataclass
class Pads:
    """A padding register: before, after, interior of each axis."""

    values: Sequence[Sequence[int]]


def ldc(value: int) -> bytes:
    return b"\x02" + struct.pack("<I", value & 0xFFFFFFFF)


def ldr(value: float) -> bytes:
    return b"\x05" + struct.pack("<f", value)


def lea(location: int, offset: int) -> bytes:
    return b"\x17" + struct.pack("<BBI", location, 0, offset)


def stshape(register: int, values: Sequence[int]) -> bytes:
    return b"".join(map(ldc, values)) + bytes((0x31, register, len(values)))


def op(name: str | int, args: Sequence[Any], fields: Sequence[Any]) -> bytes:
    """Code of one operation. args: At, int, float, tuple (a padding). fields: int (u8), Reg, Pads, bytes."""
    code, record = b"", b""
    for arg in args:
        if isinstance(arg, At):
            code += lea(arg.location, arg.offset)
        elif isinstance(arg, tuple):
            code += b"".join(map(ldc, arg))
        else:
            code += ldr(arg) if isinstance(arg, float) else ldc(arg)
    registers = paddings = 0
    for f in fields:
        if isinstance(f, Reg):
            code += stshape(registers, f.values)
            record += bytes((registers,))
            registers += 1
        elif isinstance(f, Pads):
            code += b"".join(ldc(v) for axis in f.values for v in axis) + bytes((0x32, paddings, len(f.values)))
            record += bytes((paddings,))
            paddings += 1
        else:
            record += f if isinstance(f, bytes) else bytes((f,))
    number = NUMBERS[name] if isinstance(name, str) else name
    return code + b"\x5e" + struct.pack("<H", number) + record


@dataclass
class Param:
    type: int
    shape: Sequence[int]
    start: int = -1  # behind the one before

    @property
    def size(self) -> int:
        return int(np.prod(self.shape)) * SIZES[self.type]


def param(array: Array) -> Param:
    return Param(TYPES[array.dtype.name], array.shape)


@dataclass
class Function:
    inputs: Sequence[Param]
    outputs: Sequence[Param]
    code: bytes

    def record(self, entry: int) -> bytes:
        out = b""
        totals = []
        for location, params in ((INPUT, self.inputs), (OUTPUT, self.outputs)):
            at = 0
            ranges = shapes = b""
            for p in params:
                start = at if p.start < 0 else p.start
                ranges += struct.pack("<BBHII", location, p.type, 0, start, p.size)
                shapes += struct.pack(f"<{len(p.shape) + 1}I", len(p.shape), *p.shape)
                at = start + -(-p.size // 8) * 8
            totals.append(at)
            out += ranges + shapes
        size = 32 + len(pad8(out))
        head = (32, size, *totals, len(self.inputs), len(self.outputs), entry, len(self.code))
        return struct.pack("<8I", *head) + pad8(out)


@dataclass
class Module:
    kind: str
    functions: Sequence[Function]
    rdata: bytes = b""
    data: int = 0
    pools: Sequence[tuple[int, int]] | None = None  # instead of those that follow from the rest
    extra: Sequence[tuple[str, bytes]] = field(default_factory=list)  # further sections

    def build(self, at: int) -> bytes:
        align = 256 if self.kind == "k210" else 8
        pools = self.pools
        if pools is None:
            pools = [(RDATA, len(self.rdata)), (DATA, self.data)] + ([(KPU, 2 << 20)] if align == 256 else [])
        body = b"".join(struct.pack("<II", *p) for p in pools)
        text = b""
        for f in self.functions:
            body += f.record(len(text))
            text += f.code
        sections = [(".rdata", self.rdata), (".text", text), *self.extra]
        for name, data in sections:
            start = -(at + 48 + len(body) + 32) % align
            body += name.encode().ljust(16, b"\0") + struct.pack("<4I", 0, start, len(data), 0) + bytes(start) + data
        body = pad8(body)
        head = (1, 48, 48 + len(body), len(pools), 0, len(sections), len(self.functions), 0)
        return self.kind.encode().ljust(16, b"\0") + struct.pack("<8I", *head) + body


def build(modules: Sequence[Module], entry: tuple[int, int] = (0, 0)) -> bytes:
    align = 256 if any(m.kind == "k210" for m in modules) else 8
    out = b"LDMK" + struct.pack("<7I", 5, 32, 0, align, len(modules), *entry)
    for module in modules:
        out += module.build(len(out))
    return out


def model(
    inputs: Sequence[Array], outputs: Sequence[Param], code: bytes, rdata: bytes = b"", data: int = 0
) -> tuple[bytes, bytes]:
    """A model of one stackvm function, and its input data."""
    function = Function([param(a) for a in inputs], outputs, code)
    return build([Module("stackvm", [function], rdata, data)]), b"".join(a.tobytes() for a in inputs)


def krange(location: int, kind: int, start: int, size: int) -> bytes:
    return struct.pack("<BBHII", location, kind, 0, start, size)


def upload(start: int, row: int, shape: Sequence[int], location: int = INPUT) -> bytes:
    n, c, h, w = shape
    size, kpu = n * c * h * w, 64 * n * rows(w, h, c)
    return struct.pack("<I", 0) + krange(location, 4, start, size) + krange(KPU, 4, 64 * row, kpu) + _shape(shape)


def download(row: int, start: int, shape: Sequence[int], location: int = OUTPUT) -> bytes:
    n, c, h, w = shape
    size, kpu = n * c * h * w, 64 * n * rows(w, h, c)
    return struct.pack("<I", 1) + krange(KPU, 4, 64 * row, kpu) + krange(location, 4, start, size) + _shape(shape)


def _shape(shape: Sequence[int]) -> bytes:
    return struct.pack("<4I", *shape)


def copy(
    source: tuple[int, int],
    target: tuple[int, int],
    shape: Sequence[int],
    strides: Sequence[Sequence[int]],
    kind: int = 4,
) -> bytes:
    size = int(np.prod(shape)) * SIZES[kind]
    ranges = krange(source[0], kind, source[1], size) + krange(target[0], kind, target[1], size)
    return struct.pack("<I", 3) + ranges + _shape(shape) + _shape(strides[0]) + _shape(strides[1])


def conv(kpu: Kpu, rdata: bytearray, batches: int = 1, main: tuple[int, int, int] | None = None) -> bytes:
    """A convolution, whose tables are appended to rdata. main: location, start, size of the result in memory."""
    ranges = b""
    for kind, data, align in zip((4, 7, 7), kpu.tables(), (8, 8, 256), strict=True):
        rdata.extend(bytes(-len(rdata) % align))
        ranges += krange(RDATA, kind, len(rdata), len(data))
        rdata.extend(data)
    ranges += krange(main[0], 4, main[1], main[2]) if main else bytes(12)
    return struct.pack("<I", 2) + ranges + struct.pack("<I", batches) + kpu.record()
