"""The instructions of kmodel V5's stackvm and which dialect of nncase 1.x they are (spec kmodel.md 5.4, 5.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3_base import Bytes

#: Releases from oldest to newest; some wrote the same.
DIALECTS = ("1.0-rc1", "1.0", "1.1", "1.2", "1.3", "1.4/1.5", "1.6/1.7", "1.8", "1.9")
MAX_STACK, MAX_SHAPES, MAX_PADDINGS, MAX_RANK = 64, 32, 8, 8

_NUMBERS = """
BATCH_TO_SPACE 00 00 00 00 00 00 00 00
BINARY 01 01 01 01 01 01 01 01
BROADCAST 02 02 02 02 02 02 02 02
CALL 03 03 03 03 03 03 03 03
COMPARE - - - - - - 04 04
CONV2D 05 05 05 05 05 05 06 06
CONVERT 07 07 07 07 07 07 08 08
COPY 08 08 08 08 08 08 09 09
CUMSUM - 09 09 09 09 09 0A 0A
DEQUANTIZE 09 0A 0A 0A 0A 0A 0B 0B
GATHER 0A 0B 0B 0B 0C 0C 0C 0C
GATHER_ND 0B 0C 0C 0C 0D 0D 0D 0D
HARDMAX - 0D 0D 0D 0E 0E 0E 0E
LUT1D 0D 0F 0F 0F 10 10 10 10
MATMUL - - - - 11 11 11 11
ONEHOT 0F 11 11 11 12 12 12 12
PAD 10 12 12 12 13 13 13 13
QUANTIZE 11 13 13 13 14 14 14 14
RANDOM_NORMAL - - 14 14 15 15 15 15
RANDOM_UNIFORM - - 15 15 16 16 16 16
REDUCE 12 14 16 16 17 17 17 17
REDUCE_ARG - 15 17 17 18 18 18 18
REDUCE_PROD - - 18 18 19 19 19 19
REDUCE_WINDOW2D 13 16 19 19 1A 1A 1A 1A
RESIZE_IMAGE 14 17 1A 1A 1B 1B 1B 1B
ROI_ALIGN - - - 1B 1C 1C 1C 1C
SIGMOID - - - 1C 1D 1D 1D 1D
SLICE 15 18 1B 1D 1E 1E 1E 1E
SOFTMAX - - - - - - 1F 1F
SPACE_TO_BATCH - - - - - - - 20
TERNARY - - 1F 21 22 22 22 22
TOPK - - - 22 23 23 23 23
TRANSPOSE 19 1C 20 23 24 24 24 24
TRILU - - - 24 25 25 25 25
UNARY 1A 1D 21 25 26 26 26 26
GRU - - - - - - - 27
TFLITE_DETECTION_POSTPROCESS - - - - - - - 28
LAYER_NORMALIZATION - - - - - - - 29
COMPRESS - - - - - - - 2A
GATHER_ELEMENTS - - - - - - - 2B
EQUAL - - - - 0B 0B - -
"""

#: Stack entries and record of each function, from the dialect named on. d: datatype, s: shape or stride register,
#: p: padding register, b: any byte, h: 16 bits, w: 32 bits, q: 64 bits, a digit pair: a byte below that number.
#: "+2P" adds two paddings on the stack.
_RECORDS = """
DEQUANTIZE 0 4 ddsss
QUANTIZE 0 4 ddsss
BINARY 0 3 dsssss15ww
BINARY 5 3 dssssss15ww
CONV2D 0 4+2P dsssssshhhhhww
REDUCE_WINDOW2D 0 3+2P d04ssshhhhhhww
REDUCE 0 3 dsss04sb
PAD 0 3 dsssp04
COPY 0 2 dsss
TRANSPOSE 0 2 dssss
RESIZE_IMAGE 0 4 dsssbb02
UNARY 0 2 dsss18
UNARY 2 2 dsss19
SIGMOID 3 2 dss
SIGMOID 4 2 dsss
SOFTMAX 6 2 dsssww
LUT1D 0 5 dsssh
SLICE 0 2 dssssss
CONVERT 0 2 ddsss
MATMUL 4 4 ssww
MATMUL 5 4 ssssssww
REDUCE_ARG 1 2 dssds02sbb
REDUCE_PROD 2 2 ssssb
REDUCE_PROD 6 2 dssssb
BROADCAST 0 2 dssss
COMPARE 6 3 dssssss06
EQUAL 4 3 dsssss
TERNARY 2 4 dsssssss
GATHER 0 3 dsssssb
GATHER_ND 0 3 dsssssb
GATHER_ELEMENTS 7 3 ssw
ONEHOT 0 5 dsssb02
HARDMAX 1 2 dssw
TOPK 3 3 dssssssqwbb
TRILU 3 2 dsbq
CUMSUM 1 2 dswbb
BATCH_TO_SPACE 0 2 dssssp
SPACE_TO_BATCH 7 2 dssssp
LAYER_NORMALIZATION 7 4 dsww
GRU 7 7 ss03
GRU 8 7 ss03b
COMPRESS 7 3 ssw
ROI_ALIGN 3 4 dss02wq
TFLITE_DETECTION_POSTPROCESS 7 7 ssswwwbwwwwwww
RANDOM_NORMAL 2 1 dswww
RANDOM_UNIFORM 2 1 dswww
CALL 0 0 wHbb
"""

_WIDTH = {"d": 1, "s": 1, "p": 1, "b": 1, "h": 2, "H": 2, "w": 4, "q": 8}


class _Record(NamedTuple):
    name: str
    entries: int
    paddings: int
    fields: tuple[str, ...]

    @property
    def size(self) -> int:
        return sum(_WIDTH.get(field, 1) for field in self.fields)


class Call(NamedTuple):
    module: int
    function: int
    inputs: int
    outputs: int


@dataclass
class Step:
    """One TENSOR instruction at `offset` in .text. `shapes` are what the record's registers hold, in its order."""

    name: str
    offset: int
    shapes: list[list[int]] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    call: Call | None = None


