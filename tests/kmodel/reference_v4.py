"""What the operations of V4 compute, by the formulas of spec kmodel.md 4.4, in numpy and Python integers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
F32 = NDArray[np.float32]


def wrap(v: int) -> int:
    """As i32."""
    return (v + 2**31) % 2**32 - 2**31


def mcs(v: int, mul: int, shift: int) -> int:
    return wrap((v * mul + (2 ** (shift - 1) if shift else 0)) >> shift)


def sat8(v: int) -> int:
    return min(255, max(0, v))


BINARY = (np.add, np.subtract, np.multiply, np.divide, np.minimum, np.maximum)


def rsqrt(x: F32) -> F32:
    return np.float32(1) / np.sqrt(x)


UNARY = (np.abs, np.ceil, np.cos, np.exp, np.floor, np.log, np.negative, rsqrt, np.sin, np.square)


def clamp(x: Array, lo: float, hi: float) -> Array:
    return np.minimum(np.maximum(x, np.float32(lo)), np.float32(hi))


def quantized_binary(op: int, a: Array, b: Array, q: Sequence[int]) -> Array:
    def one(x: int, y: int) -> int:
        p = mcs(wrap(x + q[0]), q[1], q[2])
        r = mcs(wrap(y + q[3]), q[4], q[5])
        if op == 3:
            v = -1 if r == 0 else math.trunc((p + math.trunc(r / 2)) / r)
        else:
            v = (p + r, p - r, p * r, 0, min(p, r), max(p, r))[op]
        return sat8(mcs(wrap(v), q[7], q[8]) + q[6])

    x, y = np.broadcast_arrays(a, b)
    return np.array([one(int(i), int(j)) for i, j in zip(x.flat, y.flat, strict=True)], np.uint8).reshape(x.shape)


def win(n: int, f: int, s: int, d: int, before: int, after: int) -> int:
    return (n + before + after - ((f - 1) * d + 1) + s) // s


def taps(o: int, n: int, f: int, s: int, d: int, before: int) -> list[tuple[int, int]]:
    """Pairs (tap, index) inside."""
    return [(k, i) for k in range(f) if 0 <= (i := o * s - before + k * d) < n]


# Padding (before, after of h; of w), filter, stride, dilation (h, w each).
Window = tuple[tuple[int, int, int, int], tuple[int, int], tuple[int, int], tuple[int, int]]


def pixels(x: Array, w: Window) -> tuple[int, int, Any]:
    """Output size, and a function giving the taps of an output pixel on each axis."""
    (top, bottom, left, right), f, s, d = w
    oh = win(x.shape[2], f[0], s[0], d[0], top, bottom)
    ow = win(x.shape[3], f[1], s[1], d[1], left, right)

    def at(y: int, c: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        return list(
            itertools.product(taps(y, x.shape[2], f[0], s[0], d[0], top), taps(c, x.shape[3], f[1], s[1], d[1], left))
        )

    return oh, ow, at


def conv2d(x: F32, weights: F32, bias: F32, groups: int, w: Window, lo: float, hi: float) -> F32:
    oh, ow, at = pixels(x, w)
    oc, icg = weights.shape[:2]
    out = np.zeros((x.shape[0], oc, oh, ow), np.float64)
    for n, o, y, c in np.ndindex(*out.shape):
        first = o // (oc // groups) * icg
        out[n, o, y, c] = float(bias[o]) + sum(
            float(weights[o, i, ky, kx]) * float(x[n, first + i, iy, ix])
            for i in range(icg)
            for (ky, iy), (kx, ix) in at(y, c)
        )
    return np.clip(out, lo, hi).astype(np.float32)


def quantized_conv2d(x: Array, weights: Array, bias: Sequence[int], groups: int, w: Window, q: Sequence[int]) -> Array:
    """q: in offset, weight offset, multiplier, shift, out offset."""
    oh, ow, at = pixels(x, w)
    oc, icg = weights.shape[:2]
    out = np.zeros((x.shape[0], oc, oh, ow), np.uint8)
    for n, o, y, c in np.ndindex(*out.shape):
        first = o // (oc // groups) * icg
        v = bias[o] + sum(
            (int(x[n, first + i, iy, ix]) + q[0]) * (int(weights[o, i, ky, kx]) + q[1])
            for i in range(icg)
            for (ky, iy), (kx, ix) in at(y, c)
        )
        out[n, o, y, c] = sat8(mcs(wrap(v), q[2], q[3]) + q[4])
    return out


def conv2d_transpose(
    x: F32, weights: F32, out_shape: Sequence[int], groups: int, w: Window, lo: float, hi: float
) -> F32:
    (top, _, left, _), f, s, d = w
    out = np.zeros(tuple(out_shape), np.float64)
    oc, icg = weights.shape[:2]
    for n, o, i, y, c in np.ndindex(x.shape[0], oc, icg, *x.shape[2:]):
        value = float(x[n, o // (oc // groups) * icg + i, y, c])
        for ky, kx in np.ndindex(*f):
            oy, ox = y * s[0] - top + ky * d[0], c * s[1] - left + kx * d[1]
            if 0 <= oy < out.shape[2] and 0 <= ox < out.shape[3]:
                out[n, o, oy, ox] += value * float(weights[o, i, ky, kx])
    return np.clip(out, lo, hi).astype(np.float32)


def reduce_window2d(op: int, x: F32, w: Window, init: float, lo: float, hi: float) -> F32:
    oh, ow, at = pixels(x, w)
    out = np.zeros((*x.shape[:2], oh, ow), np.float64)
    for n, c, y, z in np.ndindex(*out.shape):
        values = [float(x[n, c, iy, ix]) for (_, iy), (_, ix) in at(y, z)]
        total = sum(values) + init
        mean = total / len(values) if values else 0.0
        out[n, c, y, z] = (mean, min([init, *values]), max([init, *values]), total)[op]
    return np.clip(out, lo, hi).astype(np.float32)


def reduce(op: int, x: F32, out_shape: Sequence[int], init: float) -> F32:
    axes = tuple(i for i in range(4) if out_shape[i] == 1)
    wide = x.astype(np.float64)
    if op in (0, 3):
        total = wide.sum(axes, keepdims=True) + init
        return (total * (math.prod(out_shape) / x.size if op == 0 else 1)).astype(np.float32)
    if op == 1:
        return np.minimum(wide.min(axes, keepdims=True), init).astype(np.float32)
    return np.maximum(wide.max(axes, keepdims=True), init).astype(np.float32)


def pad(x: Array, pads: Sequence[tuple[int, int]], value: Any) -> Array:
    out = np.full([n + b + a for n, (b, a) in zip(x.shape, pads, strict=True)], value, x.dtype)
    for index in np.ndindex(*out.shape):
        source = [i - b for i, (b, _) in zip(index, pads, strict=True)]
        if all(0 <= i < n for i, n in zip(source, x.shape, strict=True)):
            out[index] = x[tuple(source)]
    return out


def resize(x: Array, oh: int, ow: int, nearest: bool, align: bool) -> Array:
    def ratio(i: int, o: int) -> np.float32:
        if align and o > 1 and not nearest:
            return np.float32(i - 1) / np.float32(o - 1)
        return np.float32(i) / np.float32(o)

    ih, iw = x.shape[2:]
    out = np.zeros((*x.shape[:2], oh, ow), np.float64)
    for y, c in np.ndindex(oh, ow):
        fy, fx = np.float32(y) * ratio(ih, oh), np.float32(c) * ratio(iw, ow)
        y0, x0 = min(int(fy), ih - 1), min(int(fx), iw - 1)
        if nearest:
            out[:, :, y, c] = x[:, :, y0, x0]
            continue
        y1, x1 = min(y0 + 1, ih - 1), min(x0 + 1, iw - 1)
        dy, dx = float(fy - np.float32(y0)), float(fx - np.float32(x0))
        out[:, :, y, c] = (
            x[:, :, y0, x0] * ((1 - dy) * (1 - dx))
            + x[:, :, y1, x0] * (dy * (1 - dx))
            + x[:, :, y0, x1] * ((1 - dy) * dx)
            + x[:, :, y1, x1] * (dy * dx)
        )
    return out


def quantized_matmul(a: Array, b: Array, bias: Sequence[int], q: Sequence[int]) -> Array:
    v = (a.astype(object) + q[0]) @ (b.astype(object) + q[1]) + np.array(bias, object)
    return np.array([[sat8(mcs(wrap(int(x)), q[2], q[3]) + q[4]) for x in row] for row in v], np.uint8)
