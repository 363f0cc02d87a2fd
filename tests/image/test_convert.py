"""Conversion to the AI buffer, resizing and cutting, against formulas of their own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from .imlib import EABORTED, ENOMEM, ESIZE, Array, Imlib, ImlibError, components, to_565, to_rgb

# spec maixpy-image.md 2.2, as printed there
EXPAND5 = (
    "0 8 16 25 33 41 49 58 66 74 82 90 99 107 115 123 132 140 148 156 165 173 181 189 197 206 214 222 230 239 247 255"
)


def random_565(rng: np.random.Generator, *shape: int) -> Array:
    return rng.integers(0, 65536, shape).astype("<u2")


def test_every_pixel_value_expands_as_specified(imlib: Imlib) -> None:
    every = np.arange(65536).astype("<u2")
    for name in ("imlib_rgb565_to_planes", "imlib_rgb565_to_planes_reference"):
        planes = imlib.planes(every, name)
        assert np.array_equal(planes.T, to_rgb(every))
        fives = sorted(set(planes[0].tolist()))
        assert fives == sorted(set(planes[2].tolist())) == [int(v) for v in EXPAND5.split()]
        assert len(set(planes[1].tolist())) == 64


@pytest.mark.parametrize("count", [*range(70), 127, 128, 129, 224 * 224])
def test_fast_planes_equal_the_reference(imlib: Imlib, count: int) -> None:
    rng = np.random.default_rng(count)
    pixels = random_565(rng, count + 8)
    for offset in (0, 1, 4):  # of the pixels, in two-byte steps: other than 0 and 4 they are not aligned
        part = pixels[offset : offset + count]
        for gap in (0, 5, 8):
            fast = imlib.planes(part, gap=gap)
            assert (fast == imlib.planes(part, "imlib_rgb565_to_planes_reference", gap=gap)).all()
            assert np.array_equal(fast.T, to_rgb(part))


def test_neighbours_do_not_touch_each_other(imlib: Imlib) -> None:
    """Lanes of the fast kernel: extremes beside extremes, in every place."""
    extremes = np.array([0x0000, 0xFFFF, 0x00F8, 0xE007, 0x1F00, 0xFF07], "<u2")
    for a in extremes:
        for b in extremes:
            for place in range(32):
                pixels = np.full(32, a, "<u2")
                pixels[place] = b
                assert np.array_equal(imlib.planes(pixels).T, to_rgb(pixels))


def test_ai_to_pix_takes_the_nearest_value(imlib: Imlib) -> None:
    values = np.arange(256, dtype=np.uint8)
    got = components(imlib.ai_to_pix(np.stack([values, values, values])[:, None, :]))[0]
    for channel, top in enumerate((31, 63, 31)):
        table = np.floor(np.arange(top + 1) * 255 / top + 0.5)
        distance = np.abs(values[:, None] - table)
        assert (distance[np.arange(256), got[:, channel]] == distance.min(axis=1)).all()


def test_pix_to_ai_and_back_is_the_identity(imlib: Imlib) -> None:
    pixels = np.arange(65536).astype("<u2").reshape(256, 256)
    planes = imlib.planes(pixels).reshape(3, 256, 256)
    assert (imlib.ai_to_pix(planes) == pixels).all()


def nearest(pixels: Array, width: int, height: int) -> Array:
    x = [int(Fraction(i * pixels.shape[1], width)) for i in range(width)]
    y = [int(Fraction(i * pixels.shape[0], height)) for i in range(height)]
    return pixels[np.ix_(y, x)]


def axis(size: int, to: int) -> tuple[Array, list[Fraction]]:
    places = [max(Fraction(2 * i + 1, 2) * size / to - Fraction(1, 2), Fraction(0)) for i in range(to)]
    return np.array([int(p) for p in places]), [p - int(p) for p in places]


def bilinear(planes: Array, width: int, height: int) -> Array:
    """planes: height x width x channels of small integers; exact fractions, truncated."""
    h0, w0 = planes.shape[:2]
    (xi, xf), (yi, yf) = axis(w0, width), axis(h0, height)
    out = np.zeros((height, width, planes.shape[2]), np.int64)
    for y in range(height):
        for x in range(width):
            j, i, v, u = yi[y], xi[x], yf[y], xf[x]
            for c in range(planes.shape[2]):
                p = planes[..., c]
                if i == w0 - 1 or j == h0 - 1:
                    out[y, x, c] = p[j, i]
                    continue
                top = int(p[j, i]) * (1 - u) + int(p[j, i + 1]) * u
                low = int(p[j + 1, i]) * (1 - u) + int(p[j + 1, i + 1]) * u
                out[y, x, c] = int(top * (1 - v) + low * v)
    return out


SHAPES = [
    ((8, 8), (8, 8)),
    ((320, 240), (224, 224)),
    ((320, 240), (28, 28)),
    ((240, 320), (320, 120)),
    ((10, 20), (20, 10)),
    ((20, 10), (20, 30)),
    ((7, 5), (1, 1)),
    ((1, 1), (1, 9)),
    ((33, 17), (64, 17)),
]


@pytest.mark.parametrize(("size", "to"), [s for s in SHAPES if s[0][0] >= s[1][0] or s[0][1] > s[1][1]])
def test_rgb565_reduction_is_nearest(imlib: Imlib, size: tuple[int, int], to: tuple[int, int]) -> None:
    pixels = random_565(np.random.default_rng(1), size[1], size[0])
    assert (imlib.resize(pixels, *to) == nearest(pixels, *to)).all()


@pytest.mark.parametrize(
    ("size", "to"),
    [((28, 28), (56, 56)), ((5, 7), (33, 50)), ((1, 1), (9, 4)), ((33, 17), (64, 17)), ((2, 9), (31, 10))],
)
def test_rgb565_enlargement_is_bilinear(imlib: Imlib, size: tuple[int, int], to: tuple[int, int]) -> None:
    pixels = random_565(np.random.default_rng(2), size[1], size[0])
    assert (components(imlib.resize(pixels, *to)) == bilinear(components(pixels), *to)).all()


def test_bilinear_with_a_denominator_beyond_the_reciprocal(imlib: Imlib) -> None:
    pixels = random_565(np.random.default_rng(3), 3, 2)
    width, height = 16000, 700  # 4 * 16000 * 700 > 2^23
    got = components(imlib.resize(pixels, width, height))
    few = np.random.default_rng(4).integers(0, width, 40)
    rows = [0, 1, 349, 350, 500]
    (xi, xf), (yi, yf) = axis(2, width), axis(3, height)
    for y in rows:
        for x in few:
            p, i, j = components(pixels), xi[x], yi[y]
            for c in range(3):
                want = int(p[j, i, c])
                if i < 1 and j < 2:
                    top = int(p[j, i, c]) * (1 - xf[x]) + int(p[j, i + 1, c]) * xf[x]
                    low = int(p[j + 1, i, c]) * (1 - xf[x]) + int(p[j + 1, i + 1, c]) * xf[x]
                    want = int(top * (1 - yf[y]) + low * yf[y])
                assert got[y, x, c] == want


@pytest.mark.parametrize(("size", "to"), [((320, 240), (28, 28)), ((10, 9), (3, 4)), ((64, 48), (63, 47))])
def test_gray_reduction_averages_inclusive_boxes(imlib: Imlib, size: tuple[int, int], to: tuple[int, int]) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0])).astype(np.uint8)
    got = imlib.resize(pixels, *to)
    for y in range(to[1]):
        for x in range(to[0]):
            rows = slice(y * size[1] // to[1], (y + 1) * size[1] // to[1] + 1)
            columns = slice(x * size[0] // to[0], (x + 1) * size[0] // to[0] + 1)
            assert got[y, x] == int(Fraction(int(pixels[rows, columns].sum()), pixels[rows, columns].size))


@pytest.mark.parametrize(
    ("size", "to"), [((28, 28), (56, 56)), ((28, 28), (56, 14)), ((28, 28), (28, 14)), ((3, 9), (9, 3))]
)
def test_other_gray_sizes_are_bilinear(imlib: Imlib, size: tuple[int, int], to: tuple[int, int]) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (size[1], size[0])).astype(np.uint8)
    assert (imlib.resize(pixels, *to) == bilinear(pixels[..., None], *to)[..., 0]).all()


def test_resize_stops_and_runs_out_of_memory(imlib: Imlib) -> None:
    pixels = random_565(np.random.default_rng(7), 20, 20)
    for to in ((10, 10), (40, 40)):
        imlib.polls = 3
        with pytest.raises(ImlibError) as caught:
            imlib.resize(pixels, *to)
        assert caught.value.code == EABORTED
        imlib.polls = -1
    imlib.limit = 10000
    with pytest.raises(ImlibError, match="no memory for 20000 bytes") as caught:
        imlib.resize(pixels, 100, 100)
    assert caught.value.code == ENOMEM
    for side in (0, -1, 16385):
        with pytest.raises(ImlibError, match=f"side of {side} pixels, must be 1 to 16384") as caught:
            imlib.resize(pixels, 4, side)
        assert caught.value.code == ESIZE


def test_crop_scales_the_rectangle_by_nearest(imlib: Imlib) -> None:
    pixels = random_565(np.random.default_rng(8), 30, 40)
    part = pixels[5:25, 3:33]
    assert (imlib.crop(pixels, (3, 5, 30, 20), 30, 20) == part).all()
    assert (imlib.crop(pixels, (3, 5, 30, 20), 45, 7) == nearest(part, 45, 7)).all()


@pytest.mark.parametrize(
    "roi", [(0, 0, 40, 30), (30, 20, 40, 40), (-5, -7, 20, 20), (-50, 0, 20, 20), (3, 100, 2, 2), (-10, -10, 90, 90)]
)
@pytest.mark.parametrize("dtype", ["<u2", "u1"])
def test_cut_is_black_outside(imlib: Imlib, roi: tuple[int, int, int, int], dtype: str) -> None:
    pixels = np.random.default_rng(9).integers(1, 256, (30, 40)).astype(dtype)
    wide = np.zeros((300, 300), dtype)
    wide[100:130, 100:140] = pixels
    x, y, w, h = roi
    assert (imlib.cut(pixels, roi) == wide[100 + y : 100 + y + h, 100 + x : 100 + x + w]).all()


def test_black_and_white_survive() -> None:
    assert to_565(np.array([255, 255, 255])) == 0xFFFF
    assert to_565(np.array([255, 0, 0])) == 0x00F8
    assert to_565(np.array([0, 255, 0])) == 0xE007
    assert to_565(np.array([0, 0, 255])) == 0x1F00
