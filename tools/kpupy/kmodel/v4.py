"""Reading and checking kmodel V4 (spec kmodel.md 4, 7.2, 7.4)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from kpupy.kmodel import layout
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.tables import ACT_SIZE
from kpupy.kmodel.v3 import MAX_LAYERS, MAX_OUTPUTS, MAX_PADDING, check_record
from kpupy.kmodel.v3_base import MAX_ELEMENTS, Bytes
from kpupy.kmodel.v4_ops import (
    CONSTANT,
    CPU_ONLY,
    ELEMENTWISE,
    F32,
    ITEM,
    KPU,
    MAIN,
    OPERATIONS,
    U8,
    Dims,
    Fields,
    Operation,
    Range,
    Work,
    check_shape,
    ranges,
    read,
)
from kpupy.kmodel.words import RECORD_SIZE, KpuLayer

VERSION = 4
HEADER = struct.Struct("<4s9I")
TYPES = ("f32", "u8")
MEMORIES = ("constants", "main memory", "KPU memory")
KPU_SIZE = layout.ROW * layout.ROWS


@dataclass
class Node:
    """One step. Shapes are N,C,H,W where the body knows them; `used` leaves out the body's padding, `rows` are
    the first and past-the-last KPU row touched.
    """

    name: str
    position: int
    size: int
    used: int
    reads: list[Range]
    write: Range
    in_shape: Dims | None = None
    out_shape: Dims | None = None
    record: KpuLayer | None = None
    batches: int = 1
    rows: tuple[int, int] | None = None

    @property
    def macs(self) -> int:
        return self.batches * self.record.macs if self.record else 0


@dataclass
class ModelV4:
    """A parsed and checked model. `warnings` are oddities that a runtime accepts."""

    target: int
    constants: int
    main_memory: int
    inputs: list[tuple[Range, Dims]]
    outputs: list[Range]
    nodes: list[Node]
    length: int
    version: int = VERSION
    warnings: list[str] = field(default_factory=list)

    def kpu_rows(self) -> tuple[int, int]:
        """Lowest and past-the-highest KPU row in use; both are 0 when there is none."""
        inputs = [(p.start // layout.ROW, p.end // layout.ROW) for p, _ in self.inputs if p.memory == KPU]
        return span([*inputs, *(node.rows for node in self.nodes)])

    def output_shape(self, index: int) -> Dims:
        """Found by walking back from the output's writer (spec kmodel.md 4.2); else a flat vector."""
        wanted = place = self.outputs[index]
        count = wanted.size // ITEM[wanted.datatype]
        for node in reversed(self.nodes):
            if (node.write.memory, node.write.start) != (place.memory, place.start):
                continue
            if node.out_shape is not None:
                if math.prod(node.out_shape) == count:
                    return node.out_shape
                break
            if len(node.reads) != 1 or node.reads[0].memory == CONSTANT:
                break
            place = node.reads[0]
        return (count,)


def parse(data: Bytes) -> ModelV4:
    """Decode and check a V4 file. KModelError names the node, the value and the limit."""
    view = memoryview(data)
    _need(view, HEADER.size, "header")
    _, version, flags, target, constants, main, count, inputs, outputs, _ = HEADER.unpack_from(view)
    if version != VERSION or target > 1:
        raise KModelError(f"version {version}, target {target}: not a kmodel V4 for the K210 (4, 1) or a CPU (4, 0)")
    if not 1 <= count <= MAX_LAYERS:
        raise KModelError(f"node count {count} is outside 1..{MAX_LAYERS}")
    if not 1 <= inputs <= MAX_OUTPUTS or not 1 <= outputs <= MAX_OUTPUTS:
        raise KModelError(f"{inputs} inputs and {outputs} outputs; 1 to {MAX_OUTPUTS} of each are possible")
    heads_at = HEADER.size + 32 * inputs + 16 * outputs + constants
    _need(view, heads_at + 8 * count, f"constants of {constants} bytes and headers of {count} nodes")
    limits = (constants, main, KPU_SIZE)

    shapes_at = HEADER.size + 16 * inputs
    model = ModelV4(target, constants, main, [], [], [], heads_at + 8 * count)
    for index in range(inputs):
        place = Range(*struct.unpack_from("<4I", view, HEADER.size + 16 * index))
        shape = struct.unpack_from("<4i", view, shapes_at + 16 * index)
        _check_input(f"input {index}", place, shape, limits)
        model.inputs.append((place, shape))
    for index in range(outputs):
        place = Range(*struct.unpack_from("<4I", view, shapes_at + 16 * inputs + 16 * index))
        _check_range(f"output {index}", place, limits)
        if place.memory != MAIN or place.size == 0 or place.size % ITEM[place.datatype]:
            raise KModelError(f"output {index} is {place.size} bytes of {TYPES[place.datatype]} in "
                              f"{MEMORIES[place.memory]}; it must be whole elements in main memory")
        model.outputs.append(place)
    for index in range(count):
        opcode, size = struct.unpack_from("<2I", view, heads_at + 8 * index)
        where = f"node {index} ({op_name(opcode)})"
        try:
            model.nodes.append(_read_node(view, opcode, model.length, size, limits, index == count - 1))
        except KModelError as error:
            raise KModelError(f"{where}: {error}") from None
        model.length += size
    if flags:
        model.warnings.append(f"unknown flags 0x{flags:x}")
    if target == 0:
        model.warnings.append("compiled for a CPU (target 0): the board refuses it; compile for the target k210")
    trailing = len(view) - model.length
    if trailing > 0:
        model.warnings.append(f"{trailing} bytes behind the model")
    elif trailing < 0:
        model.warnings.append(f"the last {-trailing} bytes of padding are missing")
    return model


