"""Small valid models: to be damaged by tests, and the first generation of the fuzzer's corpus."""

from __future__ import annotations

import struct

import numpy as np

from . import builder as b
from .builder import Kpu, Model, f32, identity


def small_conv(**options: object) -> Kpu:
    layer = Kpu(8, 4, 2, 3, **options)  # type: ignore[arg-type]
    layer.weights = [1] * (layer.channel_bytes * 3)
    layer.bn, layer.segments = [(1, 0, 0)] * layer.oc, identity()
    return layer


def conv_model(layer: Kpu | None = None, main_out: int | None = 0, patch: dict[int, int] | None = None) -> Model:
    return Model(128, [(0, 96)]).conv(layer or small_conv(), main_out, patch)


# One valid layer of each kind in 1024 bytes of main memory: fields after flags, size of the tail.
LAYERS: dict[int, tuple[list[int], int]] = {
    b.ADD: ([0, 64, 512, 8], 0),
    b.QUANTIZED_ADD: ([0, 64, 512, 8, 0, 1, 0, 0, 1, 0, 0, 1, 0], 0),
    b.GLOBAL_AVERAGE_POOL2D: ([0, 512, 4, 2], 0),
    b.MAX_POOL2D: ([0, 512, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0], 0),
    b.QUANTIZED_MAX_POOL2D: ([0, 512, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0], 0),
    b.AVERAGE_POOL2D: ([0, 512, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0], 0),
    b.QUANTIZE: ([0, 512, 8, f32(1), 0], 0),
    b.DEQUANTIZE: ([0, 512, 8, f32(1), 0], 0),
    b.REQUANTIZE: ([0, 512, 8], 256),
    b.L2_NORMALIZATION: ([0, 512, 8], 0),
    b.SOFTMAX: ([0, 512, 8], 0),
    b.CONCAT: ([512, 2, 0, 8, 64, 4], 0),
    b.QUANTIZED_CONCAT: ([512, 2, 0, 3, 64, 5], 0),
    b.FULLY_CONNECTED: ([0, 512, 3, 2, 0], 32),
    b.FLATTEN: ([0, 512, 4, 2, 2], 0),
    b.RESIZE: ([0, 512, 2, 2, 2, 3, 4, 0], 0),
    b.QUANTIZED_RESIZE: ([0, 512, 2, 2, 2, 3, 4, 0], 0),
    b.CHANNELWISE_DEQUANTIZE: ([0, 512, 2, 3], 16),
    b.LOGISTIC: ([0, 512, 8], 0),
    b.ADD_PADDING: ([0, 32000, 4], 0),
    b.REMOVE_PADDING: ([0, 512, 4], 0),
    b.UPLOAD: ([0, 32000, 4, 2, 2], 0),
}


def layer_model(kind: int, fields: list[int], tail: int) -> bytes:
    return Model(1024, [(512, 4)]).add(kind, *fields, tail=bytes(tail)).build()


def sample_models() -> list[bytes]:
    """Small models that between them hold most kinds of layer; the last layer with and without variable part."""
    rng = np.random.default_rng(4)
    conv = Model(1024, [(512, 96 * 4)]).conv(small_conv(), 0).add(b.DEQUANTIZE, 0, 512, 96, f32(1), 0)
    last_conv = Model(128, [(0, 96)]).conv(small_conv(), 0)
    dense = Model(128, [(64, 12)]).add(b.FULLY_CONNECTED, 0, 64, 4, 3, 1, tail=rng.bytes(60))
    mixed = Model(1024, [(768, 32)])
    mixed.add(b.QUANTIZE, 0, 128, 32, f32(0.1), 0).add(b.REQUANTIZE, 128, 192, 32, tail=rng.bytes(256))
    mixed.add(b.UPLOAD, 192, 0, 4, 4, 2).add(b.ADD_PADDING, 128, 100, 8).add(b.QUANTIZED_CONCAT, 256, 2, 128, 8, 192, 8)
    mixed.add(b.CHANNELWISE_DEQUANTIZE, 256, 512, 2, 8, tail=struct.pack("<4f", 1, 0, 2, 1)).add(b.SOFTMAX, 512, 768, 8)
    return [m.build(pad_last=pad) for m in (conv, last_conv, dense, mixed) for pad in (True, False)]
