"""Small valid V4 models: to be damaged by tests, and seeds of the fuzzer."""

from __future__ import annotations

import numpy as np

from . import builder_v4 as b
from .builder import Kpu, f32, identity, random_kpu, words
from .builder_v4 import Model, f32_range, kpu_range, u8_range

F = (f32(-100), f32(100))
SHAPE = (1, 2, 4, 4)
WINDOW = (1, 1, 1, 1, 3, 3, 2, 2, 1, 1)  # padding h, w; filter; stride; dilation: 4x4 -> 2x2
IN, SECOND, OUT = 0, 512, 1024  # where the operands of these nodes lie
fin, fout, uin, uout = f32_range(IN, 32), f32_range(OUT, 32), u8_range(IN, 32), u8_range(OUT, 32)
fsmall, usmall = f32_range(OUT, 8), u8_range(OUT, 8)

# One valid node of each kind in 2048 bytes of main memory: fields, tail.
NODES: dict[int, tuple[list[int], bytes]] = {
    b.BINARY: ([*fin, *f32_range(SECOND, 2), *fout, 0, *SHAPE, 1, 2, 1, 1, *SHAPE, *F], b""),
    b.QUANTIZED_BINARY: (
        [*uin, *u8_range(SECOND, 2), *uout, 0, *SHAPE, 1, 2, 1, 1, *SHAPE, 0, 1, 0, 0, 1, 0, 0, 1, 1],
        b"",
    ),
    b.CONCAT: ([*u8_range(OUT, 40), 4, 2, 2, *u8_range(IN, 24), *u8_range(SECOND, 16), 3, 2], b""),
    b.CONV2D: ([*fin, *f32_range(OUT, 12), *SHAPE, 1, 3, *WINDOW, *F], bytes(4 * (3 * 2 * 9 + 3))),
    b.QUANTIZED_CONV2D: ([*uin, *u8_range(OUT, 12), *SHAPE, 1, 3, *WINDOW, 0, 0, 1, 3, 0], bytes(4 * 3 + 3 * 2 * 9)),
    b.CONV2D_TRANSPOSE: (
        [*f32_range(IN, 8), *f32_range(OUT, 48), 1, 2, 2, 2, 1, 3, 4, 4, 1, *WINDOW, *F],
        bytes(4 * (3 * 2 * 9 + 3)),
    ),
    b.DEQUANTIZE: ([*uin, *fout, 3, f32(2)], b""),
    b.QUANTIZE: ([*fin, *uout, 3, f32(2)], b""),
    b.MATMUL: ([*f32_range(IN, 6), *f32_range(SECOND, 12), *fsmall, 2, 3, 4, *F], bytes(16)),
    b.QUANTIZED_MATMUL: ([*u8_range(IN, 6), *u8_range(SECOND, 12), *usmall, 2, 3, 4, 0, 0, 1, 3, 0], bytes(16)),
    b.PAD: ([*uin, *u8_range(OUT, 60), *SHAPE, 0, 0, 0, 0, 1, 1, 1, 0, b.U8, 7], b""),
    b.REDUCE: ([*fin, *f32_range(OUT, 2), 0, *SHAPE, 1, 2, 1, 1, 0], b""),
    b.REDUCE_WINDOW2D: ([*fin, *fsmall, 0, *SHAPE, *WINDOW, 0, *F], b""),
    b.MEMORY_COPY: ([*uin, *uout], b""),
    b.RESIZE_IMAGE: ([*uin, *u8_range(OUT, 60), *SHAPE, 6, 5, 0, 1], b""),
    b.SOFTMAX: ([*fin, *fout, 8, 4, f32(1)], b""),
    b.TRANSPOSE: ([*fin, *fout, *SHAPE, 0, 2, 3, 1], b""),
    b.STRIDED_SLICE: ([*fin, *fsmall, *SHAPE, 0, 0, 0, 3, 1, 2, 4, -1, 1, 1, 2, -2, 0, 0, 0, 0, 0], b""),
    b.UNARY: ([*fin, *fout, 9], b""),
    b.TABLE_LOOKUP1D: ([*uin, b.CONSTANT, b.U8, 0, 256, *uout], b""),
    b.NNIL: ([*fin, *fout], b"\x03\x05\x40\xa0"),
    b.KPU_UPLOAD: ([*uin, *kpu_range(32000, 4, 4, 2), *SHAPE], b""),
}


def shell(outputs: int = 1) -> Model:
    """A model without nodes: input at 0, output(s) at OUT, 256 bytes of constants."""
    return Model(2048, [(u8_range(IN, 32), SHAPE)], [f32_range(OUT, 2)] * outputs, constants=bytes(range(256)))


def node_model(op: int, fields: list[int], tail: bytes = b"") -> bytes:
    return shell().add(op, tail=words(*fields) + tail).build()


def small_conv(**options: int) -> Kpu:
    layer = Kpu(8, 4, 2, 3, **options)  # type: ignore[arg-type]
    layer.weights = [1] * (layer.channel_bytes * 3)
    layer.bn, layer.segments = [(1, 0, 0)] * layer.oc, identity()
    return layer


def conv_model(
    layer: Kpu | None = None,
    batches: int = 1,
    main_out: b.Range | None = None,
    patch: dict[int, int] | None = None,
    align: tuple[int, int, int] = (256, 256, 256),
) -> Model:
    kpu = layer or small_conv()
    out = u8_range(0, 96 * batches) if main_out is None else main_out
    images = max(1, min(batches, 4096))
    model = Model(2048, [(kpu_range(kpu.src, 8, 4, 2, images), (images, 2, 4, 8))], [u8_range(0, 96)])
    return model.conv(kpu, out, batches, align, patch)


def sample_models() -> list[bytes]:
    """Models that between them hold every kind of node; the last one with and without its padding."""
    rng = np.random.default_rng(4)
    models = []
    for op, (fields, tail) in NODES.items():
        models.append(node_model(op, fields, rng.bytes(len(tail)) if op != b.NNIL else tail))
    chain = shell()
    for op in (b.DEQUANTIZE, b.UNARY, b.REDUCE, b.TRANSPOSE, b.NNIL):
        chain.add(op, tail=words(*NODES[op][0]) + NODES[op][1])
    models += [chain.build(pad_last=pad) for pad in (True, False)]
    models += [conv_model(batches=n).build(pad_last=pad) for n in (1, 3) for pad in (True, False)]
    for pool in (0, 1, 5, 8):
        first = random_kpu(rng, 12, 8, 2, 4, kernel=3, pool=pool, src=32, dst=31000)
        second = random_kpu(rng, first.ow, first.oh, 4, 4, kernel=3, depthwise=True, src=31000, dst=0)
        size = 2 * second.ow * second.oh * 4
        model = Model(5 * size + 400, [(u8_range(0, 384), (2, 2, 8, 12))], [f32_range(384, size)])
        model.add(b.KPU_UPLOAD, *u8_range(0, 384), *kpu_range(32, 12, 8, 2, 2), 2, 2, 8, 12)
        model.conv(first, batches=2).conv(second, u8_range(384 + 4 * size, size), 2)
        model.add(b.DEQUANTIZE, *u8_range(384 + 4 * size, size), *f32_range(384, size), 9, f32(2))
        models.append(model.build())
    return models
