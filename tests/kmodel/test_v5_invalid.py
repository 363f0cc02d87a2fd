"""Bad V5 models are refused with the value and the limit named: container, byte code, operands, k210 records."""

from __future__ import annotations

import pathlib
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from . import builder_v5 as v5
from . import samples_v5
from .builder import Kpu, identity
from .builder_v5 import DATA, INPUT, OUTPUT, RDATA, At, Function, Module, Pads, Param, Reg, build, op
from .conftest import Runtime

F32, U8, I32 = 9, 4, 2
MAX = 2**32 - 1


def case_name(value: object) -> str:
    return value[:60] if isinstance(value, str) else ""


X = Param(F32, (4,))


def f32(value: float) -> bytes:
    return struct.pack("<f", value)


COPY = op("COPY", [At(INPUT), At(OUTPUT)], [F32, Reg((4,)), Reg((1,)), Reg((1,))])


def small() -> bytes:
    """One function that copies its input; everything at places that the tables below name."""
    return build([Module("stackvm", [Function([X], [X], COPY)], bytes(16), 64)])


# Offsets in small(): module header at 32, pools 80 and 88, function 96, its ranges and shapes, sections.
FUNCTION, IN_RANGE, IN_SHAPE, OUT_RANGE, OUT_SHAPE = 96, 128, 140, 148, 160
RDATA_SECTION, TEXT_SECTION = 168, 216


def test_the_base_is_valid(runtime: Runtime) -> None:
    data = np.arange(4, dtype=np.float32).tobytes()
    assert runtime.job(small(), data).outputs[0].data == data
    assert small()[RDATA_SECTION:].startswith(b".rdata\0") and small()[TEXT_SECTION:].startswith(b".text\0")


# offset, bad value, last good value or None, text
CONTAINER: list[tuple[int, int, int | None, str]] = [
    (16, 0, 1, "alignment 0"),
    (16, 3, 4096, "alignment 3"),
    (16, 8192, 4096, "alignment 8192, must be a power of two up to 4096"),
    (20, 0, 1, r"0 modules \(1 to 16\)"),
    (20, 2, 1, "truncated"),
    (20, 17, None, r"17 modules \(1 to 16\)"),
    (20, MAX, None, "4294967295 modules"),
    (24, 1, 0, "entry module 1"),
    (24, MAX, 0, "entry module 4294967295"),
    (28, 1, 0, "entry function 1, module 0 has 1"),
    (28, MAX, 0, "entry function 4294967295"),
    (32, 0x3031326B, None, "type 'k210kvm' cannot be run"),
    (48, 0, 1, "version 0, must be 1"),
    (48, 2, 1, "version 2, must be 1"),
    (52, 44, 48, "header of 44 bytes, must be 48"),
    (52, MAX, 48, "header of 4294967295 bytes"),
    (56, 0, None, "size 0, must be a multiple of 8 and at least 48"),
    (56, 44, None, "size 44"),
    (56, 2**31, None, "truncated: the model needs"),
    (56, MAX - 7, None, "truncated: the model needs 4294967320"),
    (60, 17, None, "17 and 0 memory pools, at most 16"),
    (60, MAX, None, "4294967295 and 0 memory pools"),
    (64, 17, None, "2 and 17 memory pools"),
    (64, MAX, None, "2 and 4294967295 memory pools"),
    (68, 17, None, r"17 sections \(16\)"),
    (68, 3, 2, "section at file offset .* outside the module"),
    (68, MAX, None, "4294967295 sections"),
    (72, 1025, None, r"1025 functions \(1024 in all\)"),
    (72, 2, None, "function|ranges|header"),
    (72, MAX, None, "4294967295 functions"),
    (80, 5, 2, "memory pool 0 at location 5, unknown"),
    (80, 3, 2, "memory pool 1 at location 3, unknown or there twice"),
    (80, 65, None, "location 65"),
    (84, 17, 16, "constants of 17 bytes, .rdata has 16"),
    (84, MAX, None, "constants of 4294967295 bytes"),
    (FUNCTION, 28, 32, "header of 28 bytes, must be 32"),
    (FUNCTION + 4, 0, None, "size 0"),
    (FUNCTION + 4, 64, 72, "size 64, its inputs and outputs take 72"),
    (FUNCTION + 4, 76, None, "size 76, must be a multiple of 8"),
    (FUNCTION + 4, MAX - 7, None, "function at file offset 96 .* outside the module"),
    (FUNCTION + 16, 65, None, "65 inputs and 1 outputs, at most 64"),
    (FUNCTION + 16, MAX, None, "4294967295 inputs"),
    (FUNCTION + 20, 0, None, "has no outputs|no output of the function"),
    (FUNCTION + 20, 65, None, "1 inputs and 65 outputs"),
    (FUNCTION + 24, 1, None, "code 1 \\+ "),
    (FUNCTION + 24, MAX, None, "code 4294967295 \\+ "),
    (FUNCTION + 28, MAX, None, "\\+ 4294967295 bytes, .text has"),
    (IN_RANGE, 1 | F32 << 8, F32 << 8, "input 0 has location 1"),
    (IN_RANGE, 12 << 8, F32 << 8, "datatype 12, .* below 12"),
    (IN_RANGE, 8 << 8, F32 << 8, "in 16 bytes"),
    (IN_RANGE + 8, 12, 16, "4 elements .* of f32 in 12 bytes"),
    (IN_RANGE + 8, MAX, 16, "in 4294967295 bytes"),
    (IN_SHAPE, 9, 1, "rank 9; .* up to 8"),
    (IN_SHAPE, MAX, 1, "rank 4294967295"),
    (IN_SHAPE + 4, 0, 4, "0 elements"),
    (IN_SHAPE + 4, 5, 4, "5 elements"),
    (IN_SHAPE + 4, 2**30, 4, "0 elements"),
    (OUT_RANGE, F32 << 8, 1 | F32 << 8, "output 0 has location 0"),
    (OUT_RANGE, 1 | 255 << 8, None, "datatype 255"),
    (OUT_RANGE + 8, 20, 16, "4 elements .* in 20 bytes"),
    (OUT_SHAPE, 9, 1, "output 0 .* rank 9"),
    (OUT_SHAPE + 4, MAX, 4, "output 0"),
    (RDATA_SECTION + 16, 1, 0, "merged section|section body"),
    (RDATA_SECTION + 20, MAX, 0, "section body at file offset"),
    (RDATA_SECTION + 24, MAX, 16, "section body at file offset"),
    (RDATA_SECTION + 24, 15, 16, "constants of 16 bytes, .rdata has 15|section"),
    (TEXT_SECTION + 20, 2**31, None, "section body at file offset"),
    (TEXT_SECTION + 24, 10, None, "code 0 \\+ "),
    (TEXT_SECTION + 24, MAX, None, "section body at file offset"),
]


