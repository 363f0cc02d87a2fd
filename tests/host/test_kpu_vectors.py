"""The KPU model on the vectors of spec kpu.md: T1..T7 of section 11, decoding of 3.1, rounding of 5.4."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kpu"))

import kpu_model as model
from kpu_layers import Layer, Norm, Segment

PATHS = pytest.mark.parametrize("path", [model.FAST, model.REFERENCE], ids=["fast", "reference"])
S35 = 1 << 35


def identity(start: int, mul: int, shift: int, bias: int = 0) -> list[Segment]:
    """Table ID(x0, m, s) of section 11."""
    fill = [Segment(-(1 << 34) + i - 1, 0, 0, 0) for i in range(1, 14)]
    return [Segment(-S35, 0, 0, 0), *fill, Segment(start, mul, shift, bias), Segment(S35 - 1, 0, 0, 0)]


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.replace("/", " ").split()]


def run_raw(layer: Layer, words: list[int], path: int, profile: str = "B") -> list[int]:
    """Runs words as printed in the specification, with the addresses of the tables filled in."""
    ai_ram, memory = bytearray(model.AI_RAM_BYTES), bytearray()
    model.pack(layer, 0, ai_ram)
    words = list(words)
    words[5] |= model.aligned(memory, 8, layer.weights) << 32
    words[4] |= model.aligned(memory, 8, layer.norm_bytes()) << 32
    words[7] |= model.aligned(memory, 256, layer.activation_bytes()) << 32
    assert model.run_words(words, ai_ram, memory, layer.eight_bit, profile, path) == 0
    return list(model.unpack(ai_ram, words[1] >> 32, layer.out_width, layer.out_height, layer.outputs))


def run(layer: Layer, path: int, profile: str = "B") -> list[int]:
    output, events = model.run(layer, profile, path)
    assert events == 0
    return list(output)


@PATHS
def test_t1_product(path: int) -> None:
    layer = Layer(4, 4, 1, 1, pixels=bytes(range(16)), weights=b"\x03", norms=[Norm(1, 0, 0)])
    layer.segments = identity(0, 1, 0)
    words = [0, 0x4_0000_0000, 0, 0x00000C03_00000C03, 0x000F0400, 0x8001, 0, 0xC001_0004, 0x41_0004, 0, 0]
    words.append(0x0000000F_000F0000)
    assert layer.words(0, 4) == words
    assert run_raw(layer, words, path) == [3 * i for i in range(16)]


def t2() -> Layer:
    layer = Layer(4, 4, 1, 1, 3, pad=16, arg_x=-128, arg_w=-16, arg_add=18432, norms=[Norm(3, 1, 100)])
    layer.pixels = bytes(range(10, 170, 10))
    layer.weights = bytes(numbers("120 128 130 126 140 128 128 129 127"))
    layer.segments = identity(0, 1, 4)
    return layer


T2_OUT = numbers("0 11 20 37 / 44 56 59 67 / 97 71 74 79 / 150 86 90 73")


@PATHS
def test_t2_convolution(path: int) -> None:
    layer = t2()
    words = [0, 0x4_0000_0000, 0, 0x00000C03_00000C03, 0x100F0401, 0x48001, 0, 0xC001_0004, 0x41_0004]
    words += [0x00FFFF80_FFFFF000, 0x4800, 0x0000000F_000F0000]
    assert layer.words(0, 4) == words
    assert layer.norm_bytes() == bytes.fromhex("0300006400000001")
    assert layer.activation_bytes()[14 * 8 :][:8] == bytes.fromhex("0401000000000000")
    assert layer.activation_bytes()[:8] == bytes.fromhex("0000000000000008")
    us = numbers("-82 50 150 324 406 526 566 652 966 686 726 772 1536 856 896 708")
    assert [layer.u(0, y, x) for y in range(4) for x in range(4)] == us
    assert run_raw(layer, words, path) == T2_OUT


@PATHS
def test_t2_profile_a_differs_in_the_tie_alone(path: int) -> None:
    expected = list(T2_OUT)
    expected[13] = 87
    assert run(t2(), path, "A") == expected


T3_IN = """1 8 3 7 9 2 / 6 4 5 0 11 13 / 12 10 15 14 21 20 / 17 16 19 18 22 23 /
    30 31 29 28 27 26 / 24 25 33 32 35 34"""
T3_OUT = [
    T3_IN,
    "8 7 13 / 17 19 23 / 31 33 35",
    "4 3 8 / 13 16 21 / 27 30 30",
    "19",
    "9",
    "1 3 9 / 12 15 21 / 30 29 27",
    "8 7 2 / 10 14 20 / 31 28 26",
    "1",
    """4 5 3 6 8 7 / 8 8 8 11 16 16 / 13 15 16 18 21 21 / 23 23 23 23 24 24 / 27 29 30 30 30 30 / 24 29 32 33 34 34""",
    """8 8 7 11 13 13 / 12 15 15 21 21 20 / 17 19 19 22 23 23 / 31 31 29 28 27 26 / 31 33 33 35 35 34 /
    25 33 33 35 35 34""",
]


@PATHS
@pytest.mark.parametrize("code", range(10))
def test_t3_pooling(code: int, path: int) -> None:
    layer = Layer(6, 6, 1, 1, pool=code, weights=b"\x01", norms=[Norm(1, 0, 0)])
    layer.pixels = bytes(numbers(T3_IN))
    layer.segments = identity(0, 1, 0)
    assert run(layer, path) == numbers(T3_OUT[code])


@PATHS
def test_t4_depthwise(path: int) -> None:
    layer = Layer(4, 4, 2, 2, 3, True, pad=5, arg_x=-1, arg_w=2, shift_w=1, arg_add=7)
    layer.pixels = bytes([1] * 16 + [2, 4, 6, 8] * 4)
    layer.weights = bytes([1] * 9 + [0, 0, 0, 1, 2, 3, 0, 0, 0])
    layer.norms = [Norm(1, 0, 0), Norm(2, 0, -3)]
    layer.segments = identity(0, 1, 0)
    assert run(layer, path) == [16] * 16 + numbers("0 1 1 0 / 0 7 0 0 / 0 7 0 0 / 0 1 1 0")


@PATHS
def test_t5_groups(path: int) -> None:
    layer = Layer(8, 4, 5, 2, arg_x=-1, shift_x=1, arg_w=-2, shift_w=1, arg_add=3)
    layer.pixels = bytes((32 * c + 8 * y + x) % 200 for c in range(5) for y in range(4) for x in range(8))
    layer.weights = bytes([1, 0, 0, 0, 0, 1, 2, 3, 4, 5])
    layer.norms = [Norm(1, 0, 0), Norm(1, 3, -20)]
    layer.segments = identity(0, 1, 0)
    ai_ram = bytearray(model.AI_RAM_BYTES)
    model.pack(layer, 0, ai_ram)
    gap = bytes(8)
    assert ai_ram[:64] == b"".join(bytes(range(32 * c, 32 * c + 8)) + gap for c in range(4))
    assert ai_ram[256:320] == bytes(range(128, 136)) + bytes(56)
    words = [0, 0x8_0000_0000, 0x0001_0001_0000_0004, 0x00000C07_00000C07, 0xF0400, 0x50001, 0, 0xC001_0004]
    words += [0x41_0004, 0x00FFFFFF_FFFFFE11, 0x3, 0x0000003F_001F0000]
    assert layer.words(0, 8) == words
    second = """120 121 123 124 126 127 129 130 / 132 134 135 137 138 140 141 143 /
        145 146 148 149 151 152 154 155 / 157 159 160 162 163 165 166 168"""
    assert run_raw(layer, words, path) == [0] * 32 + numbers(second)


T6 = {
    -101: 9, -100: 9, -99: 100, -98: 101, -97: 102, -96: 102, -95: 102, -1: 150, 0: 150, 1: 98, 2: 99, 3: 98, 4: 98,
    5: 96, 6: 97, 7: 96, 49: 74, 50: 75, 51: 11, 52: 12, 53: 12, 54: 13, 55: 14, 56: 14, 57: 15, 58: 16, 199: 122,
    200: 122, 201: 255,
}  # fmt: skip


@PATHS
@pytest.mark.parametrize("channels", [1, 600], ids=["few", "many"])  # the fast path tabulates large layers
def test_t6_activation(channels: int, path: int) -> None:
    table = [Segment(-S35, 0, 0, 9), *(Segment(-1000000 + i - 1, 0, 0, 9) for i in range(1, 12))]
    table += [Segment(-100, 1, 1, 100), Segment(0, -1, 1, 100), Segment(50, 3, 2, 10), Segment(200, 0, 0, 255)]
    values = list(T6) * (channels // len(T6) + 1)
    layer = Layer(4, 4, 1, len(values), pixels=bytes(16), weights=bytes(len(values)), segments=table)
    layer.norms = [Norm(0, 0, v) for v in values]
    assert run(layer, path) == [T6[v] for v in values for _ in range(16)]


@PATHS
def test_t7_wide_weights(path: int) -> None:
    layer = Layer(4, 4, 1, 1, arg_x=-32768, arg_w=-10, arg_add=327680, eight_bit=False, norms=[Norm(1, 5, 0)])
    layer.pixels = bytes([0, 10, 11, 255] * 4)
    layer.weights = bytes.fromhex("e880")
    layer.segments = identity(-1, 1, 3, bias=7)
    assert layer.loads() == (1, 1, 2)
    assert run(layer, path) == [0, 7, 8, 229] * 4


ROUNDING = [
    (5, 1, 2, 3), (3, 1, 2, 2), (5, 2, 1, 1), (6, 2, 2, 2), (7, 2, 2, 2), (10, 2, 2, 3), (100, 0, 100, 100),
    (-1, 1, -2, -2), (-2, 1, -1, -1), (-3, 1, -2, -3), (-5, 1, -4, -4), (-1, 2, -2, -2), (-3, 2, -1, -1),
    (-6, 2, -2, -3), (-7, 2, -2, -2), (-9, 2, -4, -4),
]  # fmt: skip


@PATHS
@pytest.mark.parametrize("channels", [1, 600], ids=["few", "many"])
@pytest.mark.parametrize("t, shift, b, a", ROUNDING)
def test_rounding_table(t: int, shift: int, b: int, a: int, channels: int, path: int) -> None:
    """Section 5.4: t as v - start with the multiplier 1 or -1, on a bias that keeps the result inside a byte."""
    layer = Layer(4, 4, 1, channels, pixels=bytes(16), weights=bytes(channels))
    layer.norms = [Norm(0, 0, 1000 + abs(t))] * channels
    layer.segments = identity(1000, 1 if t > 0 else -1, shift, bias=50)
    for profile, expected in (("B", b), ("A", a), ("T", t >> shift)):
        assert run(layer, path, profile) == [50 + expected] * 16 * channels


@PATHS
def test_addresses_come_from_the_registers(path: int) -> None:
    """A 4x4 map of three channels laid out one channel a row, lines 3 rows apart, read into the usual layout."""
    layer = Layer(4, 4, 3, 1, pixels=bytes(range(48)), weights=b"\x01\x02\x03", norms=[Norm(1, 0, 0)])
    layer.segments = identity(0, 1, 0)
    ai_ram, memory = bytearray(model.AI_RAM_BYTES), bytearray()
    for c in range(3):
        for y in range(4):
            at = 64 * (100 + 20 * c + 3 * y)
            ai_ram[at : at + 4] = layer.pixels[16 * c + 4 * y :][:4]
    weights = model.aligned(memory, 8, layer.weights)
    norm = model.aligned(memory, 8, layer.norm_bytes())
    words = layer.words(100, 4000, weights, norm, model.aligned(memory, 256, layer.activation_bytes()))
    words[7] = words[7] & ~0x7FFFFFFF | 20 | 3 << 16 | 1 << 28
    assert model.run_words(words, ai_ram, memory, True, path=path) == 0
    expected = [layer.pixels[i] + 2 * layer.pixels[16 + i] + 3 * layer.pixels[32 + i] for i in range(16)]
    assert list(model.unpack(ai_ram, 4000, 4, 4, 1)) == [min(255, value) for value in expected]


@PATHS
def test_padding_bytes_are_left_alone(path: int) -> None:
    layer = Layer(5, 4, 2, 2, pixels=bytes(40), weights=bytes(4), norms=[Norm(0, 0, 7)] * 2, segments=identity(0, 1, 0))
    ai_ram, memory = bytearray(b"\xa5" * model.AI_RAM_BYTES), bytearray()
    weights, norm = model.aligned(memory, 8, layer.weights), model.aligned(memory, 8, layer.norm_bytes())
    words = layer.words(0, 8, weights, norm, model.aligned(memory, 256, layer.activation_bytes()))
    assert model.run_words(words, ai_ram, memory, True, path=path) == 0
    line = b"\7" * 5 + b"\xa5" * 11
    assert ai_ram == b"\xa5" * 512 + (line * 2 + b"\xa5" * 32) * 4 + b"\xa5" * (model.AI_RAM_BYTES - 768)


class Map(ctypes.Structure):
    _fields_: ClassVar = [(name, ctypes.c_uint32) for name in ("row", "channel_switch", "row_switch", "group")]


class Decoded(ctypes.Structure):
    """kpu_layer_t."""

    _fields_: ClassVar = [
        *((name, ctypes.c_bool) for name in ("int_en", "ram_flag", "full_add", "depthwise")),
        ("source", Map),
        ("target", Map),
        *((name, ctypes.c_int) for name in ("in_channels", "out_channels", "channels_per_load", "in_width")),
        *((name, ctypes.c_int) for name in ("in_height", "out_width", "out_height", "kernel_type", "pool_type")),
        *((name, ctypes.c_bool) for name in ("pad_type", "first_stride", "bypass_conv", "load_norm")),
        *((name, ctypes.c_bool) for name in ("load_weights", "load_activation")),
        ("dma_burst", ctypes.c_int),
        ("pad_value", ctypes.c_uint8),
        *((name, ctypes.c_uint32) for name in ("norm_address", "weight_address", "activation_address")),
        ("weight_loads", ctypes.c_int),
        *((name, ctypes.c_uint32) for name in ("load_bytes", "column_offset", "row_offset", "coef_size")),
        *((name, ctypes.c_uint32) for name in ("shift_w", "shift_x")),
        *((name, ctypes.c_int32) for name in ("arg_w", "arg_x")),
        ("arg_add", ctypes.c_int64),
        ("send_data_out", ctypes.c_bool),
        ("stream_channel_bytes", ctypes.c_uint32),
        ("stream_bytes", ctypes.c_uint64),
    ]


LAYER_A = """0x3 0x7fe2 0x0006001200000002 0x0000180900003813 0x402d4fd8001f0451 0x401b6eb800bd0005
    0 0x400cc700a011000f 0x410007 0x00053fd654a13ed2 0xd467dc21c 0"""
LAYER_B = """0x2 0x7e00 0x0000000300000007 0x00003c3b00007c77 0x40376800000f0420 0x401180e000080007
    0 0x4038190090020040 0x110010 0x0006522193059f0c 0x7ed71e24e 0"""
LAYER_C = """0x3 0x00007fd800000000 0x0004000800000003 0x00001c1d00003c3b 0x40364ca0003f0410 0x4002cff800140003
    0 0x402d290090010010 0x210008 0x00d422d79adb7c00 0x81694425e 0"""


def decode(text: str) -> Decoded:
    decoded = Decoded()
    words = (ctypes.c_uint64 * 12)(*(int(word, 16) for word in text.split()))
    model.library().kpu_layer_decode(ctypes.byref(decoded), words)
    return decoded


def check(decoded: Decoded, expected: dict[str, object]) -> None:
    found = {}
    for name in expected:
        holder, _, inner = name.rpartition(".")
        found[name] = getattr(getattr(decoded, holder) if holder else decoded, inner)
    assert found == expected


def test_decode_layer_a() -> None:
    check(decode(LAYER_A), {
        "int_en": True, "ram_flag": True, "depthwise": False, "source.row": 0x7FE2, "target.row": 0,
        "in_channels": 3, "out_channels": 19, "channels_per_load": 7, "in_width": 20, "in_height": 15,
        "out_width": 10, "out_height": 7, "kernel_type": 1, "pool_type": 5, "pad_type": False, "dma_burst": 32,
        "load_norm": True, "load_weights": True, "load_activation": True, "weight_loads": 3, "load_bytes": 378,
        "norm_address": 0x402D4FD8, "weight_address": 0x401B6EB8, "activation_address": 0x400CC700, "coef_size": 1,
        "source.group": 2, "source.row_switch": 1, "source.channel_switch": 15, "target.group": 4,
        "target.row_switch": 1, "target.channel_switch": 7, "shift_x": 13, "shift_w": 2, "arg_x": 0x053FD6,
        "arg_w": 0x54A13E, "arg_add": 0xD467DC21C - (0 if 0xD467DC21C < 1 << 39 else 1 << 40),
    })  # fmt: skip


def test_decode_layer_b() -> None:
    check(decode(LAYER_B), {
        "int_en": False, "ram_flag": True, "source.row": 0x7E00, "target.row": 0, "in_width": 120, "in_height": 32,
        "in_channels": 8, "out_width": 60, "out_height": 16, "out_channels": 4, "kernel_type": 0, "pool_type": 2,
        "weight_loads": 4, "channels_per_load": 1, "load_bytes": 16, "source.group": 1, "source.row_switch": 2,
        "source.channel_switch": 64, "target.group": 1, "target.channel_switch": 16, "dma_burst": 16,
    })  # fmt: skip


def test_decode_layer_c() -> None:
    check(decode(LAYER_C), {
        "int_en": True, "source.row": 0, "target.row": 0x7FD8, "in_width": 60, "in_height": 16, "in_channels": 4,
        "out_width": 30, "out_height": 8, "out_channels": 9, "kernel_type": 0, "pool_type": 1, "weight_loads": 2,
        "channels_per_load": 5, "load_bytes": 40, "target.group": 2, "dma_burst": 64, "arg_x": 0xD422D7 - (1 << 24),
    })  # fmt: skip


def test_a_good_layer_has_nothing_to_say() -> None:
    layer = Layer(320, 240, 3, 16, 3, pool=1)
    weights, norm, activation = 0x40000000, 0x40010000, 0x40020000
    assert model.describe(layer.words(0, 3600, weights, norm, activation))[1] == []


@pytest.mark.parametrize(
    ("word", "change", "text"),
    [
        (4, 2, "kernel_type 2"),
        (4, 11 << 4, "pool_type 11"),
        (4, 1 << 3, "pad_type"),
        (4, 1 << 8, "first_stride"),
        (4, 1 << 9, "bypass_conv"),
        (4, 1 << 10, "load_para 0"),
        (5, 1, "load_coor 0"),
        (7, 1 << 31, "load_act 0"),
        (6, 5, "kernel_offset 5"),
        (0, 4, "full_add"),
        (7, 1 << 29, "must be 1, 2 or 4"),
        (1, 1000 << 32, "overlap"),
        (5, 1 << 15, "weights are read in one piece"),
        (7, 1 << 32, "must be aligned to 256"),
        (3, 1 << 32, "the words say"),
        (1, 0x7FF0, "wraps"),
    ],
)
def test_what_is_outside_the_specification_is_said(word: int, change: int, text: str) -> None:
    words = Layer(16, 16, 8, 8).words(0, 1000, 0x40000000, 0x40010000, 0x40020000)
    words[word] ^= change
    said = model.describe(words)[1]
    assert any(text in line for line in said), said
