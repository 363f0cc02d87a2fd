"""The integer reference of a KPU layer: the vectors of spec kpu.md 11, and a second, plain implementation."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from kpupy.kmodel import kpu, tables
from kpupy.kmodel.build_v3 import Kernel, make_record
from kpupy.kmodel.kpu import KpuRam, Profile
from kpupy.kmodel.tables import BnEntry, Segment
from kpupy.kmodel.v3_base import Shape
from kpupy.kmodel.words import KpuLayer

LOWEST = -(1 << 35)


def ident(start: int, mul: int, shift: int, bias: int = 0) -> list[Segment]:
    """ID(x0, m, s) of the specification."""
    quiet = [Segment(-(1 << 34) + i - 1, 0, 0, 0) for i in range(1, 14)]
    return [Segment(LOWEST, 0, 0, 0), *quiet, Segment(start, mul, shift, bias), Segment((1 << 35) - 1, 0, 0, 0)]


def lines(text: str) -> np.ndarray[Any, Any]:
    return np.array([[int(v) for v in line.split()] for line in text.split("/")])


def layer_for(pixels: Any, outputs: int, kernel: int, **fields: int) -> KpuLayer:
    channels, height, width = pixels.shape
    return KpuLayer(
        in_channels=channels,
        in_height=height,
        in_width=width,
        out_channels=outputs,
        kernel_type=int(kernel == 3),
        **fields,
    )


def u8(values: Any) -> np.ndarray[Any, Any]:
    return np.array(values, np.uint8)


T2_PIXELS = u8(lines("10 20 30 40 / 50 60 70 80 / 90 100 110 120 / 130 140 150 160"))[None]
T2_WEIGHTS = u8([120, 128, 130, 126, 140, 128, 128, 129, 127])
T2_OUT = "0 11 20 37 / 44 56 59 67 / 97 71 74 79 / 150 86 90 73"


def t2(profile: Profile) -> Any:
    layer = layer_for(T2_PIXELS, 1, 3, pad_value=16, arg_x=-128, arg_w=-16, arg_add=18432)
    u = kpu.convolve(layer, T2_PIXELS, T2_WEIGHTS)
    expected = lines("-82 50 150 324 / 406 526 566 652 / 966 686 726 772 / 1536 856 896 708")
    assert (u[0] == expected).all()
    return kpu.run_layer(layer, T2_PIXELS, T2_WEIGHTS, [BnEntry(3, 1, 100)], ident(0, 1, 4), profile)[0]


def test_t1() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    out = kpu.run_layer(layer_for(pixels, 1, 1), pixels, u8([3]), [BnEntry(1, 0, 0)], ident(0, 1, 0))
    assert (out == 3 * pixels).all()


def test_t2_both_profiles() -> None:
    assert (t2("B") == lines(T2_OUT)).all()
    tie = lines(T2_OUT)
    tie[3, 1] = 87
    assert (t2("A") == tie).all()


T3_PIXELS = (
    "1 8 3 7 9 2 / 6 4 5 0 11 13 / 12 10 15 14 21 20 / 17 16 19 18 22 23 / 30 31 29 28 27 26 / 24 25 33 32 35 34"
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, T3_PIXELS),
        (1, "8 7 13 / 17 19 23 / 31 33 35"),
        (2, "4 3 8 / 13 16 21 / 27 30 30"),
        (3, "19"),
        (4, "9"),
        (5, "1 3 9 / 12 15 21 / 30 29 27"),
        (6, "8 7 2 / 10 14 20 / 31 28 26"),
        (7, "1"),
        (
            8,
            "4 5 3 6 8 7 / 8 8 8 11 16 16 / 13 15 16 18 21 21 /"
            " 23 23 23 23 24 24 / 27 29 30 30 30 30 / 24 29 32 33 34 34",
        ),
        (
            9,
            "8 8 7 11 13 13 / 12 15 15 21 21 20 / 17 19 19 22 23 23 /"
            " 31 31 29 28 27 26 / 31 33 33 35 35 34 / 25 33 33 35 35 34",
        ),
    ],
)
def test_t3_pooling(code: int, expected: str) -> None:
    assert (kpu.pool(u8(lines(T3_PIXELS))[None], code)[0] == lines(expected)).all()


def test_t4_depthwise() -> None:
    pixels = u8([np.ones((4, 4)), np.tile([2, 4, 6, 8], (4, 1))])
    weights = u8([1] * 9 + [0, 0, 0, 1, 2, 3, 0, 0, 0])
    layer = layer_for(pixels, 2, 3, depthwise=1, pad_value=5, arg_x=-1, arg_w=2, shr_w=1, arg_add=7)
    u = kpu.convolve(layer, pixels, weights)
    assert (u[0] == 16).all()
    assert (u[1] == lines("-3 2 2 -3 / 1 5 -1 -7 / 1 5 -1 -7 / -3 2 2 -3")).all()
    out = kpu.run_layer(layer, pixels, weights, [BnEntry(1, 0, 0), BnEntry(2, 0, -3)], ident(0, 1, 0))
    assert (out[0] == 16).all()
    assert (out[1] == lines("0 1 1 0 / 0 7 0 0 / 0 7 0 0 / 0 1 1 0")).all()


def test_t5_grouping() -> None:
    c, y, x = np.ogrid[0:5, 0:4, 0:8]
    pixels = u8((32 * c + 8 * y + x) % 200)
    layer = layer_for(pixels, 2, 1, arg_x=-1, shr_x=1, arg_w=-2, shr_w=1, arg_add=3)
    weights = u8([1, 0, 0, 0, 0, 1, 2, 3, 4, 5])
    u = kpu.convolve(layer, pixels, weights)
    assert u[0, 0].tolist() == [-146, -148, -149, -151, -152, -154, -155, -157]
    assert u[1, 0].tolist() == [1120, 1132, 1145, 1157, 1170, 1182, 1195, 1207]
    out = kpu.run_layer(layer, pixels, weights, [BnEntry(1, 0, 0), BnEntry(1, 3, -20)], ident(0, 1, 0))
    assert (out[0] == 0).all()
    expected = """120 121 123 124 126 127 129 130 / 132 134 135 137 138 140 141 143 /
                  145 146 148 149 151 152 154 155 / 157 159 160 162 163 165 166 168"""
    assert (out[1] == lines(expected)).all()


def test_t5_in_kpu_ram() -> None:
    c, y, x = np.ogrid[0:5, 0:4, 0:8]
    ram = KpuRam()
    ram.write(0, u8((32 * c + 8 * y + x) % 200))
    rows = ram.data.reshape(-1, 64)
    assert rows[0].reshape(4, 16)[:, :8].tolist() == [[32 * lane + i for i in range(8)] for lane in range(4)]
    assert rows[1].reshape(4, 16)[:, :8].tolist() == [[32 * lane + 8 + i for i in range(8)] for lane in range(4)]
    assert rows[4].reshape(4, 16)[0, :8].tolist() == list(range(128, 136))
    assert not ram.defined.reshape(-1, 64)[0].reshape(4, 16)[:, 8:].any()


@pytest.mark.parametrize(
    ("shape", "pixel", "offset"),
    [
        ((16, 24, 24), (5, 3, 7), 3303),
        ((8, 16, 16), (6, 2, 9), 1193),
        ((1024, 7, 7), (1023, 6, 6), 114678),
        ((3, 240, 320), (2, 239, 319), 230399),
        ((125, 7, 10), (124, 6, 9), 14281),
        ((2, 5, 33), (1, 4, 32), 608),
    ],
)
def test_worked_addresses(shape: tuple[int, int, int], pixel: tuple[int, int, int], offset: int) -> None:
    assert kpu.map_index(0, *shape)[pixel] == offset
    assert kpu.map_index(10, *shape)[pixel] == offset + 640


T6_TABLE = [
    Segment(LOWEST, 0, 0, 9),
    *[Segment(-1000000 + i - 1, 0, 0, 9) for i in range(1, 12)],
    Segment(-100, 1, 1, 100),
    Segment(0, -1, 1, 100),
    Segment(50, 3, 2, 10),
    Segment(200, 0, 0, 255),
]


def test_t6_activation() -> None:
    v = [*range(-101, -94), -1, *range(8), *range(49, 59), 199, 200, 201]
    expected = "9 9 100 101 102 102 102 150 150 98 99 98 98 96 97 96 74 75 11 12 12 13 14 14 15 16 122 122 255"
    assert kpu.activate(np.array(v, np.int64), T6_TABLE, "B").tolist() == [int(t) for t in expected.split()]


def test_t7_sixteen_bit_weights() -> None:
    pixels = u8([np.tile([0, 10, 11, 255], (4, 1))])
    layer = layer_for(pixels, 1, 1, arg_x=-32768, arg_w=-10, arg_add=327680)
    weights = np.array([33000], np.uint16)
    assert kpu.convolve(layer, pixels, weights)[0, 0].tolist() == [-2320, 0, 232, 56840]
    out = kpu.run_layer(layer, pixels, weights, [BnEntry(1, 5, 0)], ident(-1, 1, 3, bias=7))
    assert out[0, 0].tolist() == [0, 7, 8, 229]


ROUNDED = """5 1 2 3 / 3 1 2 2 / 5 2 1 1 / 6 2 2 2 / 7 2 2 2 / 10 2 2 3 / 100 0 100 100 /
             -1 1 -2 -2 / -2 1 -1 -1 / -3 1 -2 -3 /
             -5 1 -4 -4 / -1 2 -2 -2 / -3 2 -1 -1 / -6 2 -2 -3 / -7 2 -2 -2 / -9 2 -4 -4"""


def test_rounding_table() -> None:
    t, shift, b, a = lines(ROUNDED).T
    assert kpu.round_shift(t, shift, "B").tolist() == b.tolist()
    assert kpu.round_shift(t, shift, "A").tolist() == a.tolist()


def plain_round(t: int, s: int, profile: Profile) -> int:
    if s == 0:
        return t
    sign = -1 if t < 0 else 1
    if profile == "B":
        q = t // 2**s
        twice = 2 * (t - q * 2**s)
        if twice > 2**s or (twice == 2**s and q % 2):
            return q + sign
        return q
    p = t // 2 ** (s - 1)
    return p // 2 + (sign if p % 2 else 0)


def plain_layer(r: KpuLayer, pixels: Any, weights: Any, bn: Any, act: Any, profile: Profile) -> list[list[list[int]]]:
    """Spec kpu.md 5 with nothing but loops and unbounded integers."""
    k, p = r.kernel, r.kernel // 2

    def at(c: int, y: int, x: int) -> int:
        inside = 0 <= y < r.in_height and 0 <= x < r.in_width
        return int(pixels[c, y, x]) if inside else r.pad_value

    def pixel(o: int, y: int, x: int) -> int:
        channels = [o] if r.depthwise else range(r.in_channels)
        acc = sum_x = sum_w = 0
        for number, c in enumerate(channels):
            for ky, kx in itertools.product(range(k), range(k)):
                index = (o * k + ky) * k + kx if r.depthwise else ((o * r.in_channels + number) * k + ky) * k + kx
                value, weight = at(c, y + ky - p, x + kx - p), int(weights[index])
                acc, sum_x, sum_w = acc + value * weight, sum_x + value, sum_w + weight
        u = acc + r.arg_x * sum_x // 2**r.shr_x + r.arg_w * sum_w // 2**r.shr_w + r.arg_add * len(list(channels))
        v = u * bn[o].mul // 2 ** bn[o].shift + bn[o].add
        segment = act[0]
        for candidate in act:
            if v > candidate.start or (profile == "A" and v == candidate.start):
                segment = candidate
        return min(255, max(0, plain_round((v - segment.start) * segment.mul, segment.shift, profile) + segment.bias))

    full = [[[pixel(o, y, x) for x in range(r.in_width)] for y in range(r.in_height)] for o in range(r.out_channels)]

    def pooled(plane: list[list[int]], y: int, x: int) -> int:
        code = r.pool_type
        if code in (8, 9):
            window = [(a, b) for a in (y, y + 1) for b in (x, x + 1)]
            kept = [plane[a][b] for a, b in window if a < r.in_height and b < r.in_width]
            edge = [plane[min(a, r.in_height - 1)][min(b, r.in_width - 1)] for a, b in window]
            return max(kept) if code == 9 else sum(edge) // 4
        s = {0: 1, 1: 2, 2: 2, 3: 4, 4: 4, 5: 2, 6: 2, 7: 4}[code]
        cells = [plane[s * y + i][s * x + j] for i in range(s) for j in range(s)]
        return {1: max(cells), 3: max(cells), 2: sum(cells) // 4, 4: sum(cells) // 16, 6: cells[min(1, s - 1)]}.get(
            code, cells[0]
        )

    return [[[pooled(plane, y, x) for x in range(r.out_width)] for y in range(r.out_height)] for plane in full]


@pytest.mark.parametrize("seed", range(120))
def test_against_the_plain_implementation(seed: int) -> None:
    rng = random.Random(seed)
    depthwise, edge = rng.random() < 0.25, rng.choice([1, 3])
    inputs = rng.choice([1, 2, 3, 5])
    outputs = inputs if depthwise else rng.randrange(1, 6)
    pool = 0 if depthwise else seed % 10
    smallest = 16 if pool in (3, 4, 7) else 8
    shape = Shape(inputs, rng.randrange(smallest, smallest + 4), rng.randrange(smallest, smallest + 4))
    wide = rng.random() < 0.3
    kind, top = (np.uint16, 65535) if wide else (np.uint8, 255)
    noise = np.random.default_rng(seed)
    weights = noise.integers(
        0, top + 1, ((outputs, edge, edge) if depthwise else (outputs, inputs, edge, edge))
    ).astype(kind)
    pixels = noise.integers(0, 256, shape).astype(np.uint8)
    bn = [BnEntry(rng.randrange(-60, 60), rng.randrange(16), rng.randrange(-9999, 9999)) for _ in range(outputs)]
    starts = sorted(rng.randrange(-300000, 300000) for _ in range(15))
    if seed % 7 == 0:
        rng.shuffle(starts)
    act = [Segment(LOWEST, 0, 0, 3)]
    act += [Segment(s, rng.randrange(-3000, 3000), rng.randrange(4, 24), rng.randrange(256)) for s in starts]
    layer = make_record(Kernel(weights, bn, act, rng.randrange(256), rng.randrange(top)), shape, pool)
    layer.shr_x, layer.shr_w = rng.randrange(16), rng.randrange(16)
    profile: Profile = "A" if rng.random() < 0.3 else "B"
    flat = weights.reshape(-1)
    assert kpu.run_layer(layer, pixels, flat, bn, act, profile).tolist() == plain_layer(
        layer, pixels, flat, bn, act, profile
    )


def test_wide_sums_stay_exact() -> None:
    """The largest sums of a layer: 1024 channels of 3x3 with all bytes 255 (float products must not round)."""
    pixels = np.full((1024, 4, 4), 255, np.uint8)
    weights = np.full(1024 * 9, 255, np.uint8)
    layer = layer_for(pixels, 1, 3, pad_value=255)
    assert (kpu.convolve(layer, pixels, weights) == 1024 * 9 * 255 * 255).all()
    wide = np.full(1024 * 9, 65535, np.uint16)
    assert (kpu.convolve(layer, pixels, wide) == 1024 * 9 * 255 * 65535).all()


def test_large_shifts() -> None:
    table = [Segment(LOWEST, -32768, 255, 200)] * 16
    assert kpu.activate(np.array([0], np.int64), table, "B").tolist() == [198]
    assert kpu.activate(np.array([0], np.int64), [Segment(LOWEST, 32767, 255, 200)] * 16, "A").tolist() == [200]


@pytest.mark.parametrize("pool", range(10))
def test_defined_pixels_do_not_depend_on_undefined_ones(pool: int) -> None:
    noise = np.random.default_rng(pool)
    for edge in (1, 3):
        weights = noise.integers(0, 256, (3, 2, edge, edge)).astype(np.uint8)
        kernel = Kernel(weights, [BnEntry(1, 4, 0)] * 3, tables.linear_act(1, 3))
        layer = make_record(kernel, Shape(2, 16, 17), pool)
        defined = noise.random((2, 16, 17)) < 0.97
        pixels = noise.integers(0, 256, (2, 16, 17)).astype(np.uint8)
        runs = []
        for filler in (0, 255, 77):
            filled = np.where(defined, pixels, filler).astype(np.uint8)
            runs.append(kpu.run_layer(layer, filled, weights.reshape(-1), kernel.bn, kernel.act))
        same = np.logical_and(runs[0] == runs[1], runs[0] == runs[2])
        known = kpu.defined_after(layer, defined)
        assert known.shape == runs[0].shape
        assert known.any()
        assert not known.all()
        assert same[known].all()