@pytest.mark.parametrize(("offset", "bad", "good", "text"), CONTAINER)
def test_container(runtime: Runtime, offset: int, bad: int, good: int | None, text: str) -> None:
    data = bytearray(small())
    struct.pack_into("<I", data, offset, bad)
    code, detail = runtime.load_error(bytes(data))
    assert code == 2003, detail
    assert re.search(text, detail), detail
    if good is not None:
        struct.pack_into("<I", data, offset, good)
        code, detail = runtime.load_error(bytes(data))
        # Of a location that is good there may not be two.
        assert code == 0, detail


def test_section_names(runtime: Runtime) -> None:
    data = bytearray(small())
    data[RDATA_SECTION : RDATA_SECTION + 16] = b"x" * 16
    assert "section name without an end" in runtime.load_error(bytes(data))[1]
    data[RDATA_SECTION : RDATA_SECTION + 16] = b".text".ljust(16, b"\0")
    assert "section .text is there twice" in runtime.load_error(bytes(data))[1]


def test_unknown_sections_and_a_missing_rdata_are_fine(runtime: Runtime) -> None:
    module = Module("stackvm", [Function([X], [X], COPY)], extra=[(".desc", b"abc")])
    data = np.ones(4, np.float32).tobytes()
    assert runtime.job(build([module]), data).outputs[0].data == data


def test_code_merged_into_rdata(runtime: Runtime) -> None:
    data = bytearray(build([Module("stackvm", [Function([X], [X], COPY)], bytes(8) + COPY)]))
    text = data.index(b".text\0")
    struct.pack_into("<III", data, text + 16, 1, 8, len(COPY))
    feed = np.ones(4, np.float32).tobytes()
    assert runtime.job(bytes(data), feed).outputs[0].data == feed
    struct.pack_into("<I", data, text + 20, 9)
    assert "merged section 9" in runtime.load_error(bytes(data))[1]


@pytest.mark.parametrize("kind", [1, 5, 6, 7, 8, 10, 11])
def test_datatypes_of_inputs(runtime: Runtime, kind: int) -> None:
    p = Param(kind, (4,))
    code = op("COPY", [At(INPUT), At(OUTPUT)], [kind, Reg((4,)), Reg((1,)), Reg((1,))])
    error, detail = runtime.load_error(build([Module("stackvm", [Function([p], [p], code)])]))
    assert error == 2014 and "u8, i8, i32, i64 and f32 can be used" in detail


def test_work_memory_that_nobody_has(runtime: Runtime) -> None:
    model = build([Module("stackvm", [Function([X], [X], COPY)], data=MAX)])
    code, detail = runtime.load_error(model)
    assert code == 2006 and "42949673" in detail


# ---- byte code ----


def code_error(runtime: Runtime, code: bytes, rdata: bytes = b"", data: int = 0) -> str:
    error, detail = runtime.load_error(build([Module("stackvm", [Function([X], [X], code)], rdata, data)]))
    assert error == 2003, (error, detail)
    return detail


NOT_RECOGNISED = "V5 instruction set not recognised (nncase older than 1.0-rc1 or newer than 1.9): "

