"""Batch-norm and activation tables (spec kpu.md 6.3, 6.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from kpupy.kmodel.errors import KModelError

SEGMENTS = 16
ACT_SIZE = 144
START_MIN, START_MAX = -(1 << 35), (1 << 35) - 1


class BnEntry(NamedTuple):
    """v = floor(u·mul / 2^shift) + add: mul s24, shift u4, add s32."""

    mul: int
    shift: int
    add: int


class Segment(NamedTuple):
    """out = clamp(round((v - start)·mul / 2^shift) + bias) for v above start: s36, s16, u8, u8."""

    start: int
    mul: int
    shift: int
    bias: int


def _fit(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise KModelError(f"{name} {value} is outside {low}..{high}")
    return value


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def encode_bn(entries: Sequence[BnEntry]) -> bytes:
    words = []
    for entry in entries:
        mul = _fit("BN multiplier", entry.mul, -(1 << 23), (1 << 23) - 1) & 0xFFFFFF
        add = _fit("BN addend", entry.add, -(1 << 31), (1 << 31) - 1) & 0xFFFFFFFF
        words.append(mul | add << 24 | _fit("BN shift", entry.shift, 0, 15) << 56)
    return struct.pack(f"<{len(words)}Q", *words)


def decode_bn(data: bytes) -> list[BnEntry]:
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    return [BnEntry(_signed(w, 24), w >> 56 & 15, _signed(w >> 24, 32)) for w in words]


def encode_act(segments: Sequence[Segment]) -> bytes:
    if len(segments) != SEGMENTS:
        raise KModelError(f"an activation table has {SEGMENTS} segments, not {len(segments)}")
    words = []
    for s in segments:
        start = _fit("segment start", s.start, START_MIN, START_MAX) & (1 << 36) - 1
        mul = _fit("segment multiplier", s.mul, -(1 << 15), (1 << 15) - 1) & 0xFFFF
        words.append(start << 24 | mul << 8 | _fit("segment shift", s.shift, 0, 255))
    return struct.pack(f"<{SEGMENTS}Q", *words) + bytes(_fit("segment bias", s.bias, 0, 255) for s in segments)


def decode_act(data: bytes) -> list[Segment]:
    words = struct.unpack_from(f"<{SEGMENTS}Q", data)
    return [
        Segment(_signed(w >> 24, 36), _signed(w >> 8, 16), w & 255, data[8 * SEGMENTS + i]) for i, w in enumerate(words)
    ]


def linear_act(mul: int, shift: int) -> list[Segment]:
    """out = clamp(round(v·mul / 2^shift)): everything at or below 0 gives 0, so this is also ReLU."""
    unused = [Segment(START_MIN + i, 0, 0, 0) for i in range(SEGMENTS - 1)]
    return [*unused, Segment(0, mul, shift, 0)]
