"""Writes kmodel V4 files for tests, valid or not (spec kmodel.md 4)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from .builder import Kpu, rows, words

BINARY, CONCAT, CONV2D, DEQUANTIZE, MATMUL, PAD, QUANTIZE, REDUCE, REDUCE_WINDOW2D = range(9)
MEMORY_COPY, RESIZE_IMAGE, SOFTMAX, TRANSPOSE, STRIDED_SLICE, UNARY, QUANTIZED_CONV2D = range(9, 16)
QUANTIZED_MATMUL, QUANTIZED_BINARY, TABLE_LOOKUP1D, CONV2D_TRANSPOSE, NNIL = range(16, 21)
KPU_UPLOAD, KPU_CONV2D = 0x2001, 0x2002

CONSTANT, MAIN, KPU = range(3)
F32, U8 = range(2)

Range = tuple[int, int, int, int]  # memory, datatype, start, size
Shape = Sequence[int]
Body = bytes | Callable[[int], bytes]


def f32_range(start: int, count: int) -> Range:
    """`count` floats of main memory."""
    return MAIN, F32, start, 4 * count


def u8_range(start: int, count: int) -> Range:
    return MAIN, U8, start, count


def kpu_range(row: int, w: int, h: int, c: int, n: int = 1) -> Range:
    return KPU, U8, 64 * row, 64 * n * rows(w, h, c)


class Model:
    """A model in the making. Bodies that need their own position in the file are functions of it."""

    def __init__(
        self, main: int, inputs: Sequence[tuple[Range, Shape]], outputs: Sequence[Range], constants: bytes = b""
    ) -> None:
        self.inputs, self.outputs, self.constants = list(inputs), list(outputs), constants
        # identifier, version, flags, target, constants, main memory, nodes, inputs, outputs, reserved
        self.header = [0x4B4D444C, 4, 0, 1, -1, main, -1, -1, -1, 0xCCCCCCCC]
        self.nodes: list[tuple[int, Body]] = []

    def add(self, op: int, *fields: int, tail: bytes = b"") -> Model:
        self.nodes.append((op, words(*fields) + tail))
        return self

    def conv(
        self,
        kpu: Kpu,
        main_out: Range = (0, 0, 0, 0),
        batches: int = 1,
        align: tuple[int, int, int] = (256, 256, 256),
        patch: dict[int, int] | None = None,
    ) -> Model:
        """align: of BN, activation, weights in the file. patch replaces 32-bit words of the body by number."""

        def body(at: int) -> bytes:
            weights, bn, act = kpu.tables()
            where, parts, skips = at + 120, b"", []
            for data, alignment in zip((bn, act, weights), align, strict=True):
                skips.append(-where % alignment)
                parts += bytes(skips[-1]) + data
                where += skips[-1] + len(data)
            record = list(struct.unpack("<12Q", kpu.record()))
            for word, skip in zip((4, 7, 5), skips, strict=True):
                record[word] |= skip << 32
            head = bytearray(words(*main_out, batches, 0) + struct.pack("<12Q", *record))
            for index, value in (patch or {}).items():
                struct.pack_into("<I", head, 4 * index, value & 0xFFFFFFFF)
            return bytes(head) + parts

        self.nodes.append((KPU_CONV2D, body))
        return self

    def build(self, pad_last: bool = True) -> bytes:
        found = [len(self.constants), len(self.nodes), len(self.inputs), len(self.outputs)]
        at = 40 + 32 * len(self.inputs) + 16 * len(self.outputs) + len(self.constants) + 8 * len(self.nodes)
        heads, bodies = b"", b""
        for i, (op, body) in enumerate(self.nodes):
            data = body if isinstance(body, bytes) else body(at)
            if pad_last or i < len(self.nodes) - 1:
                data += bytes(-(at + len(data)) % 8)
            heads += words(op, len(data))
            bodies += data
            at += len(data)
        header = list(self.header)
        for index, value in zip((4, 6, 7, 8), found, strict=True):
            header[index] = value if header[index] == -1 else header[index]
        ranges = b"".join(words(*r) for r, _ in self.inputs) + b"".join(words(*s) for _, s in self.inputs)
        ranges += b"".join(words(*r) for r in self.outputs)
        return words(*header) + ranges + self.constants + heads + bodies