BYTE_CODE: list[tuple[bytes, str]] = [
    *[
        (bytes((c,)) + COPY, f"instruction {c} at 0 is not in the set")
        for c in (*range(6, 23), *range(24, 47), *range(51, 89), 90, 93, 95, 255)
    ],
    (COPY + b"\x03", "1 entries are left on the stack"),
    (b"\x30" + COPY, "stack holds 0 entries, 1 are needed"),
    (b"\x2f" + COPY, "stack holds 0 entries, 1 are needed"),
    (b"\x31\x00\x01", "stack holds 0 entries, 1 are needed"),
    (b"\x03" * 65, "stack of 64 entries overflows"),
    (b"\x03\x31\x20\x01", r"shape register 32 \(below 32\)"),
    (b"\x03\x31\xff\x01", "shape register 255"),
    (b"\x03" * 9 + b"\x31\x00\x09", r"rank 9 \(up to 8\)"),
    (b"\x03\x31\x00\xff", r"rank 255"),
    (v5.ldr(1) + b"\x31\x00\x01", "stack entry of the wrong kind"),
    (b"\x01\x31\x00\x01", "stack entry of the wrong kind"),
    (b"\x03" * 3 + b"\x32\x08\x01", r"padding register 8 \(below 8\)"),
    (b"\x03" * 3 + b"\x32\x00\x09", r"rank 9"),
    (v5.ldr(1) * 3 + b"\x32\x00\x01", "wrong kind"),
    (b"\x02\0\0", "instruction at 1 is cut off"),
    (b"\x17\x02\0\0", "cut off"),
    (b"\x5e\x09", "cut off"),
    (COPY[:-1], "cut off"),
    (COPY[:-6] + struct.pack("<H", 0x05) + COPY[-4:], "cut off"),
    (COPY[:-6] + struct.pack("<H", 0xFFFF) + COPY[-4:], "unknown operation 65535"),
    (COPY[:-1] + b"\x05", "register 5 was not set"),
    (COPY[:-1] + b"\x20", "field 3 is 32, at most 31"),
    (COPY[:-4] + b"\x0c" + COPY[-3:], "field 0 is 12, at most 11"),
    (v5.lea(4, 0) + b"\x30" + COPY, "address in location 4"),
    (v5.lea(64, 0) + b"\x30" + COPY, "address in location 64"),
    (v5.lea(255, 0) + b"\x30" + COPY, "address in location 255"),
]


@pytest.mark.parametrize(("code", "text"), ids=case_name, argvalues=BYTE_CODE)
def test_byte_code(runtime: Runtime, code: bytes, text: str) -> None:
    detail = code_error(runtime, code)
    assert detail.startswith(NOT_RECOGNISED) and re.search(text, detail), detail


def test_harmless_instructions(runtime: Runtime) -> None:
    """NOP, LDNULL, LDC_I4_0, LDC_I4_1, DUP, POP and RET, behind which nothing counts."""
    code = b"\0\x01\x30\x03\x2f\x30\x30\x04\x30" + COPY + b"\x59\xff\xff"
    data = np.ones(4, np.float32).tobytes()
    assert runtime.job(build([Module("stackvm", [Function([X], [X], code)])]), data).outputs[0].data == data


def test_too_many_operations(runtime: Runtime) -> None:
    code = b"\x03\x31\0\x01" + op("COPY", [At(INPUT), At(OUTPUT)], [F32, 0, 0, 0]) * 4097
    assert code_error(runtime, code) == "more than 4096 operations"


def test_no_output_begins_there(runtime: Runtime) -> None:
    function = Function([X], [Param(F32, (4,), start=8)], COPY)
    assert "no output of the function begins up to 0" in runtime.load_error(build([Module("stackvm", [function])]))[1]


# ---- operands ----


FROM, TO = At(INPUT), At(OUTPUT)


def copying(
    source: At = FROM,
    target: At = TO,
    kind: int = F32,
    shape: Sequence[int] = (4,),
    strides: Sequence[int] = (1,),
    out: Sequence[int] = (1,),
) -> bytes:
    return op("COPY", [source, target], [kind, Reg(shape), Reg(strides), Reg(out)])


OPERANDS: list[tuple[bytes, str | None]] = [
    (copying(), None),
    (copying(shape=(5,)), r"argument 0: 0 \+ 20 bytes end outside its memory \(16 bytes\)"),
    (copying(shape=(0,)), "axis 0 of 0"),
    (copying(shape=(MAX,)), "axis 0 of 4294967295"),
    (copying(shape=(2**28 + 1,)), "must be 1 to 268435456"),
    (copying(shape=(2**20, 2**20), strides=(1, 1), out=(1, 1)), "must be 1 to 268435456"),
    (copying(shape=(2, 2), strides=(1,), out=(1, 1)), "shape of rank 2, strides of rank 1"),
    (copying(shape=(2,), strides=(3,)), None),
    (copying(shape=(2,), strides=(4,)), r"0 \+ 20 bytes"),
    (copying(shape=(2,), strides=(2**31,)), "stride 2147483648"),
    (copying(shape=(2,), strides=(MAX,)), "stride 4294967295"),
    (copying(shape=(1, 4), strides=(MAX, 1), out=(0, 1)), None),
    (copying(out=(2,)), r"argument 1: 0 \+ 28 bytes"),
    (copying(At(INPUT, 4)), r"argument 0: 4 \+ 16 bytes"),
    (copying(At(INPUT, MAX)), r"4294967295 \+ 16 bytes"),
    (copying(At(INPUT, 2), shape=(3,)), "argument 0 at 2 is not a multiple of 4"),
    (copying(At(RDATA)), None),
    (copying(At(RDATA, 4)), r"argument 0: 4 \+ 16 bytes end outside its memory \(16 bytes\)"),
    (copying(At(DATA, 48)), None),
    (copying(At(DATA, 52)), r"52 \+ 16 bytes end outside its memory \(64 bytes\)"),
    (copying(target=At(INPUT)), "argument 1 would be written, it is an input or a constant"),
    (copying(target=At(RDATA)), "argument 1 would be written"),
    (copying(target=At(DATA, 60)), r"60 \+ 16 bytes"),
    (b"\x01" + copying()[7:], "argument 0 has no address"),
]


