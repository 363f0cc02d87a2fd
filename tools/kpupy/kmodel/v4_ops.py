"""The operations of kmodel V4: layout of their bodies, sizes of their operands, rules (spec kmodel.md 4.3 to 4.5, 7.4).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3_base import MAX_ELEMENTS, Bytes

Dims = tuple[int, ...]
Fields = dict[str, Any]

CONSTANT, MAIN, KPU = 0, 1, 2
F32, U8 = 0, 1
ITEM = (4, 1)
_MAX_PADDING = 1 << 15


class Range(NamedTuple):
    """A piece of memory: constants, main or KPU RAM; element type; bytes."""

    memory: int
    datatype: int
    start: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size


class Work(NamedTuple):
    """What a body implies: its variable part's bytes, its shapes, and the elements each range must hold."""

    tail: int = 0
    in_shape: Dims | None = None
    out_shape: Dims | None = None
    needs: Mapping[str, int] = MappingProxyType({})


class Operation(NamedTuple):
    """`layout` names the fields; `types` has one letter per range: f32, u8 (b), as the first (=), any (*)."""

    name: str
    layout: str
    types: str
    work: Callable[[Fields], Work]


_CODES = {"R": "4I", "S": "4i", "V": "4i", "P": "2i", "i": "i", "u": "I", "f": "f", "B": "B3x", "4": "4s"}


def read(operation: Operation, data: Bytes, at: int, size: int) -> Fields:
    """The fields of the fixed part."""
    tokens = [token.split(":") for token in operation.layout.split()]
    layout = struct.Struct("<" + "".join(_CODES[kind] for _, kind in tokens))
    if size < layout.size:
        raise KModelError(f"body of {size} bytes is shorter than the {layout.size} of its fixed part")
    flat = iter(layout.unpack_from(data, at))
    found: Fields = {}
    for name, kind in tokens:
        if kind == "R":
            found[name] = Range(*(next(flat) for _ in range(4)))
        elif kind in "SVP":
            found[name] = tuple(next(flat) for _ in range(2 if kind == "P" else 4))
            if kind == "S":
                check_shape(name, found[name])
        else:
            found[name] = next(flat)
    found[""] = layout.size
    return found


def ranges(fields: Fields) -> Iterator[tuple[str, Range]]:
    return ((name, value) for name, value in fields.items() if isinstance(value, Range))


def check_shape(name: str, shape: Dims) -> None:
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ELEMENTS:
        raise KModelError(f"{name} {'x'.join(map(str, shape))}: every axis must be at least 1, "
                          f"all elements at most {MAX_ELEMENTS}")


def _at_least(limit: int, fields: Fields, *names: str) -> None:
    for name in names:
        if fields[name] < limit:
            raise KModelError(f"{name} is {fields[name]}, it must be at least {limit}")


def _at_most(limit: int, fields: Fields, *names: str) -> None:
    for name in names:
        if not 0 <= fields[name] <= limit:
            raise KModelError(f"{name} is {fields[name]}, outside 0..{limit}")


def _window(size: int, filter_: int, stride: int, dilation: int, padding: Dims) -> int:
    return (size + sum(padding) - ((filter_ - 1) * dilation + 1) + stride) // stride