def _split(text: str) -> tuple[str, ...]:
    found, at = [], 0
    while at < len(text):
        length = 2 if text[at].isdigit() else 1
        found.append(text[at : at + length])
        at += length
    return tuple(found)


def _tables() -> list[dict[int, _Record]]:
    tables: list[dict[int, _Record]] = [{} for _ in DIALECTS]
    numbers = {name: columns for name, *columns in (line.split() for line in _NUMBERS.split("\n") if line)}
    for line in _RECORDS.split("\n"):
        if line:
            name, since, stack, layout = line.split()
            entries, _, paddings = stack.partition("+")
            record = _Record(name, int(entries), int(paddings[:1] or 0), _split(layout))
            for dialect in range(int(since), len(DIALECTS)):
                number = numbers[name][min(dialect, 7)]
                if number != "-":
                    tables[dialect][int(number, 16)] = record
    return tables


_TABLES = _tables()
_LOCATIONS = {0: "input", 1: "output", 2: "rdata", 3: "data"}


@dataclass
class _Machine:
    """What is known of the stack and registers without running: None for anything but an integer constant."""

    dialect: int
    stack: list[int | None] = field(default_factory=list)
    shapes: dict[int, list[int]] = field(default_factory=dict)
    paddings: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)

    def push(self, value: int | None) -> None:
        if len(self.stack) >= MAX_STACK:
            raise KModelError(f"more than {MAX_STACK} values on the stack")
        self.stack.append(value)

    def pop(self, count: int) -> list[int | None]:
        if count > len(self.stack):
            raise KModelError(f"{count} values are needed, the stack has {len(self.stack)}")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken


def decode(code: Bytes, offset: int, dialect: int) -> list[Step]:
    """The TENSOR instructions of one function's code, which lies at `offset` in .text, read as `dialect`."""
    machine, at = _Machine(dialect), 0
    while at < len(code):
        try:
            at = _instruction(machine, code, at, offset)
        except struct.error:
            raise KModelError(f"the instruction at {offset + at} ends behind its function") from None
        except KModelError as error:
            raise KModelError(f"instruction at {offset + at}: {error}") from None
    if machine.stack:
        raise KModelError(f"{len(machine.stack)} values are left on the stack")
    return machine.steps


def _instruction(machine: _Machine, code: Bytes, at: int, offset: int) -> int:
    op = code[at]
    at += 1
    if op == 0x02:
        machine.push(struct.unpack_from("<i", code, at)[0])
        return at + 4
    if op == 0x05:
        struct.unpack_from("<f", code, at)
        machine.push(None)
        return at + 4
    if op == 0x17:
        location = struct.unpack_from("<BBI", code, at)[0]
        if location not in _LOCATIONS:
            raise KModelError(f"memory {location} is none of {_LOCATIONS}")
        machine.push(None)
        return at + 6
    if op in (0x31, 0x32):
        _set_register(machine, op, *struct.unpack_from("<BB", code, at))
        return at + 2
    if op == 0x5E:
        return _tensor(machine, code, at, offset)
    if op in (0x00, 0x59):
        return len(code) if op == 0x59 else at
    if op == 0x01:
        machine.push(None)
    elif op in (0x03, 0x04):
        machine.push(op - 0x03)
    elif op == 0x2F:
        top = machine.pop(1)
        machine.push(top[0])
        machine.push(top[0])
    elif op == 0x30:
        machine.pop(1)
    else:
        raise KModelError(f"opcode 0x{op:02x} is not one that compilers write")
    return at


def _set_register(machine: _Machine, op: int, register: int, rank: int) -> None:
    limit = MAX_SHAPES if op == 0x31 else MAX_PADDINGS
    if register >= limit or rank > MAX_RANK:
        raise KModelError(f"register {register} of rank {rank}; {limit} registers of rank {MAX_RANK} exist")
    if op == 0x32:
        machine.pop(rank * _padding_values(machine))
        machine.paddings.add(register)
        return
    values = machine.pop(rank)
    dims = [value for value in values if value is not None]
    if len(dims) != rank:
        raise KModelError("a shape takes integers only")
    machine.shapes[register] = dims


def _padding_values(machine: _Machine) -> int:
    return 2 if machine.dialect < 2 else 3


def _tensor(machine: _Machine, code: Bytes, at: int, offset: int) -> int:
    number = struct.unpack_from("<H", code, at)[0]
    record = _TABLES[machine.dialect].get(number)
    if record is None:
        raise KModelError(f"tensor function 0x{number:x} is unknown")
    start = at - 1
    at += 2
    if at + record.size > len(code):
        raise KModelError(f"the record of {record.name} ends behind its function")
    step = Step(record.name, offset + start)
    entries = record.entries + record.paddings * _padding_values(machine)
    if record.name == "CALL":
        function, module, inputs, outputs = struct.unpack_from("<IHBB", code, at)
        step.call = Call(module, function, inputs, outputs)
        entries = 4 * (inputs + outputs)
    for kind in record.fields:
        _operand(machine, step, kind, code[at])
        at += _WIDTH.get(kind, 1)
    machine.pop(entries)
    machine.steps.append(step)
    return at


def _operand(machine: _Machine, step: Step, kind: str, value: int) -> None:
    if kind == "d":
        if value > 11:
            raise KModelError(f"{step.name}: datatype {value} is outside 0..11")
        step.types.append(value)
    elif kind == "s":
        if value not in machine.shapes:
            raise KModelError(f"{step.name}: shape register {value} was not set")
        step.shapes.append(machine.shapes[value])
    elif kind == "p" and value not in machine.paddings:
        raise KModelError(f"{step.name}: padding register {value} was not set")
    elif kind.isdigit() and value >= int(kind):
        raise KModelError(f"{step.name}: {value} is outside 0..{int(kind) - 1}")