@pytest.mark.parametrize(("code", "text"), ids=case_name, argvalues=OPERANDS)
def test_operands(runtime: Runtime, code: bytes, text: str | None) -> None:
    error, detail = runtime.load_error(build([Module("stackvm", [Function([X], [X], code)], bytes(16), 64)]))
    if text is None:
        assert (error, detail) == (0, "")
    else:
        assert error == 2003 and detail.startswith("function 0 (COPY): ") and re.search(text, detail), detail


ONE = [At(INPUT), At(OUTPUT)]
S, T = Reg((1, 1, 2, 2)), Reg((4, 4, 2, 1))
NO_CLAMP = f32(-1e30) + f32(1e30)


def conv(
    *,
    w: Sequence[int] = (1, 1, 1, 1),
    numbers: Sequence[int] = (1, 1, 1, 1, 1),
    y: Any = (0, 0, 0),
    x: Any = (0, 0, 0),
    strides: Sequence[int] = (1, 1, 1, 1),
    kind: int = F32,
) -> bytes:
    fields = [kind, S, T, Reg(w), Reg(strides), Reg((1,)), T, struct.pack("<5H", *numbers) + NO_CLAMP]
    return op("CONV2D", [At(INPUT), At(RDATA), At(RDATA), At(OUTPUT), y, x], fields)


def window(
    *, numbers: Sequence[int] = (1, 1, 1, 1, 1, 1), y: Any = (0, 0, 0), x: Any = (0, 0, 0), number: int = 0
) -> bytes:
    return op(
        "REDUCE_WINDOW2D",
        [At(INPUT), 0.0, At(OUTPUT), y, x],
        [F32, number, S, T, T, struct.pack("<6H", *numbers) + NO_CLAMP],
    )


def reduce(axes: Sequence[int], kind: int = F32) -> bytes:
    return op("REDUCE", [*ONE, 0.0], [kind, S, T, Reg((1,) * (4 - len(axes))), 0, Reg(axes), 0])


def slicing(begin: int, end: int, step: int) -> bytes:
    return op("SLICE", ONE, [F32, Reg((4,)), Reg((1,)), Reg((1,)), Reg((begin,)), Reg((end,)), Reg((step,))])


def padding(*pads: Any, mode: int = 0) -> bytes:
    return op("PAD", [*ONE, 0.0], [F32, Reg((4,)), Reg((1,)), Reg((1,)), Pads(pads), mode])