def op_name(opcode: int) -> str:
    found = OPERATIONS.get(opcode)
    return found.name if found else CPU_ONLY.get(opcode, f"opcode 0x{opcode:x}")


def _need(data: Bytes, end: int, what: str) -> None:
    if len(data) < end:
        raise KModelError(f"the file ends at {len(data)}, its {what} would end at {end}: cut off or damaged")


def _check_range(name: str, place: Range, limits: tuple[int, int, int]) -> None:
    if place.memory > KPU or place.datatype > U8:
        raise KModelError(f"{name}: memory {place.memory} and type {place.datatype} must be 0..2 and 0..1")
    if place.end > limits[place.memory]:
        raise KModelError(f"{name} at {place.start} with {place.size} bytes ends behind the {limits[place.memory]} "
                          f"bytes of {MEMORIES[place.memory]}")
    step = layout.ROW if place.memory == KPU else ITEM[place.datatype]
    if place.start % step:
        raise KModelError(f"{name} at {place.start} is not a multiple of {step}")
    if place.size // ITEM[place.datatype] > MAX_ELEMENTS:
        raise KModelError(f"{name} has {place.size} bytes, more than {MAX_ELEMENTS} elements")


def _check_input(name: str, place: Range, shape: Dims, limits: tuple[int, int, int]) -> None:
    _check_range(name, place, limits)
    check_shape(name, shape)
    n, channels, height, width = shape
    if place.memory == KPU:
        wanted = layout.ROW * n * layout.rows_of(width, height, channels)
    else:
        wanted = math.prod(shape) * ITEM[place.datatype]
    if place.memory == CONSTANT or place.size != wanted or (place.memory == KPU and place.datatype != U8):
        raise KModelError(f"{name}: {place.size} bytes of type {place.datatype} in {MEMORIES[place.memory]} cannot be "
                          f"{'x'.join(map(str, shape))}, which takes {wanted} in main or (u8 only) KPU memory")


def _read_node(data: memoryview, opcode: int, at: int, size: int, limits: tuple[int, int, int], last: bool) -> Node:
    operation = OPERATIONS.get(opcode)
    if operation is None:
        reason = "only a CPU runs it" if opcode in CPU_ONLY else "no such operation"
        raise KModelError(f"opcode 0x{opcode:x} is not supported: {reason}")
    missing = max(0, at + size - len(data))
    if missing > (MAX_PADDING if last else 0):
        raise KModelError(f"body at {at} with {size} bytes ends {missing} bytes behind the end of the file: cut off "
                          "or damaged")
    size -= missing
    fields = read(operation, data, at, size)
    work = operation.work(fields)
    used = fields[""] + work.tail
    if used > size:
        raise KModelError(f"body of {size} bytes is shorter than the {used} that its fields ask for")
    if operation.name == "concat":
        _read_parts(fields, data, at + fields[""])
    for name, place in ranges(fields):
        if not (operation.name == "kpu_conv2d" and place.size == 0):
            _check_range(name, place, limits)
    _check_types(operation, fields)
    for name, elements in work.needs.items():
        needed, place = elements * ITEM[fields[name].datatype], fields[name]
        if place.size < needed:
            raise KModelError(f"{name} of {place.size} bytes must hold {needed}")
    write: Range = fields.pop("out")
    reads = [place for _, place in ranges(fields)]
    node = Node(operation.name, at, size, used, reads, write, work.in_shape, work.out_shape)
    if operation.name == "kpu_conv2d":
        _read_conv(node, fields["batches"], data)
    elif operation.name == "kpu_upload":
        n, channels, height, width = fields["in_shape"]
        start = write.start // layout.ROW
        node.rows = start, start + n * layout.rows_of(width, height, channels)
        if start + write.size // layout.ROW < node.rows[1]:
            raise KModelError(f"out of {write.size} bytes must hold rows {start}..{node.rows[1] - 1} of {layout.ROW}")
    _check_overlap(operation, fields, work, write)
    return node


