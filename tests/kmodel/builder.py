"""Writes kmodel V3 files for tests, valid or not (spec kmodel.md 3, kpu.md 3 and 6)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

ADD, QUANTIZED_ADD, GLOBAL_AVERAGE_POOL2D, MAX_POOL2D, QUANTIZED_MAX_POOL2D, AVERAGE_POOL2D = 1, 2, 5, 7, 8, 9
QUANTIZE, DEQUANTIZE, REQUANTIZE, L2_NORMALIZATION, SOFTMAX, CONCAT, QUANTIZED_CONCAT = 11, 12, 13, 14, 15, 16, 17
FULLY_CONNECTED, FLATTEN, RESIZE, QUANTIZED_RESIZE, CHANNELWISE_DEQUANTIZE, LOGISTIC = 18, 20, 22, 23, 24, 25
CONV, ADD_PADDING, REMOVE_PADDING, UPLOAD = 10240, 10241, 10242, 10243

POOL_STRIDE = (1, 2, 2, 4, 4, 2, 2, 4, 1, 1)


def f32(value: float) -> int:
    """The bits of a float, as a body word."""
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def words(*values: int) -> bytes:
    """Body words; negative numbers in two's complement."""
    return struct.pack(f"<{len(values)}I", *(v & 0xFFFFFFFF for v in values))


def group(w: int) -> int:
    return 4 if w <= 16 else 2 if w <= 32 else 1