OPERATIONS: list[tuple[bytes, str | None]] = [
    (conv(), None),
    (conv(kind=U8), "datatype u8"),
    (conv(w=(1, 2, 1, 1)), "1 groups of 1 input and 1 output channels, weights for 2"),
    (conv(w=(2, 1, 1, 1)), r"0 \+ 32 bytes"),
    (conv(numbers=(0, 1, 1, 1, 1)), "0 groups"),
    (conv(numbers=(2, 1, 1, 1, 1)), "2 groups of 1 input"),
    (conv(numbers=(1, 0, 1, 1, 1)), "height of 2: filter 1, stride 0"),
    (conv(numbers=(1, 1, 0, 1, 1)), "width of 2: filter 1, stride 0"),
    (conv(numbers=(1, 1, 1, 0, 1)), "dilation 0"),
    (conv(w=(1, 1, 3, 1)), "height of 2: filter 3"),
    (conv(w=(1, 1, 3, 1), y=(1, 0, 0)), None),
    (conv(w=(1, 1, 2, 1), strides=(2, 2, 2, 1), y=(1, 0, 0)), "weights must lie densely"),
    (conv(y=(32769, 0, 0)), "padding 32769"),
    (conv(y=(0, 2**31 - 1, 0)), "padding 0, 2147483647"),
    (conv(y=(-1, -1, 0)), "height of 2"),
    (conv(y=(0, 0, 1)), "padding 0, 0, 1"),
    (window(), None),
    (window(numbers=(0, 1, 1, 1, 1, 1)), "filter 0"),
    (window(numbers=(1, 1, 0, 1, 1, 1)), "stride 0"),
    (window(numbers=(1, 65535, 1, 1, 1, 1)), "filter 65535"),
    (window(y=(1, -1, 0)), "a window of 1 lies outside the 2 elements"),
    (window(y=(1, -1, 0), number=3), None),
    (window(y=(-1, 1, 0)), "a window of 1 lies outside"),
    (reduce((0,)), None),
    (reduce((4,)), "axis 4 of rank 4"),
    (reduce((-1,)), None),
    (reduce((-5,)), "axis -5 of rank 4"),
    (reduce((1, 1)), "axis 1 is there twice"),
    (reduce((0,), U8), "datatype u8"),
    (slicing(0, 4, 1), None),
    (slicing(0, 4, 0), "axis 0 of 4: nothing from 0 to 4 in steps of 0"),
    (slicing(4, 5, 1), "nothing from 4 to 5"),
    (slicing(3, 3, 1), "nothing from 3 to 3"),
    (slicing(MAX, 4, -1), "nothing from 4294967295"),
    (slicing(0, -1, 1), "to -1"),
    (slicing(0, 4, -(2**31)), "steps of -2147483648"),
    (slicing(3, -(2**31), -(2**31)), None),
    (padding((-1, 1, 0)), None),
    (padding((1, 0, 0)), r"argument 1: 0 \+ 20 bytes"),
    (padding((-4, 0, 0)), "axis 0 of 4 with padding -4, 0, 0"),
    (padding((-(2**31), 2**31 - 1, 0)), None),
    (padding((2**31 - 1, 0, 0)), "padding 2147483647"),
    (padding((0, 0, -1)), "padding 0, 0, -1"),
    (padding((0, 0, 2**31 - 1)), "padding 0, 0, 2147483647"),
    (padding((0, 0, 0), (0, 0, 0)), "padding of 2 axes, the input has 1"),
    (padding((4, -4, 0), mode=1), "cannot be mirrored by 4"),
    (padding((3, -3, 0), mode=1), None),
    (padding((4, -4, 0), mode=2), None),
    (padding((5, -5, 0), mode=2), "cannot be mirrored by 5"),
    (padding((0, -1, 1), mode=3), "in mode 3"),
    (op("TRANSPOSE", ONE, [F32, S, T, T, Reg((0, 1, 3, 2))]), None),
    (op("TRANSPOSE", ONE, [F32, S, T, T, Reg((0, 1, 2, 2))]), "not a permutation of 4 axes"),
    (op("TRANSPOSE", ONE, [F32, S, T, T, Reg((0, 1, 2, MAX))]), "not a permutation"),
    (op("TRANSPOSE", ONE, [F32, S, T, T, Reg((0, 1, 2))]), "not a permutation"),
    (op("RESIZE_IMAGE", [2, 2, *ONE], [F32, S, T, T, 0, 0, 0]), None),
    (op("RESIZE_IMAGE", [0, 2, *ONE], [F32, S, T, T, 0, 0, 0]), "axis 2 of 0"),
    (op("RESIZE_IMAGE", [2, -1, *ONE], [F32, S, T, T, 0, 0, 0]), "axis 3 of 4294967295"),
    (op("RESIZE_IMAGE", [2, 3, *ONE], [F32, S, T, T, 0, 0, 0]), "argument 3"),
    (op("RESIZE_IMAGE", [2, 2, *ONE], [F32, Reg((4,)), Reg((1,)), T, 0, 0, 0]), "input of rank 1, must be 4"),
    (op("SOFTMAX", ONE, [F32, S, T, T, struct.pack("<i", 4) + f32(1)]), "axis 4 of rank 4"),
    (op("SOFTMAX", ONE, [F32, S, T, T, struct.pack("<i", -(2**31)) + f32(1)]), "axis -2147483648 of rank 4"),
    (
        op("LUT1D", [At(INPUT), At(RDATA), At(OUTPUT), 0, 0], [U8, S, T, T, struct.pack("<H", 255)]),
        "table of 255 entries",
    ),
    (
        op("LUT1D", [At(INPUT), At(RDATA), At(OUTPUT), 0, 0], [U8, S, T, T, struct.pack("<H", 256)]),
        r"argument 1: 0 \+ 256 bytes",
    ),
    (op("QUANTIZE", [*ONE, 1.0, 0.0], [F32, 5, S, T, T]), "datatype u16"),
    (op("DEQUANTIZE", [*ONE, 1.0, 0.0], [U8, U8, S, T, T]), "datatype u8"),
    (
        op(
            "BINARY",
            [At(INPUT), At(INPUT), At(OUTPUT)],
            [F32, Reg((4,)), Reg((1,)), Reg((3,)), Reg((1,)), Reg((4,)), Reg((1,)), 0, NO_CLAMP],
        ),
        "argument 0 cannot be repeated",
    ),
    (
        op("BINARY", [At(INPUT), At(INPUT), At(OUTPUT)], [F32, S, T, S, T, Reg((4,)), T, 0, NO_CLAMP]),
        "the result's shape",
    ),
    (op("BROADCAST", ONE, [F32, Reg((3,)), Reg((1,)), Reg((4,)), Reg((1,))]), "cannot be repeated"),
    (op("BROADCAST", ONE, [F32, Reg((1, 1)), Reg((1, 1)), Reg((4,)), Reg((1,))]), "cannot be repeated"),
    (op("MATMUL", [At(INPUT)] * 3 + [At(OUTPUT)], [Reg((2, 2)), Reg((2, 1))] * 3 + [NO_CLAMP]), None),
    (
        op("MATMUL", [At(INPUT)] * 3 + [At(OUTPUT)], [Reg((4,)), Reg((1,))] * 3 + [NO_CLAMP]),
        "rank 1 and 1, must be 2 or more",
    ),
    (
        op(
            "MATMUL",
            [At(INPUT)] * 3 + [At(OUTPUT)],
            [Reg((2, 2)), Reg((2, 1)), Reg((1, 2)), Reg((2, 1)), Reg((2, 2)), Reg((2, 1)), NO_CLAMP],
        ),
        "1 matrices 2x2 by 1 matrices 1x2",
    ),
    (
        op(
            "TOPK",
            [At(INPUT), At(OUTPUT), At(DATA)],
            [F32, *[Reg((4,)), Reg((1,))] * 3, struct.pack("<qi", 5, 0), 1, 1],
        ),
        "the best 5 of 4",
    ),
    (
        op(
            "TOPK",
            [At(INPUT), At(OUTPUT), At(DATA)],
            [F32, *[Reg((4,)), Reg((1,))] * 3, struct.pack("<qi", 2**32 + 4, 0), 1, 1],
        ),
        "the best 4294967300 of 4",
    ),
    (op("SPACE_TO_BATCH", ONE, [F32, S, T, T, Reg((0,)), Pads([(0, 0, 0)])]), "block of 0"),
    (
        op("SPACE_TO_BATCH", ONE, [F32, S, T, T, Reg((2,)), Pads([(0, 0, 0)])]),
        "block of 2 with padding 0, 0 on an axis of 1",
    ),
    (op("BATCH_TO_SPACE", ONE, [F32, S, T, T, Reg((2,)), Pads([(0, 0, 0)])]), "1 images, 2 blocks"),
    (op("BATCH_TO_SPACE", ONE, [F32, S, T, T, Reg((2,) * 4), Pads([(0, 0, 0)] * 4)]), "4 block axes"),
    (op("CONVERT", ONE, [F32, 8, S, T, T]), "datatype f16"),
]