def _read_parts(fields: Fields, data: memoryview, at: int) -> None:
    """A concatenation's inputs and their lengths along the axis, in `inner` bytes."""
    count, inner, outer = fields["count"], fields["inner"], fields["outer"]
    dims = struct.unpack_from(f"<{count}i", data, at + 16 * count)
    total = 0
    for index, dim in enumerate(dims):
        place = Range(*struct.unpack_from("<4I", data, at + 16 * index))
        needed = inner * outer * dim
        if dim < 1 or place.size < needed:
            raise KModelError(f"part {index} of {place.size} bytes, {dim} along the axis, must hold {needed} > 0")
        fields[f"part {index}"] = place
        total += needed
    if fields["out"].size != total:
        raise KModelError(f"out of {fields['out'].size} bytes must be the {total} of all parts")


def _check_types(operation: Operation, fields: Fields) -> None:
    first = None
    for (name, place), kind in zip(ranges(fields), operation.types, strict=False):
        first = place.datatype if first is None else first
        wanted = {"f": F32, "b": U8, "=": first}.get(kind, place.datatype)
        if place.datatype != wanted:
            raise KModelError(f"{name} is {TYPES[place.datatype]}, it must be {TYPES[wanted]}")


def _check_overlap(operation: Operation, fields: Fields, work: Work, write: Range) -> None:
    if write.size == 0:
        return
    if write.memory == CONSTANT:
        raise KModelError("the output lies in the constants")
    if (write.memory == KPU) != (operation.name == "kpu_upload"):
        raise KModelError(f"the output lies in {MEMORIES[write.memory]}: only kpu_upload, and it always, writes there")
    for name, place in ranges(fields):
        if place.memory == KPU:
            raise KModelError(f"{name} lies in KPU memory, which only kpu_conv2d reads")
        same = place.start == write.start and operation.name in ELEMENTWISE
        if place.memory == write.memory and place.start < write.end and write.start < place.end and not same:
            raise KModelError(f"{name} {place.start}..{place.end - 1} and out {write.start}..{write.end - 1} overlap")


def _read_conv(node: Node, batches: int, data: memoryview) -> None:
    """Record and tables of a KPU layer: each table stands behind as many bytes as its address field says."""
    end = 24 + RECORD_SIZE
    if node.size < end:
        raise KModelError(f"body of {node.size} bytes is shorter than the {end} of its fixed part")
    r = KpuLayer.from_bytes(bytes(data[node.position + 24 : node.position + end]))
    check_record(r, 1)
    weights = r.out_channels * (1 if r.depthwise else r.in_channels) * r.kernel**2
    node.used = end + r.bn_address + 8 * r.out_channels + r.act_address + ACT_SIZE + r.weights_address + weights
    if node.used > node.size:
        raise KModelError(f"tables behind {r.bn_address}, {r.act_address} and {r.weights_address} bytes end at "
                          f"{node.used} of a body of {node.size} bytes")
    bn = node.position + end + r.bn_address
    act = bn + 8 * r.out_channels + r.act_address
    places = bn, act, act + ACT_SIZE + r.weights_address
    if places[0] % 8 or places[1] % 256 or places[2] % 8:
        raise KModelError(f"batch norm, activation and weights at {places} of the file must be at multiples of 8, 256 "
                          "and 8")
    if not 1 <= batches <= layout.ROWS:
        raise KModelError(f"batches is {batches}, outside 1..{layout.ROWS}")
    node.record, node.batches = r, batches
    node.in_shape = (batches, r.in_channels, r.in_height, r.in_width)
    node.out_shape = (batches, r.out_channels, r.out_height, r.out_width)
    needed = math.prod(node.out_shape)
    if node.write.size and (node.write.size < needed or node.write.datatype != U8):
        raise KModelError(f"out of {node.write.size} bytes and type {node.write.datatype} must hold {needed} u8")
    node.rows = row_span(r, batches)
    if node.rows[1] > layout.ROWS:
        raise KModelError(f"{batches} batches end at KPU row {node.rows[1]}, there are {layout.ROWS}")


def row_span(r: KpuLayer, batches: int) -> tuple[int, int]:
    """First and past-the-last KPU row of a layer's input and output."""
    return (min(r.src_row, r.dst_row),
            max(r.src_row + batches * layout.rows_of(r.in_width, r.in_height, r.in_channels),
                r.dst_row + batches * layout.rows_of(r.out_width, r.out_height, r.out_channels)))


def span(rows: list[tuple[int, int] | None]) -> tuple[int, int]:
    """What several spans of rows cover together; (0, 0) for none."""
    known = [row for row in rows if row]
    return min((row[0] for row in known), default=0), max((row[1] for row in known), default=0)