def _check_window(f: Fields) -> None:
    _at_least(1, f, "filter_h", "filter_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
    for name in ("pad_h", "pad_w"):
        if max(abs(value) for value in f[name]) > _MAX_PADDING:
            raise KModelError(f"{name} {f[name]} is outside -{_MAX_PADDING}..{_MAX_PADDING}")


def _windowed(f: Fields, channels: int) -> Dims:
    _check_window(f)
    n, _, height, width = f["in_shape"]
    out = (n, channels, _window(height, f["filter_h"], f["stride_h"], f["dilation_h"], f["pad_h"]),
           _window(width, f["filter_w"], f["stride_w"], f["dilation_w"], f["pad_w"]))
    check_shape("output", out)
    return out


def _in_out(in_shape: Dims, out_shape: Dims, tail: int = 0) -> Work:
    return Work(tail, in_shape, out_shape, {"in": math.prod(in_shape), "out": math.prod(out_shape)})


def _weights(f: Fields, out_channels: int) -> int:
    _at_least(1, f, "groups")
    channels = f["in_shape"][1]
    if channels % f["groups"] or out_channels % f["groups"] or out_channels < 1:
        raise KModelError(f"groups {f['groups']} must divide {channels} input and {out_channels} output channels")
    return int(out_channels * (channels // f["groups"]) * f["filter_h"] * f["filter_w"])


def _binary(f: Fields) -> Work:
    _at_most(5, f, "op")
    for name in ("a_shift", "b_shift", "out_shift"):
        if name in f:
            _at_most(63, f, name)
    for a, b, out in zip(f["a_shape"], f["b_shape"], f["out_shape"], strict=True):
        if out != max(a, b) or min(a, b) not in (1, out):
            raise KModelError(f"shapes {f['a_shape']} and {f['b_shape']} do not broadcast to {f['out_shape']}")
    return Work(0, f["a_shape"], f["out_shape"], {n: math.prod(f[f"{n}_shape"]) for n in ("a", "b", "out")})


def _concat(f: Fields) -> Work:
    _at_least(1, f, "inner", "outer", "count")
    return Work(20 * f["count"])


def _conv2d(f: Fields) -> Work:
    out = _windowed(f, f["out_channels"])
    return _in_out(f["in_shape"], out, 4 * (_weights(f, f["out_channels"]) + f["out_channels"]))


def _quantized_conv2d(f: Fields) -> Work:
    _at_most(63, f, "out_shift")
    out = _windowed(f, f["out_channels"])
    return _in_out(f["in_shape"], out, 4 * f["out_channels"] + _weights(f, f["out_channels"]))


def _conv2d_transpose(f: Fields) -> Work:
    _check_window(f)
    channels = f["out_shape"][1]
    return _in_out(f["in_shape"], f["out_shape"], 4 * (_weights(f, channels) + channels))


def _quantize(f: Fields) -> Work:
    if f["scale"] == 0 or not math.isfinite(f["scale"]):
        raise KModelError(f"scale {f['scale']} must be finite and not 0")
    count = f["in"].size // ITEM[f["in"].datatype & 1]
    return Work(needs={"out": count})


def _matmul(f: Fields) -> Work:
    _at_least(1, f, "n", "k", "m")
    if "out_shift" in f:
        _at_most(63, f, "out_shift")
    n, k, m = f["n"], f["k"], f["m"]
    return Work(4 * m, (1, 1, n, k), (1, 1, n, m), {"a": n * k, "b": k * m, "out": n * m})


def _pad(f: Fields) -> Work:
    out = tuple(size + sum(f[f"pad_{axis}"]) for size, axis in zip(f["in_shape"], "nchw", strict=True))
    check_shape("output", out)
    return _in_out(f["in_shape"], out)


def _reduce(f: Fields) -> Work:
    _at_most(3, f, "op")
    if any(out not in (1, size) for size, out in zip(f["in_shape"], f["out_shape"], strict=True)):
        raise KModelError(f"{f['in_shape']} cannot be reduced to {f['out_shape']}: each axis must stay or become 1")
    return _in_out(f["in_shape"], f["out_shape"])


def _reduce_window(f: Fields) -> Work:
    _at_most(3, f, "op")
    return _in_out(f["in_shape"], _windowed(f, f["in_shape"][1]))


def _resize(f: Fields) -> Work:
    _at_most(1, f, "mode")
    out = (*f["in_shape"][:2], f["out_height"], f["out_width"])
    check_shape("output", out)
    return _in_out(f["in_shape"], out)


def _softmax(f: Fields) -> Work:
    _at_least(1, f, "inner", "outer")
    return _in_out((1, 1, f["outer"], f["inner"]), (1, 1, f["outer"], f["inner"]))


def _transpose(f: Fields) -> Work:
    if sorted(f["perm"]) != [0, 1, 2, 3]:
        raise KModelError(f"perm {f['perm']} is no permutation of 0, 1, 2, 3")
    return _in_out(f["in_shape"], tuple(f["in_shape"][axis] for axis in f["perm"]))


def _strided_slice(f: Fields) -> Work:
    out = []
    for size, begin, end, stride in zip(f["in_shape"], f["begin"], f["end"], f["stride"], strict=True):
        if stride == 0 or not 0 <= begin < size or not -1 <= end <= size:
            raise KModelError(f"slice {begin}:{end}:{stride} of an axis of {size}: the stride must not be 0, "
                              f"the begin be inside, the end in -1..{size}")
        out.append(len(range(begin, end, stride)))
    check_shape("output", tuple(out))
    return _in_out(f["in_shape"], tuple(out))


def _unary(f: Fields) -> Work:
    _at_most(9, f, "op")
    return Work(needs={"out": f["in"].size // 4})


def _table(f: Fields) -> Work:
    return Work(needs={"table": 256, "out": f["in"].size})


_WINDOW = "pad_h:P pad_w:P filter_h:i filter_w:i stride_h:i stride_w:i dilation_h:i dilation_w:i"
_BINARY = "a:R b:R out:R op:u a_shape:S b_shape:S out_shape:S"
_RAW = "a_offset:i a_mul:i a_shift:i b_offset:i b_mul:i b_shift:i out_offset:i out_mul:i out_shift:i"
_INS = "in:R out:R in_shape:S"

OPERATIONS: dict[int, Operation] = {
    0x00: Operation("binary", f"{_BINARY} lo:f hi:f", "fff", _binary),
    0x01: Operation("concat", "out:R inner:u outer:u count:u", "*", _concat),
    0x02: Operation("conv2d", f"{_INS} groups:i out_channels:i {_WINDOW} lo:f hi:f", "ff", _conv2d),
    0x03: Operation("dequantize", "in:R out:R zero:i scale:f", "bf", _quantize),
    0x04: Operation("matmul", "a:R b:R out:R n:i k:i m:i lo:f hi:f", "fff", _matmul),
    0x05: Operation("pad", f"{_INS} pad_n:P pad_c:P pad_h:P pad_w:P value_type:u value:4", "*=", _pad),
    0x06: Operation("quantize", "in:R out:R zero:i scale:f", "fb", _quantize),
    0x07: Operation("reduce", "in:R out:R op:u in_shape:S out_shape:S init:f", "ff", _reduce),
    0x08: Operation("reduce_window2d", f"in:R out:R op:u in_shape:S {_WINDOW} init:f lo:f hi:f", "ff", _reduce_window),
    0x09: Operation("memory_copy", "in:R out:R", "**", lambda f: Work()),
    0x0A: Operation("resize_image", f"{_INS} out_height:i out_width:i mode:u align_corners:B", "*=", _resize),
    0x0B: Operation("softmax", "in:R out:R inner:i outer:i beta:f", "ff", _softmax),
    0x0C: Operation("transpose", f"{_INS} perm:V", "*=", _transpose),
    0x0D: Operation("strided_slice", f"{_INS} begin:V end:V stride:V masks:V mask:i", "*=", _strided_slice),
    0x0E: Operation("unary", "in:R out:R op:u", "ff", _unary),
    0x0F: Operation("quantized_conv2d", f"{_INS} groups:i out_channels:i {_WINDOW} in_offset:i weights_offset:i "
                    "out_mul:i out_shift:i out_offset:i", "bb", _quantized_conv2d),
    0x10: Operation("quantized_matmul", "a:R b:R out:R n:i k:i m:i a_offset:i b_offset:i out_mul:i out_shift:i "
                    "out_offset:i", "bbb", _matmul),
    0x11: Operation("quantized_binary", f"{_BINARY} {_RAW}", "bbb", _binary),
    0x12: Operation("table_lookup1d", "in:R table:R out:R", "bbb", _table),
    0x13: Operation("conv2d_transpose", f"{_INS} out_shape:S groups:i {_WINDOW} lo:f hi:f", "ff", _conv2d_transpose),
    0x14: Operation("nnil_unary_method", "in:R out:R", "ff", lambda f: Work(needs={"out": f["in"].size // 4})),
    0x2001: Operation("kpu_upload", _INS, "bb", lambda f: Work(0, f["in_shape"], f["in_shape"],
                                                               {"in": math.prod(f["in_shape"])})),
    0x2002: Operation("kpu_conv2d", "out:R batches:i reserved:u", "*", lambda f: Work()),
}

#: NHWC versions that compilers write only for the CPU target, with no body that the K210 knows.
CPU_ONLY = {0x1001: "cpu_conv2d", 0x1002: "cpu_depthwise_conv2d", 0x1003: "cpu_reduce_window2d",
            0x1004: "cpu_quantized_conv2d", 0x1005: "cpu_quantized_depthwise_conv2d"}

#: These may write where they read.
ELEMENTWISE = {"binary", "quantized_binary", "unary", "table_lookup1d", "nnil_unary_method", "memory_copy"}