@pytest.mark.parametrize(("code", "text"), ids=case_name, argvalues=OPERATIONS)
def test_operations(runtime: Runtime, code: bytes, text: str | None) -> None:
    error, detail = runtime.load_error(build([Module("stackvm", [Function([X], [X], code)], bytes(16), 64)]))
    if text is None:
        assert (error, detail) == (0, "")
    else:
        assert error == 2003 and re.search(text, detail), detail


@pytest.mark.parametrize("number", [7, 8, 9, 10, 11, 13, 14])
def test_binary_operations_that_do_not_exist(runtime: Runtime, number: int) -> None:
    code = op("BINARY", [At(INPUT), At(INPUT), At(OUTPUT)], [F32, *[Reg((4,)), Reg((1,))] * 3, number, NO_CLAMP])
    error, detail = runtime.load_error(build([Module("stackvm", [Function([X], [X], code)])]))
    assert (error, detail) == (2014, f"function 0 (BINARY): binary operation {number} is not implemented")


# ---- calls ----


def calling(
    function: int = 0, module: int = 1, ins: int = 1, outs: int = 1, kind: int = U8, shape: Sequence[int] = (1, 2, 4, 4)
) -> bytes:
    code = v5.stshape(0, shape) + v5.stshape(1, v5.dense(shape))
    for location in [INPUT] * ins + [OUTPUT] * outs:
        code += v5.lea(location, 0) + v5.ldc(kind) + v5.ldc(0) + v5.ldc(1)
    return code + op("CALL", [], [struct.pack("<IHBB", function, module, ins, outs)])


def layer(**options: Any) -> Kpu:
    kpu = Kpu(4, 4, 2, 2, **options)
    kpu.weights, kpu.bn, kpu.segments = [1] * (kpu.channel_bytes * 2), [(1, 0, 0)] * 2, identity()
    return kpu


MAP = Param(U8, (1, 2, 4, 4))


def k210(code: Callable[[bytearray], bytes], data: int = 0) -> Module:
    rdata = bytearray()
    text = code(rdata)
    return Module("k210", [Function([MAP], [MAP], text)], bytes(rdata), data)


def plain(rdata: bytearray) -> bytes:
    return v5.upload(0, 0, (1, 2, 4, 4)) + v5.conv(layer(), rdata) + v5.download(4, 0, (1, 2, 4, 4))


def called(code: bytes, module: Module | None = None) -> bytes:
    return build([Module("stackvm", [Function([MAP], [MAP], code)]), module or k210(plain)])


CALLS: list[tuple[bytes, str | None]] = [
    (calling(), None),
    (calling(function=1), "function 1 of module 1 does not exist"),
    (calling(function=MAX), "function 4294967295 of module 1"),
    (calling(module=2), "function 0 of module 2 does not exist"),
    (calling(module=65535), "module 65535"),
    (calling(ins=0), "0 inputs and 1 outputs for a function with 1 and 1"),
    (calling(outs=2), "1 inputs and 2 outputs"),
    (calling(kind=0), "input 0 has datatype 0, the function takes 4"),
    (calling(kind=F32, shape=(1, 2, 2, 2)), "input 0 has datatype 9"),
    (calling(shape=(1, 1, 4, 4)), "input 0 has 16 bytes, the function takes 32"),
    (calling(shape=(1, 2, 4, 5)), r"0 \+ 40 bytes"),
    (calling(module=0), "nested more than 2 deep"),
    (calling().replace(v5.ldc(0) + v5.ldc(1), v5.ldc(32) + v5.ldc(1)), "not an address, a datatype and two shapes"),
    (calling().replace(v5.ldc(0) + v5.ldc(1), v5.ldc(0) + v5.ldc(7)), "not an address, a datatype and two shapes"),
    (calling().replace(v5.ldc(0) + v5.ldc(1), v5.ldr(0) + v5.ldc(1)), "not an address, a datatype and two shapes"),
]