def rows(w: int, h: int, c: int) -> int:
    """Rows of AI RAM that a map takes."""
    return -(-w // 64) * h * -(-c // group(w))


@dataclass
class Kpu:
    """One KPU layer: its words and tables."""

    w: int
    h: int
    c: int
    oc: int
    kernel: int = 1
    pool: int = 0
    depthwise: bool = False
    src: int = 0
    dst: int = -1  # right behind the input
    pad: int = 0
    arg_x: int = 0
    arg_w: int = 0
    arg_add: int = 0
    shr_x: int = 0
    shr_w: int = 0
    weight_bytes: int = 1
    oc_per_load: int = 0  # 0: by spec kpu.md 6.2
    weights: Sequence[int] = ()
    bn: Sequence[tuple[int, int, int]] = ()  # mul, shift, add
    segments: Sequence[tuple[int, int, int, int]] = ()  # start, mul, shift, bias
    patch: dict[int, tuple[int, int]] = field(default_factory=dict)  # word: (clear mask, set bits)

    @property
    def ow(self) -> int:
        return self.w // POOL_STRIDE[self.pool]

    @property
    def oh(self) -> int:
        return self.h // POOL_STRIDE[self.pool]

    @property
    def channel_bytes(self) -> int:
        return self.kernel**2 * (1 if self.depthwise else self.c) * self.weight_bytes

    def per_load(self) -> int:
        if self.oc_per_load or self.depthwise:
            return self.oc_per_load or self.oc
        n = min(self.oc, 30720 // self.channel_bytes)
        while n < self.oc and n * self.channel_bytes % 8:
            n -= 1
        return n

    def record(self) -> bytes:
        dst = self.dst if self.dst >= 0 else self.src + rows(self.w, self.h, self.c)
        n = self.per_load()
        line, out_line = -(-self.w // 64), -(-self.ow // 64)
        w = [
            int(self.depthwise) << 3,
            self.src | dst << 32,
            self.c - 1 | self.oc - 1 << 32 | n - 1 << 48,
            self.w - 1 | self.h - 1 << 10 | self.ow - 1 << 32 | self.oh - 1 << 42,
            int(self.kernel == 3) | self.pool << 4 | 1 << 10 | 15 << 16 | self.pad << 24,
            1 | -(-self.oc // n) - 1 << 1 | n * self.channel_bytes << 15,
            0,
            line * self.h | line << 16 | group(self.w) << 28 | 1 << 31,
            out_line * self.oh | out_line << 16 | group(self.ow) << 20,
            self.shr_w | self.shr_x << 4 | (self.arg_w & 0xFFFFFF) << 8 | (self.arg_x & 0xFFFFFF) << 32,
            self.arg_add & (1 << 40) - 1,
            (self.ow * self.oh - 1 & 0xFFFF) << 16 | self.ow * self.oh * self.oc - 1 << 32,
        ]
        for index, (clear, bits) in self.patch.items():
            w[index] = w[index] & ~clear | bits
        return struct.pack("<12Q", *w)

    def tables(self) -> tuple[bytes, bytes, bytes]:
        """Weights, batch norm, activation."""
        kind = "B" if self.weight_bytes == 1 else "H"
        bn = b"".join(
            struct.pack("<Q", mul & 0xFFFFFF | (add & 0xFFFFFFFF) << 24 | shift << 56) for mul, shift, add in self.bn
        )
        act = b"".join(
            struct.pack("<Q", shift | (mul & 0xFFFF) << 8 | (start & (1 << 36) - 1) << 24)
            for start, mul, shift, _ in self.segments
        )
        return struct.pack(f"<{len(self.weights)}{kind}", *self.weights), bn, act + bytes(s[3] for s in self.segments)


def identity(x0: int = 0, mul: int = 1, shift: int = 0) -> list[tuple[int, int, int, int]]:
    """The activation table ID of spec kpu.md 11."""
    middle = [(-(2**34) + i - 1, 0, 0, 0) for i in range(1, 14)]
    return [(-(2**35), 0, 0, 0), *middle, (x0, mul, shift, 0), (2**35 - 1, 0, 0, 0)]


def random_kpu(rng: np.random.Generator, w: int, h: int, c: int, oc: int, **options: int) -> Kpu:
    """A layer with random parameters whose results spread over 0..255."""
    layer = Kpu(w, h, c, oc, **options)  # type: ignore[arg-type]
    top = 255 if layer.weight_bytes == 1 else 65535
    layer.weights = rng.integers(0, top + 1, layer.channel_bytes // layer.weight_bytes * oc).tolist()
    taps = layer.kernel**2 * (1 if layer.depthwise else c)
    zero_w, zero_x = int(rng.integers(top // 3, 2 * top // 3)), int(rng.integers(60, 200))
    layer.pad = zero_x
    layer.arg_x, layer.arg_w = -zero_w << 4, -zero_x << 2
    layer.shr_x, layer.shr_w = 4, 2
    layer.arg_add = zero_w * zero_x * layer.kernel**2
    spread = top * 40 * taps**0.5
    layer.bn = [(int(rng.integers(2**14, 2**16)), 12, int(rng.integers(-2000, 2000))) for _ in range(oc)]
    reach = int(spread * 8)
    starts = sorted(int(s) for s in rng.integers(-reach, reach, 15))
    slope = max(1, int(255 / (2 * reach) * 2**30))
    shift = 30
    while slope > 32767:
        slope, shift = slope // 2, shift - 1
    layer.segments = [(-(2**35), 0, 0, 0)] + [
        (s, slope * (-1 if i == 9 else 1), shift, min(255, max(0, int((s + reach) / (2 * reach) * 255))))
        for i, s in enumerate(starts)
    ]
    return layer


Body = bytes | Callable[[int], bytes]


class Model:
    """A model in the making. Bodies that need their own position in the file are functions of it."""

    def __init__(self, main: int, outputs: Sequence[tuple[int, int]], flags: int = 1) -> None:
        self.header = [3, flags, 0, -1, 0, main, -1]
        self.outputs = list(outputs)
        self.layers: list[tuple[int, Body]] = []

    def add(self, kind: int, *fields: int, tail: bytes = b"", flags: int = 0) -> Model:
        self.layers.append((kind, words(flags, *fields) + tail))
        return self

    def conv(self, kpu: Kpu, main_out: int | None = None, patch: dict[int, int] | None = None) -> Model:
        """patch replaces body words by number."""

        def body(at: int) -> bytes:
            record = at + 24 + (-(at + 24)) % 8
            tables = kpu.tables()
            weights = record + 96 + (-(record + 96)) % 128
            bn = weights + len(tables[0]) + (-(weights + len(tables[0]))) % 128
            act = bn + len(tables[1]) + (-(bn + len(tables[1]))) % 256
            fields = [int(main_out is not None), main_out or 0, record, weights, bn, act]
            for index, value in (patch or {}).items():
                fields[index] = value
            out = words(*fields)
            for start, data in ((record, kpu.record()), (weights, tables[0]), (bn, tables[1]), (act, tables[2])):
                out = out.ljust(start - at, b"\0") + data
            return out

        self.layers.append((CONV, body))
        return self

    def build(self, pad_last: bool = True) -> bytes:
        count = self.header[3] if self.header[3] >= 0 else len(self.layers)
        outputs = self.header[6] if self.header[6] >= 0 else len(self.outputs)
        at = 28 + 8 * len(self.outputs) + 8 * len(self.layers)
        heads, bodies = b"", b""
        for i, (kind, body) in enumerate(self.layers):
            data = body if isinstance(body, bytes) else body(at)
            if pad_last or i < len(self.layers) - 1:
                data += bytes(-(at + len(data)) % 8)
            heads += words(kind, len(data))
            bodies += data
            at += len(data)
        header = [*self.header[:3], count, *self.header[4:6], outputs]
        return words(*header) + b"".join(words(*o) for o in self.outputs) + heads + bodies


def swap_words(data: bytes) -> bytes:
    """The form of spec kmodel.md 1.3; padded with ASCII zeros."""
    data += b"0" * (-len(data) % 4)
    return np.frombuffer(data, "<u4").byteswap().tobytes()
