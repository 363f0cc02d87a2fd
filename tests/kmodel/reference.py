"""What the layers compute, by the formulas of spec kpu.md 5 and kmodel.md 3.6, in numpy and Python integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .builder import Kpu

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


def round_b(t: int, s: int) -> int:
    if s == 0:
        return t
    q, f, half = t >> s, t - (t >> s << s), 1 << (s - 1)
    sign = -1 if t < 0 else 1
    return q if f < half else q + sign if f > half or q & 1 else q


def activate(v: int, segments: Sequence[tuple[int, int, int, int]]) -> int:
    start, mul, shift, bias = [s for i, s in enumerate(segments) if i == 0 or v > s[0]][-1]
    return min(255, max(0, round_b((v - start) * mul, shift) + bias))


def pool(m: NDArray[np.int64], code: int) -> NDArray[np.int64]:
    """m is C,H,W."""
    _, h, w = m.shape
    if code in (8, 9):
        edge = np.pad(m, ((0, 0), (0, 1), (0, 1)), mode="edge")
        stack = np.stack([edge[:, j : j + h, i : i + w] for j in (0, 1) for i in (0, 1)])
        return stack.sum(0) // 4 if code == 8 else stack.max(0)
    n = (1, 2, 2, 4, 4, 2, 2, 4)[code]
    cut = m[:, : h // n * n, : w // n * n].reshape(m.shape[0], h // n, n, w // n, n)
    if code in (1, 3):
        return cut.max((2, 4))
    if code in (2, 4):
        return cut.sum((2, 4)) // (n * n)
    return cut[:, :, 0, :, 1 if code == 6 else 0]


def kpu(layer: Kpu, x: U8) -> U8:
    """x is C,H,W."""
    k, p = layer.kernel, layer.kernel // 2
    big = np.pad(x.astype(object), ((0, 0), (p, p), (p, p)), constant_values=layer.pad)
    windows = np.stack([big[:, j : j + layer.h, i : i + layer.w] for j in range(k) for i in range(k)], 1)
    weights = np.array(layer.weights, object).reshape(layer.oc, -1, k * k)
    out = np.zeros((layer.oc, layer.h, layer.w), np.int64)
    for o in range(layer.oc):
        source = windows[o : o + 1] if layer.depthwise else windows
        acc = (source * weights[o][:, :, None, None]).sum((0, 1))
        constant = (layer.arg_w * int(weights[o].sum()) >> layer.shr_w) + layer.arg_add * len(source)
        mul, shift, add = layer.bn[o]
        u = acc + ((layer.arg_x * source.sum((0, 1))) >> layer.shr_x) + constant
        v = (u * mul >> shift) + add
        out[o] = [[activate(int(n), layer.segments) for n in line] for line in v]
    return pool(out, layer.pool).astype(np.uint8)


def quantize(x: F32, scale: float, bias: float) -> U8:
    with np.errstate(all="ignore"):
        v = (x - np.float32(bias)) * (np.float32(1) / np.float32(scale))
    rounded = np.sign(v) * np.floor(np.abs(v.astype(np.float64)) + 0.5)
    return np.clip(np.nan_to_num(rounded, nan=0), 0, 255).astype(np.uint8)


def dequantize(q: U8, scale: float, bias: float) -> F32:
    return q.astype(np.float32) * np.float32(scale) + np.float32(bias)


def quantized_add(a: U8, b: U8, p: Sequence[int]) -> U8:
    """p: offset, multiplier and shift of a, of b and of the output."""
    out = []
    for va, vb in zip(a.tolist(), b.tolist(), strict=True):
        x, y = (va + p[0]) * p[1], (vb + p[3]) * p[4]
        v = (x + y) >> p[2] if p[2] == p[5] else (x >> p[2]) + (y >> p[5])
        v *= p[7]
        if p[8]:
            v >>= p[8] - 1
            v = (v >> 1) + ((1 if v >= 0 else -1) if v & 1 else 0)
        out.append(min(255, max(0, v + p[6])))
    return np.array(out, np.uint8)


def pool2d(
    x: NDArray[np.generic], out: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]
) -> list[list[list[NDArray[np.generic]]]]:
    """The pixels of each window; all pairs are (width, height), x is C,H,W."""
    _, h, w = x.shape

    def span(i: int, axis: int, limit: int) -> slice:
        begin = i * stride[axis] - pad[axis]
        return slice(max(0, begin), min(limit, begin + kernel[axis]))

    return [[[c[span(j, 1, h), span(i, 0, w)] for i in range(out[0])] for j in range(out[1])] for c in x]


def act(x: F32, kind: int) -> F32:
    return np.asarray([x, np.maximum(x, 0), np.minimum(np.maximum(x, 0), 6)][kind], np.float32)


def sequential_sum(x: F32) -> np.float32:
    total = np.float32(0)
    for v in x:
        total = np.float32(total + v)
    return total


def nearest(x: NDArray[np.generic], ow: int, oh: int) -> NDArray[np.generic]:
    _, h, w = x.shape
    ys = np.minimum(np.floor(np.arange(oh, dtype=np.float32) * (np.float32(h) / np.float32(oh))), h - 1).astype(int)
    xs = np.minimum(np.floor(np.arange(ow, dtype=np.float32) * (np.float32(w) / np.float32(ow))), w - 1).astype(int)
    return x[:, ys][:, :, xs]