@pytest.mark.parametrize(("code", "text"), ids=case_name, argvalues=CALLS)
def test_calls(runtime: Runtime, code: bytes, text: str | None) -> None:
    error, detail = runtime.load_error(called(code))
    if text is None:
        assert (error, detail) == (0, "")
    else:
        assert error == 2003 and re.search(text, detail), detail


def test_calls_between_stackvm_functions(runtime: Runtime) -> None:
    """One may call another, but no third."""
    data = bytes(range(32))
    work = op("COPY", [At(INPUT), At(OUTPUT)], [U8, Reg((32,)), Reg((1,)), Reg((1,))])

    def chain(*codes: bytes) -> bytes:
        return build([Module("stackvm", [Function([MAP], [MAP], c) for c in codes])])

    assert runtime.job(chain(calling(1, 0), work), data).outputs[0].data == data
    for codes in (
        (calling(1, 0), calling(2, 0), work),
        (calling(1, 0), calling(0, 0)),
        (calling(2, 0), work, calling(1, 0)),
    ):
        assert "nested more than 2 deep" in runtime.load_error(chain(*codes))[1]


# ---- k210 ----


def test_k210_as_the_entry(runtime: Runtime) -> None:
    """Weights 1, no zero points: both outputs are the sum of the input's channels."""
    x = np.arange(32, dtype=np.uint8)
    out = runtime.job(build([k210(plain)]), x.tobytes()).outputs[0]
    assert np.array_equal(out.u8, np.tile(x[:16] + x[16:], 2))


def test_k210_result_in_memory_batches_and_copies(runtime: Runtime) -> None:
    """Two images through one record, the result in main memory, then every second column to the output."""
    two, half = Param(U8, (2, 2, 4, 4)), Param(U8, (2, 2, 4, 2))
    rdata = bytearray()
    code = v5.upload(0, 0, (2, 2, 4, 4)) + v5.conv(layer(dst=100), rdata, 2, (DATA, 8, 64))
    code += v5.copy((DATA, 9), (OUTPUT, 0), (2, 2, 4, 2), ((32, 16, 4, 2), (16, 8, 2, 1)))
    model = build([Module("k210", [Function([two], [half], code)], bytes(rdata), 80)])
    x = np.arange(64, dtype=np.uint8).reshape(2, 2, 4, 4)
    answer = runtime.job(model, x.tobytes())
    sums = x.sum(1, keepdims=True, dtype=np.uint8)
    assert np.array_equal(answer.outputs[0].u8.reshape(2, 2, 4, 2), np.tile(sums, (1, 2, 1, 1))[..., 1::2])
    assert answer.raw["info"]["kpu_layers"] == 2


def patched(offset: int, value: int) -> Callable[[bytearray], bytes]:
    def code(rdata: bytearray) -> bytes:
        data = bytearray(plain(rdata))
        struct.pack_into("<I", data, offset, value)
        return bytes(data)

    return code


# The upload is at 0, the convolution at 44, the download at 196.
K210: list[tuple[int, int, str | None]] = [
    (0, 4, "record 0 is of kind 4"),
    (0, 255, "record 0 is of kind 255"),
    (196, 2, "cut off"),
    (4, 5, "range in memory location 5"),
    (4, 255 << 8, "datatype 255"),
    (4, F32 << 8, "datatype 9"),
    (8, 8, "no input begins at 8"),
    (12, 31, "do not fit 31 bytes"),
    (12, 33, "33 bytes of input 0, which has 32"),
    (12, MAX, "4294967295 bytes of input 0"),
    (16, DATA | 4 << 8, "range 0 \\+ 256 ends outside|locations 0 and 3"),
    (20, 32, "must be memory and a row of AI RAM"),
    (20, 2**21 - 64, "range 2097088 \\+ 256 ends outside its memory"),
    (20, MAX - 63, "range 4294967232"),
    (24, 192, "do not fit 32 bytes, 192 of AI RAM"),
    (28, 0, "0 images"),
    (28, 2, "2 images of 4x4x2 do not fit"),
    (28, MAX, "4294967295 images"),
    (32, 0, "shape 4x4x0"),
    (36, MAX, "4294967295"),
    (40, 5, "do not fit 32 bytes"),
    (48, DATA | 4 << 8, "ends outside|need 4 bytes of .rdata"),
    (48, INPUT | 4 << 8, "weights at 0 \\+ 4 in location 0|outside"),
    (52, 1, "multiple of 8"),
    (52, MAX, "ends outside"),
    (56, 3, "weights at 0 \\+ 3 in location 2: need 4 bytes"),
    (56, MAX, "ends outside"),
    (64, 12, "batch norm at 12"),
    (68, 8, "batch norm at 8 \\+ 8 in location 2: need 16 bytes"),
    (76, 8, "activation at 8 .* multiple of 256"),
    (76, 512, "ends outside"),
    (80, 143, "need 144 bytes"),
    (92, 1, "range in memory|writ|do not fit|no input begins|bytes of input"),
    (96, 0, "0 images, must be 1 to 32768"),
    (96, 32769, "32769 images"),
    (96, 32768, "end outside AI RAM"),
    (104, 0, None),  # word 0 low: not depthwise already
    (44 + 56 + 32, 2, "kernel type 2"),
    (44 + 56 + 32, 10 << 4, "pool code 10"),
    (44 + 56 + 8, 32767, "row 32767 \\+ 4 rows"),
    (44 + 56 + 12, 32767, "row 32767 \\+ 4 rows"),
    (44 + 56, 1 << 3, None),
    (200, 64 | 4 << 8 | 0 << 16, None),
    (212, RDATA | 4 << 8, "ends outside|datatype 4 from location 64 to 2"),
    (216, 4, "no output begins at 4"),
]


