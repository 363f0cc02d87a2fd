"""The KPU layer record: 12 words of 64 bits (spec kpu.md 3, kmodel.md 2.1)."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kpupy.kmodel.errors import KModelError

WORDS = 12
RECORD_SIZE = 8 * WORDS


def _bits(word: int, low: int, width: int, *, default: int = 0, less_one: bool = False, signed: bool = False) -> Any:
    place = {"word": word, "low": low, "width": width, "less_one": less_one, "signed": signed}
    return field(default=default, metadata=place)


@dataclass
class KpuLayer:
    """One layer's fields with their natural values: counts are counts, not counts - 1."""

    int_en: int = _bits(0, 0, 1)
    ram_flag: int = _bits(0, 1, 1)
    full_add: int = _bits(0, 2, 1)
    depthwise: int = _bits(0, 3, 1)
    src_row: int = _bits(1, 0, 15)
    dst_row: int = _bits(1, 32, 15)
    in_channels: int = _bits(2, 0, 10, default=1, less_one=True)
    out_channels: int = _bits(2, 32, 10, default=1, less_one=True)
    channels_per_load: int = _bits(2, 48, 10, default=1, less_one=True)
    in_width: int = _bits(3, 0, 10, default=1, less_one=True)
    in_height: int = _bits(3, 10, 9, default=1, less_one=True)
    out_width: int = _bits(3, 32, 10, default=1, less_one=True)
    out_height: int = _bits(3, 42, 9, default=1, less_one=True)
    kernel_type: int = _bits(4, 0, 3)
    pad_type: int = _bits(4, 3, 1)
    pool_type: int = _bits(4, 4, 4)
    first_stride: int = _bits(4, 8, 1)
    bypass_conv: int = _bits(4, 9, 1)
    load_para: int = _bits(4, 10, 1, default=1)
    dma_burst: int = _bits(4, 16, 8, default=16, less_one=True)
    pad_value: int = _bits(4, 24, 8)
    bn_address: int = _bits(4, 32, 32)
    load_coor: int = _bits(5, 0, 1, default=1)
    loads: int = _bits(5, 1, 6, default=1, less_one=True)
    para_size: int = _bits(5, 15, 17)
    weights_address: int = _bits(5, 32, 32)
    coef_column_offset: int = _bits(6, 0, 4)
    coef_row_offset: int = _bits(6, 4, 12)
    in_channel_pitch: int = _bits(7, 0, 15)
    in_row_pitch: int = _bits(7, 16, 4)
    coef_size: int = _bits(7, 20, 8)
    in_group: int = _bits(7, 28, 3, default=1)
    load_act: int = _bits(7, 31, 1, default=1)
    act_address: int = _bits(7, 32, 32)
    out_channel_pitch: int = _bits(8, 0, 15)
    out_row_pitch: int = _bits(8, 16, 4)
    out_group: int = _bits(8, 20, 3, default=1)
    shr_w: int = _bits(9, 0, 4)
    shr_x: int = _bits(9, 4, 4)
    arg_w: int = _bits(9, 8, 24, signed=True)
    arg_x: int = _bits(9, 32, 24, signed=True)
    arg_add: int = _bits(10, 0, 40, signed=True)
    send_data_out: int = _bits(11, 0, 1)
    channel_bytes: int = _bits(11, 16, 16, default=1, less_one=True)
    total_bytes: int = _bits(11, 32, 32, default=1, less_one=True)

    @property
    def kernel(self) -> int:
        """Edge of the kernel: 1 or 3."""
        return 3 if self.kernel_type == 1 else 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the layer (computed at the full input size)."""
        taps = self.kernel**2 * (1 if self.depthwise else self.in_channels)
        return taps * self.out_channels * self.in_width * self.in_height

    def encode(self) -> list[int]:
        """The 12 words; a value that does not fit its field is an error."""
        words = [0] * WORDS
        for entry in dataclasses.fields(self):
            place, value = entry.metadata, getattr(self, entry.name)
            width, stored = place["width"], value - place["less_one"]
            low, high = (-(1 << width - 1), (1 << width - 1) - 1) if place["signed"] else (0, (1 << width) - 1)
            if not low <= stored <= high:
                shift = int(place["less_one"])
                raise KModelError(f"KPU layer: {entry.name} {value} is outside {low + shift}..{high + shift}")
            words[place["word"]] |= (stored & (1 << width) - 1) << place["low"]
        return words

    @classmethod
    def decode(cls, words: Sequence[int]) -> KpuLayer:
        """The layer that 12 words describe; reserved bits are ignored."""
        values: dict[str, int] = {}
        for entry in dataclasses.fields(cls):
            place = entry.metadata
            width = place["width"]
            value = words[place["word"]] >> place["low"] & (1 << width) - 1
            if place["signed"] and value >> width - 1:
                value -= 1 << width
            values[entry.name] = value + place["less_one"]
        return cls(**values)

    def to_bytes(self) -> bytes:
        return struct.pack(f"<{WORDS}Q", *self.encode())

    @classmethod
    def from_bytes(cls, data: bytes) -> KpuLayer:
        return cls.decode(struct.unpack(f"<{WORDS}Q", data))
