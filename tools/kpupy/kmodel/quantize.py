"""From float convolutions to what the KPU computes with (spec kpu.md 10)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kpupy.kmodel import tables
from kpupy.kmodel.build_v3 import Kernel
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.tables import BnEntry

Floats = npt.NDArray[np.floating]

W_ZERO = 128
_FRACTION_BITS = 10  # of the value between batch norm and activation
_MUL_LIMIT = 1 << 21  # the vendor's compiler stays within 22 bits, sign included
_MAX_SHIFT = 15


class Scale(NamedTuple):
    """real = scale·(q - zero)"""

    scale: float
    zero: int

    @staticmethod
    def covering(low: float, high: float) -> Scale:
        """The u8 scale that covers low..high and 0."""
        low, high = min(low, 0.0), max(high, 0.0)
        if not (math.isfinite(low) and math.isfinite(high) and high > low):
            raise KModelError(f"no u8 scale covers {low}..{high}")
        scale = (high - low) / 255
        return Scale(scale, round(-low / scale))


def conv_kernel(weights: Floats, bias: Floats, x: Scale, y: Scale) -> Kernel:
    """Quantise a convolution: weights [O, C, K, K] (or [C, K, K], depthwise), bias [O], scales of input and output.

    Every output channel has its own weight scale. The result is clamped to the range of `y`; with y.zero = 0 that
    is ReLU.
    """
    bn, rows = [], []
    for row, addend in zip(weights.astype(np.float64), bias.astype(np.float64), strict=True):
        scale = max(float(np.abs(row).max()) / 127, 1e-12)
        rows.append(np.rint(row / scale).astype(np.int64) + W_ZERO)
        gain = (1 << _FRACTION_BITS) * x.scale * scale / y.scale
        bn.append(_bn_entry(gain, (1 << _FRACTION_BITS) * (float(addend) / y.scale + y.zero)))
    act = tables.linear_act(1, _FRACTION_BITS)
    return Kernel(np.stack(rows).astype(np.uint8), bn, act, x_zero=x.zero, w_zero=W_ZERO)


def _bn_entry(gain: float, addend: float) -> BnEntry:
    shift = _MAX_SHIFT
    while shift > 0 and gain * (1 << shift) >= _MUL_LIMIT:
        shift -= 1
    return BnEntry(round(gain * (1 << shift)), shift, round(addend))
