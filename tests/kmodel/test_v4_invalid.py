"""Every field of V4 out of its limits (spec kmodel.md 7.1, 7.2, 7.4), every truncation, every flipped byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest

from . import builder_v4 as b
from .builder import f32, words
from .builder_v4 import Model, f32_range, u8_range
from .conftest import Runtime
from .samples_v4 import IN, NODES, OUT, SECOND, SHAPE, conv_model, node_model, sample_models, shell, small_conv

TOP = 0xFFFFFFFF
NAN, INF = 0x7FC00000, 0x7F800000


@pytest.mark.parametrize("op", NODES)
def test_sample_is_valid(runtime: Runtime, op: int) -> None:
    assert runtime.load_error(node_model(op, *NODES[op])) == (0, "")


# Word of the header, value, code, part of the text.
HEADER = [
    (3, 0, 2002, "target 0; only 1 (K210)"),
    (3, 2, 2002, "target 2"),
    (4, 2, 2003, "2 bytes of constants, must be a multiple of 4"),
    (4, TOP - 3, 2003, "truncated"),
    (4, 512, 2003, "truncated"),
    (5, 1024, 2003, "output 1024 + 128 bytes end outside main memory (1024 bytes)"),
    (5, TOP, 2006, "no 4294967303 bytes in one piece for the work memory"),
    (6, 0, 2003, "0 nodes, must be 1 to 4096"),
    (6, 4096, 2003, "truncated"),
    (6, 4097, 2003, "4097 nodes"),
    (6, TOP, 2003, "4294967295 nodes"),
    (7, 0, 2003, "0 inputs, must be 1 to 64"),
    (7, 65, 2003, "65 inputs"),
    (7, TOP, 2003, "inputs"),
    (8, 0, 2003, "0 outputs, must be 1 to 64"),
    (8, 65, 2003, "65 outputs"),
    (8, TOP, 2003, "outputs"),
]


@pytest.mark.parametrize(("word", "value", "code", "text"), HEADER)
def test_header(runtime: Runtime, word: int, value: int, code: int, text: str) -> None:
    data = bytearray(node_model(b.UNARY, *NODES[b.UNARY]))
    struct.pack_into("<I", data, 4 * word, value)
    got, detail = runtime.load_error(bytes(data))
    assert got == code
    assert text in detail


def test_flags_and_reserved_do_not_matter(runtime: Runtime) -> None:
    data = bytearray(node_model(b.UNARY, *NODES[b.UNARY]))
    for word, value in ((2, 5), (9, TOP)):
        struct.pack_into("<I", data, 4 * word, value)
    assert runtime.load_error(bytes(data)) == (0, "")


def test_limits_of_counts(runtime: Runtime) -> None:
    model = shell(outputs=64)
    for _ in range(4096):
        model.add(b.UNARY, *NODES[b.UNARY][0])
    assert runtime.load_error(model.build()) == (0, "")
    many = Model(2048, [(u8_range(IN, 32), SHAPE)] * 64, [f32_range(OUT, 2)]).add(b.UNARY, *NODES[b.UNARY][0])
    assert runtime.load_error(many.build()) == (0, "")


INPUTS = [
    ((0, 1, 0, 32), SHAPE, "in constant memory"),
    ((3, 1, 0, 32), SHAPE, "memory 3 (must be 0 to 2)"),
    ((1, 2, 0, 32), SHAPE, "datatype 2 (must be 0 or 1)"),
    ((1, 0, 2, 128), SHAPE, "starts at 2, must be a multiple of 4"),
    ((1, 1, 2017, 32), SHAPE, "2017 + 32 bytes end outside main memory (2048 bytes)"),
    ((1, 1, TOP, 32), SHAPE, "end outside main memory"),
    ((1, 1, 0, 31), SHAPE, "takes 32 bytes, its range has 31"),
    ((1, 1, 0, 33), SHAPE, "range of 33 bytes for shape 1x2x4x4, which takes 32"),
    ((1, 1, 0, 32), (0, 2, 4, 4), "shape 0x2x4x4, must have 1 to"),
    ((1, 1, 0, 32), (1, 2, 4, 0), "shape 1x2x4x0"),
    ((1, 1, 0, 32), (TOP, 2, 4, 4), "shape 4294967295x2x4x4"),
    ((1, 1, 0, 32), (1 << 14, 1 << 14, 1, 2), "must have 1 to 268435456 elements"),
    ((2, 1, 32, 256), SHAPE, "starts at 32, must be a multiple of 64"),
    ((2, 1, 32768 * 64 - 192, 256), SHAPE, "end outside AI RAM (2097152 bytes)"),
    ((2, 0, 0, 256), SHAPE, "must be u8 (1) in AI RAM"),
    ((2, 1, 0, 192), SHAPE, "1 images take 4 rows from row 0"),
    ((2, 1, 0, 320), SHAPE, "range of 320 bytes for shape 1x2x4x4, which takes 256"),
    ((2, 1, 0, 2097152), (8193, 2, 4, 4), "8193 images take 32772 rows"),
]


@pytest.mark.parametrize(("where", "shape", "text"), INPUTS)
def test_graph_input(runtime: Runtime, where: b.Range, shape: Sequence[int], text: str) -> None:
    model = Model(2048, [(where, shape)], [f32_range(OUT, 2)], constants=bytes(64)).add(b.UNARY, *NODES[b.UNARY][0])
    code, detail = runtime.load_error(model.build())
    assert code == 2003
    assert detail.startswith("layer 0 (input): ")
    assert text in detail


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ((0, 0, 0, 64), "in memory 0, must be in main memory (1)"),
        ((2, 1, 0, 64), "in memory 2, must be in main memory (1)"),
        ((1, 0, 0, 0), "takes 0 bytes"),
        ((1, 0, 0, 6), "range of 6 bytes, must be a multiple of 4"),
        ((1, 0, 2048, 4), "2048 + 4 bytes end outside main memory (2048 bytes)"),
        ((1, 0, TOP - 3, 8), "end outside main memory"),
        ((1, 7, 0, 8), "datatype 7"),
    ],
)
def test_graph_output(runtime: Runtime, where: b.Range, text: str) -> None:
    model = Model(2048, [(u8_range(IN, 32), SHAPE)], [where], constants=bytes(64)).add(b.UNARY, *NODES[b.UNARY][0])
    code, detail = runtime.load_error(model.build())
    assert code == 2003
    assert text in detail


@pytest.mark.parametrize(
    ("op", "code", "text"),
    [
        (0x15, 2003, "layer 0 has operation 0x15, which kmodel V4 does not know"),
        (0x1000, 2003, "operation 0x1000"),
        (0x1001, 2014, "operation 0x1001, which is not for the K210 (NHWC)"),
        (0x1005, 2014, "operation 0x1005"),
        (0x1006, 2003, "operation 0x1006"),
        (0x2000, 2003, "operation 0x2000"),
        (0x2003, 2003, "operation 0x2003"),
        (TOP, 2003, "operation 0xffffffff"),
        (0x10000, 2003, "operation 0x10000"),
    ],
)
def test_operation(runtime: Runtime, op: int, code: int, text: str) -> None:
    got, detail = runtime.load_error(node_model(op, *NODES[b.UNARY]))
    assert got == code
    assert text in detail


# Ranges of a node: word of the first number, whether it is an output.
RANGES = {
    b.BINARY: [(0, False), (4, False), (8, True)],
    b.QUANTIZED_BINARY: [(0, False), (4, False), (8, True)],
    b.CONCAT: [(7, False), (11, False), (0, True)],
    b.MATMUL: [(0, False), (4, False), (8, True)],
    b.QUANTIZED_MATMUL: [(0, False), (4, False), (8, True)],
    b.TABLE_LOOKUP1D: [(0, False), (4, False), (8, True)],
}
ANY_TYPE = (b.CONCAT, b.PAD, b.MEMORY_COPY, b.RESIZE_IMAGE, b.TRANSPOSE, b.STRIDED_SLICE)
EVERY_RANGE = [(op, *r) for op in NODES for r in RANGES.get(op, [(0, False), (4, True)])]


@pytest.mark.parametrize(("op", "word", "output"), EVERY_RANGE)
def test_every_range(runtime: Runtime, op: int, word: int, output: bool) -> None:
    fields, tail = NODES[op]
    memory, kind, start, size = fields[word : word + 4]
    in_kpu = memory == b.KPU
    bad = [(0, 3), (0, TOP), (1, 2), (1, TOP), (3, 0), (3, TOP), (2, TOP - 63)]
    bad += [(0, b.MAIN)] if in_kpu else [(0, b.KPU)]
    bad += [(0, b.CONSTANT)] if output else []
    bad += [(2, start + 1)] if kind == b.F32 or in_kpu else []
    bad += [(1, 1 - kind)] if op not in ANY_TYPE else []
    # One byte less than the shape takes; these take whatever the input's range has.
    if (op, output) not in [(b.MEMORY_COPY, False), (b.MEMORY_COPY, True)]:
        bad += [(3, size - 1)]
    limit = {b.CONSTANT: 256, b.MAIN: 2048, b.KPU: 2097152}[memory]
    bad += [(2, limit - size + (64 if in_kpu else 4))]
    for offset, value in bad:
        broken = list(fields)
        broken[word + offset] = value
        code, detail = runtime.load_error(node_model(op, broken, tail))
        if op in (b.TABLE_LOOKUP1D, b.DEQUANTIZE) and word == 0 and (offset, value) == (3, size - 1):
            assert code == 0  # a shorter input is as good
            continue
        assert code == 2003, (offset, value, detail)
        assert detail.startswith("layer 0 ("), (offset, value)


def shape_fields(op: int) -> list[int]:
    """First words of the shapes of a node."""
    return {
        b.BINARY: [13, 17, 21], b.QUANTIZED_BINARY: [13, 17, 21], b.CONV2D: [8], b.QUANTIZED_CONV2D: [8],
        b.CONV2D_TRANSPOSE: [8, 12], b.PAD: [8], b.REDUCE: [9, 13], b.REDUCE_WINDOW2D: [9], b.RESIZE_IMAGE: [8],
        b.TRANSPOSE: [8], b.STRIDED_SLICE: [8], b.KPU_UPLOAD: [8],
    }.get(op, [])  # fmt: skip


@pytest.mark.parametrize("op", [op for op in NODES if shape_fields(op)])
def test_every_shape(runtime: Runtime, op: int) -> None:
    fields, tail = NODES[op]
    for first in shape_fields(op):
        for axis in range(4):
            for value in (0, 1 << 28, (1 << 28) + 1, 1 << 31, TOP, fields[first + axis] + 64):
                broken = list(fields)
                broken[first + axis] = value
                code, detail = runtime.load_error(node_model(op, broken, tail))
                assert code == 2003, (first, axis, value)
                assert detail.startswith("layer 0 (")


# Operation, word of the body, value, part of the text.
FIELDS = [
    (b.BINARY, 12, 6, "operation 6, must be below 6"),
    (b.BINARY, 12, TOP, "operation 4294967295"),
    (b.BINARY, 22, 1, "axis 1: sizes 2 and 2 cannot make 1"),
    (b.QUANTIZED_BINARY, 12, 6, "operation 6"),
    (b.QUANTIZED_BINARY, 27, 64, "shift 64, must be 0 to 63"),
    (b.QUANTIZED_BINARY, 30, TOP, "shift -1"),
    (b.QUANTIZED_BINARY, 33, 64, "shift 64"),
    (b.CONCAT, 4, 0, "inner 0"),
    (b.CONCAT, 4, TOP, "inner 4294967295"),
    (b.CONCAT, 5, 0, "outer 0"),
    (b.CONCAT, 5, 1 << 31, "inner 4, outer 2147483648"),
    (b.CONCAT, 6, 0, "0 inputs"),
    (b.CONCAT, 6, 3, "body needs 88 bytes"),
    (b.CONCAT, 6, TOP, "body needs"),
    (b.CONCAT, 15, 0, "inputs have 2 times 8 bytes, the output range has 40"),
    (b.CONCAT, 15, TOP, "inputs have"),
    (b.CONCAT, 16, 3, "inputs have 6 times 8 bytes"),
    *[
        (op, first + word, value, text)
        for op, first in ((b.CONV2D, 14), (b.QUANTIZED_CONV2D, 14), (b.CONV2D_TRANSPOSE, 17), (b.REDUCE_WINDOW2D, 13))
        for word, value, text in [
            (0, 32769, "padding 32769, must be -32768 to 32768"),
            (1, 1 << 31, "padding -2147483648"),
            (2, TOP & -32769, "padding -32769"),
            (3, (1 << 31) - 1, "padding 2147483647"),
            (4, 0, "filter size 0, must be 1 or more"),
            (5, TOP, "filter size -1"),
            (6, 0, "stride 0"),
            (7, 1 << 31, "stride -2147483648"),
            (8, 0, "dilation 0"),
            (9, TOP, "dilation -1"),
        ]
    ],
    *[
        (op, first + word, value, text)
        for op, first in ((b.CONV2D, 14), (b.QUANTIZED_CONV2D, 14), (b.CONV2D_TRANSPOSE, 17))
        for word, value, text in [
            (4, 1 << 30, "weights"),
            (4, 4, "body needs"),
            (5, 1 << 27, "weights"),
        ]
    ],
    (b.CONV2D, 22, 3, "a filter of 3 does not fit 4 pixels and their padding"),
    (b.CONV2D, 23, (1 << 31) - 1, "does not fit"),
    (b.CONV2D, 14, -4, "does not fit"),
    (b.CONV2D, 12, 0, "0 groups of 2 input and 3 output channels"),
    (b.CONV2D, 12, 2, "2 groups of 2 input and 3 output channels"),
    (b.CONV2D, 12, 3, "3 groups"),
    (b.CONV2D, 12, TOP, "-1 groups"),
    (b.CONV2D, 13, 0, "0 output channels"),
    (b.CONV2D, 13, 4, "body needs"),
    (b.CONV2D, 13, TOP, "-1 output channels"),
    (b.CONV2D, 20, 1, "output takes 96 bytes, its range has 48"),
    (b.QUANTIZED_CONV2D, 12, 0, "0 groups"),
    (b.QUANTIZED_CONV2D, 13, 4, "body needs"),
    (b.QUANTIZED_CONV2D, 27, 64, "shift 64"),
    (b.CONV2D_TRANSPOSE, 8, 2, "takes"),
    (b.CONV2D_TRANSPOSE, 16, 0, "0 groups"),
    (b.CONV2D_TRANSPOSE, 16, 2, "2 groups of 2 input and 3 output channels"),
    (b.DEQUANTIZE, 9, 0, "scale must be finite and not 0"),
    (b.DEQUANTIZE, 9, NAN, "scale"),
    (b.QUANTIZE, 9, 1 << 31, "scale"),
    (b.QUANTIZE, 9, INF, "scale"),
    (b.MATMUL, 12, 0, "shape 1x1x0x3"),
    (b.MATMUL, 12, 3, "takes 36 bytes, its range has 24"),
    (b.MATMUL, 13, 0, "shape 1x1x2x0"),
    (b.MATMUL, 14, 0, "shape 1x1x3x0"),
    (b.MATMUL, 14, TOP, "shape 1x1x3x4294967295"),
    (b.QUANTIZED_MATMUL, 12, 0, "shape"),
    (b.QUANTIZED_MATMUL, 13, 4, "takes 8 bytes, its range has 6"),
    (b.QUANTIZED_MATMUL, 14, 1 << 28, "shape 1x1x3x268435456"),
    (b.QUANTIZED_MATMUL, 18, 64, "shift 64"),
    (b.PAD, 12, -1, "output shape 0x2x"),
    (b.PAD, 16, -5, "shape 1x2x0x5"),
    (b.PAD, 16, (1 << 31) - 1, "shape"),
    (b.PAD, 17, 1 << 31, "shape"),
    (b.PAD, 19, 1, "takes 72 bytes, its range has 60"),
    (b.REDUCE, 8, 4, "operation 4, must be below 4"),
    (b.REDUCE, 14, 3, "takes"),
    (b.REDUCE, 15, 2, "takes"),
    (b.REDUCE_WINDOW2D, 8, 4, "operation 4"),
    (b.REDUCE_WINDOW2D, 14, 5, "takes"),
    (b.RESIZE_IMAGE, 12, 0, "shape 1x2x0x5"),
    (b.RESIZE_IMAGE, 12, 7, "takes 70 bytes, its range has 60"),
    (b.RESIZE_IMAGE, 13, TOP, "shape"),
    (b.RESIZE_IMAGE, 14, 2, "operation 2, must be below 2"),
    (b.SOFTMAX, 8, 0, "shape"),
    (b.SOFTMAX, 8, 9, "takes 144 bytes, its range has 128"),
    (b.SOFTMAX, 9, 0, "shape"),
    (b.SOFTMAX, 9, TOP, "shape"),
    (b.TRANSPOSE, 12, 4, "axes 4, 2, 3, 1, must be a permutation of 0 to 3"),
    (b.TRANSPOSE, 12, 2, "axes 2, 2, 3, 1"),
    (b.TRANSPOSE, 15, TOP, "axes 0, 2, 3, -1"),
    (b.STRIDED_SLICE, 12, 1, "axis 0 of size 1: from 1 to 1"),
    (b.STRIDED_SLICE, 12, -1, "from -1 to 1"),
    (b.STRIDED_SLICE, 16, 2, "from 0 to 2"),
    (b.STRIDED_SLICE, 16, 0, "from 0 to 0"),
    (b.STRIDED_SLICE, 15, 4, "axis 3 of size 4: from 4 to -1 in steps of -2"),
    (b.STRIDED_SLICE, 19, -2, "to -2"),
    (b.STRIDED_SLICE, 19, 1 << 31, "to -2147483648"),
    (b.STRIDED_SLICE, 23, 0, "in steps of 0"),
    (b.STRIDED_SLICE, 23, 2, "in steps of 2"),
    (b.UNARY, 8, 10, "operation 10, must be below 10"),
    (b.TABLE_LOOKUP1D, 7, 255, "second input takes 256 bytes, its range has 255"),
    (b.KPU_UPLOAD, 6, 32766 * 64, "end outside AI RAM"),
    (b.KPU_UPLOAD, 8, 2, "takes 64 bytes, its range has 32"),
]


@pytest.mark.parametrize(("op", "word", "value", "text"), FIELDS)
def test_field(runtime: Runtime, op: int, word: int, value: int, text: str) -> None:
    fields, tail = NODES[op]
    broken = list(fields)
    broken[word] = value
    code, detail = runtime.load_error(node_model(op, broken, tail))
    assert code == 2003
    assert text in detail


@pytest.mark.parametrize(
    ("word", "value", "text"),
    [(18, 3, "axis 1: sizes 2 and 3 cannot make 2"), (17, 2, "axis 0: sizes 1 and 2 cannot make 1"), (18, 1, "")],
)
def test_broadcast(runtime: Runtime, word: int, value: int, text: str) -> None:
    fields, tail = NODES[b.BINARY]
    changed = list(fields)
    changed[4:8] = f32_range(SECOND, 32)
    changed[word] = value
    code, detail = runtime.load_error(node_model(b.BINARY, changed, tail))
    assert code == (2003 if text else 0)
    assert text in detail


@pytest.mark.parametrize("op", range(4))
def test_window_without_a_pixel(runtime: Runtime, op: int) -> None:
    """It has no mean; minimum, maximum and sum are the initial value."""
    fields, tail = NODES[b.REDUCE_WINDOW2D]
    changed = list(fields)
    changed[4:8] = f32_range(OUT, 64)
    changed[8], changed[13] = op, 3
    code, detail = runtime.load_error(node_model(b.REDUCE_WINDOW2D, changed, tail))
    assert code == (2003 if op == 0 else 0)
    assert ("the mean of output row or column 0 has no pixel" in detail) == (op == 0)


# Limits that must still load.
ACCEPTED = [
    (b.QUANTIZED_BINARY, 27, 63),
    (b.QUANTIZED_CONV2D, 27, 63),
    (b.QUANTIZED_MATMUL, 18, 0),
    (b.CONV2D, 24, NAN),
    (b.RESIZE_IMAGE, 12, 1),
    (b.RESIZE_IMAGE, 15, 0xCCCCCC00),
    (b.STRIDED_SLICE, 24, 31),
    (b.STRIDED_SLICE, 22, (1 << 31) - 1),
    (b.STRIDED_SLICE, 23, 1 << 31),
    (b.TABLE_LOOKUP1D, 4, 1),
]


@pytest.mark.parametrize(("op", "word", "value"), ACCEPTED)
def test_limit_is_accepted(runtime: Runtime, op: int, word: int, value: int) -> None:
    fields, tail = NODES[op]
    changed = list(fields)
    changed[word] = value
    answer = runtime.job(node_model(op, changed, tail), bytes(32))
    assert answer.error == (0, "")


OVERLAPS = [
    (b.BINARY, 2, OUT - 4, True),
    (b.BINARY, 2, OUT, False),
    (b.BINARY, 6, OUT + 124, True),
    (b.BINARY, 6, OUT, True),  # repeated over the output
    (b.BINARY, 6, OUT + 128, False),
    (b.UNARY, 2, OUT + 4, True),
    (b.UNARY, 2, OUT, False),
    (b.NNIL, 2, OUT, False),
    (b.DEQUANTIZE, 2, OUT, True),
    (b.DEQUANTIZE, 2, OUT + 127, True),
    (b.DEQUANTIZE, 2, OUT + 128, False),
    (b.TRANSPOSE, 2, OUT, True),
    (b.CONCAT, 9, OUT + 39, True),
    (b.CONCAT, 13, OUT + 39, True),
    (b.CONCAT, 13, OUT + 40, False),
    (b.MATMUL, 6, OUT + 28, True),
    (b.MEMORY_COPY, 2, OUT + 31, True),
    (b.TABLE_LOOKUP1D, 2, OUT, False),
    (b.SOFTMAX, 2, OUT, True),
]


@pytest.mark.parametrize(("op", "word", "start", "refused"), OVERLAPS)
def test_overlap(runtime: Runtime, op: int, word: int, start: int, refused: bool) -> None:
    fields, tail = NODES[op]
    moved = list(fields)
    moved[word] = start
    code, detail = runtime.load_error(node_model(op, moved, tail))
    assert code == (2003 if refused else 0)
    assert ("overlap in main memory" in detail) == refused


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"", "the code leaves 0 numbers, must be 1"),
        (b"\x00", "the code leaves 0 numbers"),
        (b"\x03\x03", "the code leaves 2 numbers"),
        (b"\xa0", "instruction 0xa0 at byte 0 with 0 numbers on the stack of 64"),
        (b"\x01", "instruction 0x01 at byte 0 with 0 numbers"),
        (b"\x02", "instruction 0x02"),
        (b"\x03\x40\xa0", "instruction 0x40 at byte 1 with 1 numbers"),
        (b"\x03\x03\x80\xa0", "instruction 0x80 at byte 2 with 2 numbers"),
        (b"\x20\xa0", "instruction 0x20"),
        (b"\x05" * 65 + b"\xa0", "instruction 0x05 at byte 64 with 64 numbers"),
        (b"\x05" * 64 + b"\x01\xa0", "instruction 0x01 at byte 64 with 64 numbers"),
        (b"\x07\xa0", "instruction 0x07 at byte 0 of the code"),
        (b"\x03\x2a\xa0", "instruction 0x2a"),
        (b"\x03\x03\x46\xa0", "instruction 0x46"),
        (b"\x03\x81\xa0", "instruction 0x81"),
        (b"\x03\xff", "instruction 0xff"),
        (b"\x06\x00\x00\x80", "a constant ends behind the code"),
    ],
)
def test_nnil_code(runtime: Runtime, code: bytes, text: str) -> None:
    fields, _ = NODES[b.NNIL]
    model = shell().add(b.NNIL, tail=words(*fields) + code)
    got, detail = runtime.load_error(model.build(pad_last=False))
    assert got == 2003
    assert text in detail


def test_deep_nnil_stack_runs(runtime: Runtime) -> None:
    fields, _ = NODES[b.NNIL]
    code = b"\x05" * 64 + b"\x40" * 63 + b"\xa0"
    model = shell().add(b.DEQUANTIZE, *u8_range(IN, 32), *f32_range(SECOND, 32), 0, f32(1))
    model.add(b.NNIL, *f32_range(SECOND, 32), *fields[4:], tail=code)
    assert runtime.job(model.build(), bytes(32)).outputs[0].f32.tolist() == [64.0, 64.0]


CONV = [
    ({4: 0}, "0 images, must be 1 to 32768"),
    ({4: 32769}, "32769 images"),
    ({4: TOP}, "-1 images"),
    ({4: 8191}, "images take"),
    ({0: 0}, "end outside the constants (0 bytes)"),
    ({0: 2}, "in memory 2, must be in main memory (1)"),
    ({0: 3}, "memory 3"),
    ({1: 0}, "has datatype 0, must be 1"),
    ({1: 9}, "datatype 9"),
    ({2: 1953}, "end outside main memory (2048 bytes)"),
    ({2: TOP}, "end outside main memory"),
    ({3: 95}, "takes 96 bytes, its range has 95"),
    ({3: TOP}, "end outside main memory"),
    ({15: 0xFFFFFFF0}, "body needs"),  # skip before BN
    ({21: 0xFFFFFFF0}, "body needs"),  # before the activation
    ({17: 0xFFFFFFF0}, "body needs"),  # before the weights
    ({15: TOP}, "body needs"),
]


@pytest.mark.parametrize(("patch", "text"), CONV)
def test_kpu_conv2d_field(runtime: Runtime, patch: dict[int, int], text: str) -> None:
    layer = small_conv(src=4, dst=64)
    code, detail = runtime.load_error(conv_model(layer, main_out=u8_range(0, 96), patch=patch).build())
    assert code == 2003
    assert detail.startswith("layer 0 (kpu_conv2d): ")
    assert text in detail


# Word of the record, bits to clear, bits to set, part of the text (spec kmodel.md 7.2).
RECORD = [
    (4, 7, 2, "kernel type 2, must be 0 (1x1) or 1 (3x3)"),
    (4, 0xF0, 10 << 4, "pool code 10, must be 0 to 9"),
    (4, 0xF0, 1 << 4, "pool code 1 makes 4x2"),
    (0, 0, 8, "depthwise with 2 input and 3 output channels"),
    (3, 0x3FF << 32, 6 << 32, "output 7x4, pool code 0 makes 8x4"),
    (3, 0x1FF << 42, 4 << 42, "output 8x5"),
    (1, 0x7FFF, 32765, "row 32765 + 4 rows for 8x4x2 end outside AI RAM (32768 rows)"),
    (1, 0x7FFF << 32, 32767 << 32, "end outside AI RAM"),
]


@pytest.mark.parametrize(("word", "clear", "bits", "text"), RECORD)
def test_kpu_record(runtime: Runtime, word: int, clear: int, bits: int, text: str) -> None:
    layer = small_conv(src=0, dst=64)
    layer.patch = {word: (clear, bits)}
    code, detail = runtime.load_error(conv_model(layer, main_out=(0, 0, 0, 0)).build())
    assert code == 2003
    assert text in detail


@pytest.mark.parametrize(
    ("align", "patch", "good"),
    [
        ((8, 256, 8), {}, True),
        ((256, 256, 256), {17: 104}, True),  # fewer bytes to skip before the weights
        ((256, 256, 256), {17: 100}, False),
        ((8, 8, 8), {}, False),
        ((1, 256, 8), {}, False),
    ],
)
def test_alignment_of_tables(runtime: Runtime, align: tuple[int, int, int], patch: dict[int, int], good: bool) -> None:
    model = conv_model(main_out=(0, 0, 0, 0), align=align, patch=patch)
    if align[0] == 1:
        model.constants = bytes(4)  # moves the body to an odd multiple of 4
    code, detail = runtime.load_error(model.build())
    assert (code == 0) == good, detail
    assert good or "must be multiples of 8, 256 and 8" in detail


def test_batches_use_the_last_row(runtime: Runtime) -> None:
    """An image takes 4 rows in, 8 rows out (8x4x2 and 8x4x3): one more than fits is refused."""
    out = (0, 0, 0, 0)
    for src, dst in [(0, 32700), (32700, 0)]:
        for batches in (17, 18):
            code, detail = runtime.load_error(conv_model(small_conv(src=src, dst=dst), batches, out).build())
            assert code == (0 if batches == 17 else 2003), (src, dst, batches, detail)


@pytest.mark.parametrize("index", range(len(sample_models())))
def test_every_truncation(runtime: Runtime, index: int) -> None:
    """Only what was padding may be missing."""
    data = sample_models()[index]
    steps = list(range(0, len(data), 1 if len(data) < 1500 else 7)) + list(range(max(0, len(data) - 16), len(data)))
    for length in steps:
        code, detail = runtime.load_error(data[:length])
        if code == 0:
            assert len(data) - length <= 7
        else:
            assert code in (2002, 2003)
            assert detail


def test_missing_padding(runtime: Runtime) -> None:
    """Spec kmodel.md 1.2: the padding of the last body may not be in the file; its size counts it."""
    fields, tail = NODES[b.UNARY]
    data = node_model(b.UNARY, fields, tail)
    assert runtime.load_error(data[:-4]) == (0, "")
    assert runtime.load_error(data[:-5])[0] == 2003


def test_trailing_data(runtime: Runtime) -> None:
    data = node_model(b.UNARY, *NODES[b.UNARY])
    assert runtime.job(data + bytes(1000)).raw["info"]["file"] == len(data)


@pytest.mark.parametrize("index", range(len(sample_models())))
def test_flipped_bytes(runtime: Runtime, index: int) -> None:
    """Any answer, but no finding of the sanitizers and no memory lost."""
    data = sample_models()[index]
    rng = np.random.default_rng(index)
    for position in rng.choice(len(data), min(len(data), 150), replace=False):
        broken = bytearray(data)
        broken[position] ^= int(rng.integers(1, 256))
        runtime.job(bytes(broken), bytes(256), memory_limit=1 << 22)