@pytest.mark.parametrize(("offset", "value", "text"), K210)
def test_k210_records(runtime: Runtime, offset: int, value: int, text: str | None) -> None:
    error, detail = runtime.load_error(build([k210(patched(offset, value))]))
    if text is None:
        assert (error, detail) == (0, "")
    else:
        assert error == 2003 and re.search(text, detail), detail


def test_k210_batches_beyond_the_memory(runtime: Runtime) -> None:
    """What 32768 images of every record would need is refused before it is asked for."""

    def code(rdata: bytearray) -> bytes:
        record = bytearray(v5.conv(layer(), rdata))
        struct.pack_into("<I", record, 52, 32768)
        return bytes(record) * 5000

    error, detail = runtime.load_error(build([k210(code)]))
    assert error in (2003, 2006), detail


COPIES: list[tuple[Any, str | None]] = [
    (((1, 2, 4, 4), (32, 16, 4, 1), (32, 16, 4, 1)), None),
    (((1, 2, 4, 4), (32, 17, 4, 1), (32, 16, 4, 1)), "33 bytes at 0 of location 0"),
    (((1, 2, 4, 4), (32, 16, 4, 1), (32, 16, 4, 2)), "36 bytes|35 bytes at 0 of location 1"),
    (((0, 2, 4, 4), (32, 16, 4, 1), (32, 16, 4, 1)), "axis 0 of 0 elements"),
    (((1, 2, 4, MAX), (32, 16, 4, 1), (32, 16, 4, 1)), "4294967295"),
    (((1, 2, 4, 4), (MAX, 16, 4, 1), (0, 16, 4, 1)), None),
    (((2, 2, 4, 4), (MAX, 16, 4, 1), (0, 16, 4, 1)), "steps of 4294967295 bytes"),
]


@pytest.mark.parametrize(("what", "text"), COPIES)
def test_k210_copies(runtime: Runtime, what: Any, text: str | None) -> None:
    shape, *strides = what
    record = bytearray(v5.copy((INPUT, 0), (OUTPUT, 0), (1, 2, 4, 4), strides))
    struct.pack_into("<4I", record, 28, *shape)
    error, detail = runtime.load_error(build([k210(lambda _: bytes(record))]))
    if text is None:
        assert (error, detail) == (0, "")
    else:
        assert error == 2003 and re.search(text, detail), detail


def test_k210_copy_to_the_input(runtime: Runtime) -> None:
    record = v5.copy((INPUT, 0), (INPUT, 0), (1, 2, 4, 4), ((32, 16, 4, 1), (32, 16, 4, 1)))
    assert "writes to memory location 0" in runtime.load_error(build([k210(lambda _: record)]))[1]


# ---- all of it ----


def test_every_truncation(runtime: Runtime) -> None:
    """Only padding at the end may be missing."""
    model = called(calling())
    used = len(model)
    text = model.rindex(b".text\0")
    used = text + 32 + sum(struct.unpack_from("<II", model, text + 20))
    for n in range(len(model)):
        code, detail = runtime.load_error(model[:n])
        assert (code == 0) == (n >= used), (n, detail)
        assert code in (0, 2002, 2003), (n, detail)


def test_every_byte_changed(runtime: Runtime) -> None:
    """It loads and runs, or is refused; the sanitizers watch."""
    model = bytearray(called(calling()))
    for i in range(len(model)):
        for bit in (1, 0x80, 0xFF):
            model[i] ^= bit
            runtime.job(bytes(model), bytes(32))
            model[i] ^= bit


@pytest.mark.parametrize("name", ["v5_190_iris", "v5_100_iris", "v5_140_sine"])
def test_every_truncation_of_real_models(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    model = (shared_models / f"{name}.kmodel").read_bytes()
    for n in range(len(model) - 8):
        assert runtime.load_error(model[:n])[0] in (2002, 2003), n


@pytest.mark.parametrize("n", range(1, 8))
def test_no_memory(runtime: Runtime, n: int) -> None:
    model = called(calling())
    answer = runtime.job(model, bytes(32), fail_alloc=n)
    assert answer.error[0] == (2006 if n <= answer.raw["allocs"] else 0)
    assert n > 4 or answer.error[0] == 2006


@pytest.mark.parametrize("name", samples_v5.sample_models())
def test_samples_run(runtime: Runtime, name: str) -> None:
    """The fuzzer's seeds; what their operations compute is tested in test_v5_ops."""
    model = samples_v5.sample_models()[name]
    assert runtime.job(model, bytes(192 if name in ("call", "k210") else 128)).error == (0, "")
