"""One KPU layer in exact integers (spec kpu.md 5), with feature maps in a model of KPU RAM (spec kpu.md 4).

Profile "A" or "B" selects the rounding of the activation and the comparison at a segment's start (spec kpu.md 5.3,
5.4); B is what current compilers assume.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from kpupy.kmodel.layout import POOL_STRIDE, ROW, ROWS, layout_of
from kpupy.kmodel.tables import BnEntry, Segment
from kpupy.kmodel.words import KpuLayer

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Profile = Literal["A", "B"]

_EXACT_F32, _MAX_SHIFT = 1 << 24, 62


def map_index(row: int, channels: int, height: int, width: int) -> I64:
    """Byte addresses in KPU RAM of every pixel of a map, [C, H, W]."""
    group, lane, pitch = layout_of(width)
    c, y, x = np.ogrid[0:channels, 0:height, 0:width]
    address: I64 = ROW * (row + c // group * pitch * height + y * pitch) + c % group * lane + x
    return address


class KpuRam:
    """The 2 MiB of feature maps, and which of its bytes a model has defined.

    Maps of fully connected layers have one meaningful pixel out of 16; what is computed from the others is
    meaningless too and depends on what was in the memory before.
    """

    def __init__(self) -> None:
        self.data: U8 = np.zeros(ROWS * ROW, np.uint8)
        self.defined: Bool = np.zeros(ROWS * ROW, np.bool_)

    def write(self, row: int, pixels: U8, defined: Bool | None = None) -> None:
        """Store a map [C, H, W] at `row`."""
        where = map_index(row, *pixels.shape)
        self.data[where] = pixels
        self.defined[where] = True if defined is None else defined

    def read(self, row: int, channels: int, height: int, width: int) -> tuple[U8, Bool]:
        """The map at `row` and its defined pixels."""
        where = map_index(row, channels, height, width)
        return self.data[where], self.defined[where]


def run_layer(
    layer: KpuLayer,
    pixels: U8,
    weights: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    bn: list[BnEntry],
    act: list[Segment],
    profile: Profile = "B",
) -> U8:
    """Compute a layer: pixels [C, H, W] → [O, H', W']. Weights are flat, in the order of spec kpu.md 6.1."""
    u = convolve(layer, pixels, weights)
    mul, shift, add = (np.array(column, np.int64)[:, None, None] for column in zip(*bn, strict=True))
    v = (u * mul >> shift) + add
    return pool(activate(v, act, profile), layer.pool_type)


def convolve(layer: KpuLayer, pixels: U8, weights: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> I64:
    """The convolution with its zero-point terms (spec kpu.md 5.1), [O, H, W]."""
    kernel, channels, outputs = layer.kernel, layer.in_channels, layer.out_channels
    windows = _windows(pixels, kernel, layer.pad_value)
    if layer.depthwise:
        table = weights.reshape(outputs, 1, kernel * kernel).astype(np.int64)
        flat = windows.astype(np.int64)
        acc = (table @ flat)[:, 0]
        sum_x = flat.sum(axis=1)
        sum_w = table.sum(axis=2)
        inputs = 1
    else:
        flat_w = weights.reshape(outputs, channels * kernel * kernel)
        flat_x = windows.reshape(channels * kernel * kernel, -1)
        # products and partial sums are integers below the mantissa's range, so a float product is exact
        bound = 255 * int(flat_w.astype(np.int64).sum(axis=1).max(initial=0))
        kind = np.float32 if bound < _EXACT_F32 else np.float64
        acc = (flat_w.astype(kind) @ flat_x.astype(kind)).astype(np.int64)
        sum_x = flat_x.sum(axis=0, dtype=np.int64)[None, :]
        sum_w = flat_w.sum(axis=1, dtype=np.int64)[:, None]
        inputs = channels
    u: I64 = acc + (layer.arg_x * sum_x >> layer.shr_x) + (layer.arg_w * sum_w >> layer.shr_w) + layer.arg_add * inputs
    return u.reshape(outputs, layer.in_height, layer.in_width)


def _windows(pixels: U8, kernel: int, pad: int) -> U8:
    """[C, H, W] → [C, K·K, H·W]: the pixels under each tap of the kernel."""
    channels, height, width = pixels.shape
    if kernel == 1:
        return pixels.reshape(channels, 1, height * width)
    padded = np.full((channels, height + 2, width + 2), pad, np.uint8)
    padded[:, 1:-1, 1:-1] = pixels
    taps = [padded[:, y : y + height, x : x + width].reshape(channels, -1) for y in range(3) for x in range(3)]
    return np.stack(taps, axis=1)


def activate(v: I64, act: list[Segment], profile: Profile) -> U8:
    """The 16-segment activation (spec kpu.md 5.3)."""
    starts, muls, shifts, biases = (np.array(column, np.int64) for column in zip(*act, strict=True))
    if np.all(starts[:-1] <= starts[1:]):
        side: Literal["left", "right"] = "left" if profile == "B" else "right"
        which = np.searchsorted(starts, v, side=side) - 1
        np.maximum(which, 0, out=which)
    else:
        which = np.zeros(v.shape, np.int64)
        for index, start in enumerate(starts):
            which[v > start if profile == "B" else v >= start] = index
    t = (v - starts[which]) * muls[which]
    rounded = round_shift(t, np.minimum(shifts, _MAX_SHIFT)[which], profile)
    return np.clip(rounded + biases[which], 0, 255).astype(np.uint8)


def round_shift(t: I64, shift: I64, profile: Profile) -> I64:
    """Rnd(t, s) of spec kpu.md 5.4, its asymmetry for negative t included."""
    sign = np.where(t < 0, -1, 1)
    if profile == "B":
        q = t >> shift
        rest = t - (q << shift)
        half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 1)  # shift 0: rest 0 is below any half
        up = (rest > half) | ((rest == half) & (q & 1 == 1))
        return np.asarray(q + np.where(up, sign, 0))
    p = t >> np.maximum(shift - 1, 0)
    rounded = (p >> 1) + np.where(p & 1 == 1, sign, 0)
    return np.where(shift > 0, rounded, t)


def pool(pixels: U8, code: int) -> U8:
    """Pooling of [C, H, W] (spec kpu.md 5.5)."""
    channels, height, width = pixels.shape
    if code in (8, 9):
        y, x = np.arange(height), np.arange(width)
        below, right = np.minimum(y + 1, height - 1), np.minimum(x + 1, width - 1)
        four = np.stack([pixels[:, i][:, :, j] for i in (y, below) for j in (x, right)])
        return np.asarray(four.sum(axis=0, dtype=np.int64) // 4 if code == 8 else four.max(axis=0), dtype=np.uint8)
    edge = POOL_STRIDE[code]
    if edge == 1:
        return pixels
    out_h, out_w = height // edge, width // edge
    cells = pixels[:, : out_h * edge, : out_w * edge].reshape(channels, out_h, edge, out_w, edge)
    if code in (1, 3):
        return np.asarray(cells.max(axis=(2, 4)))
    if code in (2, 4):
        return np.asarray(cells.sum(axis=(2, 4), dtype=np.int64) // edge**2, dtype=np.uint8)
    return cells[:, :, 0, :, 1 if code == 6 else 0].copy()


def defined_after(layer: KpuLayer, defined: Bool) -> Bool:
    """Which output pixels follow from defined input pixels only, [O, H', W']."""
    shape = (layer.out_channels, layer.out_height, layer.out_width)
    if defined.all():
        return np.ones(shape, np.bool_)
    known: Bool = defined if layer.depthwise else np.asarray(defined.all(axis=0, keepdims=True))
    unknown = (~known).astype(np.uint8)
    as_pixels = _windows(unknown, layer.kernel, 0).max(axis=1).reshape(unknown.shape)
    # any unknown pixel in a window spoils it: the maximum for means and maxima, the pick for the picking codes
    spoiled = pool(as_pixels, {2: 1, 4: 3, 8: 9}.get(layer.pool_type, layer.pool_type))
    return np.broadcast_to(spoiled == 0, shape)
