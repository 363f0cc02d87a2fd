"""Layer records and parameter tables: spec kpu.md 3, 6 and the vectors of 3.1 and 11."""

from __future__ import annotations

import dataclasses
import random

import pytest
from kpupy.kmodel import layout, tables
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.tables import BnEntry, Segment
from kpupy.kmodel.words import KpuLayer

LAYER_A = [
    0x3,
    0x7FE2,
    0x0006_0012_0000_0002,
    0x0000_1809_0000_3813,
    0x402D_4FD8_001F_0451,
    0x401B_6EB8_00BD_0005,
    0,
    0x400C_C700_A011_000F,
    0x41_0007,
    0x0005_3FD6_54A1_3ED2,
    0xD_467D_C21C,
    0,
]
LAYER_B = [
    0x2,
    0x7E00,
    0x0000_0003_0000_0007,
    0x0000_3C3B_0000_7C77,
    0x4037_6800_000F_0420,
    0x4011_80E0_0008_0007,
    0,
    0x4038_1900_9002_0040,
    0x11_0010,
    0x0006_5221_9305_9F0C,
    0x7_ED71_E24E,
    0,
]
LAYER_C = [
    0x3,
    0x0000_7FD8_0000_0000,
    0x0004_0008_0000_0003,
    0x0000_1C1D_0000_3C3B,
    0x4036_4CA0_003F_0410,
    0x4002_CFF8_0014_0003,
    0,
    0x402D_2900_9001_0010,
    0x21_0008,
    0x00D4_22D7_9ADB_7C00,
    0x8_1694_425E,
    0,
]


def expect(layer: KpuLayer, **fields: int) -> None:
    assert {name: getattr(layer, name) for name in fields} == fields


def test_verification_layer_a() -> None:
    layer = KpuLayer.decode(LAYER_A)
    expect(layer, int_en=1, ram_flag=1, src_row=0x7FE2, dst_row=0, in_channels=3, out_channels=19, channels_per_load=7)
    expect(layer, in_width=20, in_height=15, out_width=10, out_height=7, kernel_type=1, pool_type=5, loads=3)
    expect(layer, para_size=378, dma_burst=32, in_group=2, in_channel_pitch=15, in_row_pitch=1, out_group=4)
    expect(layer, shr_x=13, shr_w=2, arg_x=0x053FD6, arg_w=0x54A13E, arg_add=0xD_467D_C21C, act_address=0x400CC700)
    assert layer.encode() == LAYER_A


def test_verification_layer_b() -> None:
    layer = KpuLayer.decode(LAYER_B)
    expect(layer, int_en=0, in_width=120, in_height=32, in_channels=8, out_width=60, out_height=16, out_channels=4)
    expect(layer, kernel_type=0, pool_type=2, src_row=0x7E00, dst_row=0, loads=4, channels_per_load=1, para_size=16)
    assert layer.encode() == LAYER_B


def test_verification_layer_c() -> None:
    layer = KpuLayer.decode(LAYER_C)
    expect(layer, in_width=60, in_height=16, in_channels=4, out_width=30, out_height=8, out_channels=9, pool_type=1)
    expect(layer, src_row=0, dst_row=0x7FD8, loads=2, channels_per_load=5, para_size=40, out_group=2)
    expect(layer, arg_w=0x9ADB7C - (1 << 24), arg_x=-(0x1000000 - 0xD422D7))
    assert layer.encode() == LAYER_C


def test_random_layers_survive_both_ways() -> None:
    rng = random.Random(1)
    for _ in range(300):
        values = {}
        for entry in dataclasses.fields(KpuLayer):
            width, less = entry.metadata["width"], int(entry.metadata["less_one"])
            low = -(1 << width - 1) if entry.metadata["signed"] else 0
            values[entry.name] = (
                rng.choice([low, low + (1 << width) - 1, rng.randrange(low, low + (1 << width))]) + less
            )
        layer = KpuLayer(**values)
        assert KpuLayer.from_bytes(layer.to_bytes()) == layer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("src_row", 32768),
        ("in_channels", 0),
        ("in_channels", 1025),
        ("arg_x", 1 << 23),
        ("arg_w", -(1 << 23) - 1),
        ("loads", 65),
    ],
)
def test_values_that_do_not_fit(name: str, value: int) -> None:
    with pytest.raises(KModelError, match=rf"{name} {value} is outside"):
        KpuLayer(**{name: value}).encode()


def test_bn_entries() -> None:
    assert tables.encode_bn([BnEntry(2, 1, 0)]).hex() == "0200000000000001"
    assert tables.encode_bn([BnEntry(3, 1, 100)]) == bytes.fromhex("03 00 00 64 00 00 00 01")
    entries = [BnEntry(-(1 << 23), 15, (1 << 31) - 1), BnEntry((1 << 23) - 1, 0, -(1 << 31))]
    assert tables.decode_bn(tables.encode_bn(entries)) == entries
    with pytest.raises(KModelError, match="BN shift 16"):
        tables.encode_bn([BnEntry(1, 16, 0)])


def test_activation_tables() -> None:
    word, bias = 0x080B_150D_0EC1_020E, bytes.fromhex("e41838e1e5b20638") + bytes.fromhex("91b5ef945017648e")
    found = tables.decode_act(word.to_bytes(8, "little") * 16 + bias)
    assert found[0] == Segment(0x80B150D0E - (1 << 36), 0xC102 - (1 << 16), 0x0E, 0xE4)
    assert (found[7].bias, found[8].bias, found[15].bias) == (0x38, 0x91, 0x8E)
    rng = random.Random(2)
    table = [
        Segment(
            rng.randrange(-(1 << 35), 1 << 35),
            rng.randrange(-(1 << 15), 1 << 15),
            rng.randrange(256),
            rng.randrange(256),
        )
        for _ in range(16)
    ]
    assert tables.decode_act(tables.encode_act(table)) == table
    with pytest.raises(KModelError, match="16 segments, not 15"):
        tables.encode_act(table[:15])


@pytest.mark.parametrize(
    ("width", "height", "channels", "rows"),
    [
        (24, 24, 16, 192),
        (16, 16, 8, 32),
        (7, 7, 1024, 1792),
        (320, 240, 3, 3600),
        (224, 224, 3, 2688),
        (112, 112, 32, 7168),
        (28, 28, 256, 3584),
        (14, 14, 512, 1792),
        (10, 7, 125, 224),
        (20, 15, 30, 225),
        (4, 4, 1024, 1024),
        (64, 64, 64, 4096),
    ],
)
def test_rows_of_the_worked_sizes(width: int, height: int, channels: int, rows: int) -> None:
    assert layout.rows_of(width, height, channels) == rows
