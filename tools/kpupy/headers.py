"""What the headers of a kmodel V4 or V5 say (spec kmodel.md 4.1, 5.1, 6.1), for files whose operators are not read.

The lengths and sizes are checked against the file; what the nodes or code do is not.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from kpupy.kmodel.errors import KModelError

_DATATYPES = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "bf16")
_SLACK = 7  # the last body's padding may be missing


def read_v4(data: bytes) -> dict[str, Any]:
    """Memory, inputs, outputs and node count of a kmodel V4."""
    _need(data, 40, "header")
    _, target, constants, main, nodes, inputs, outputs = struct.unpack_from("<7I", data, 8)
    if not 0 < inputs <= 64 or not 0 < outputs <= 64:
        raise KModelError(f"kmodel V4 with {inputs} inputs and {outputs} outputs; 1 to 64 of each are possible")
    start = 40 + 32 * inputs + 16 * outputs + constants
    _need(data, start + 8 * nodes, "constants and node headers")
    body = sum(struct.unpack_from("<I", data, start + 8 * i + 4)[0] for i in range(nodes))
    length = start + 8 * nodes + body
    _need(data, length - _SLACK, "nodes")
    shapes = [struct.unpack_from("<4i", data, 40 + 16 * inputs + 16 * i) for i in range(inputs)]
    ranges_in = [struct.unpack_from("<4I", data, 40 + 16 * i) for i in range(inputs)]
    ranges_out = [struct.unpack_from("<4I", data, 40 + 32 * inputs + 16 * i) for i in range(outputs)]
    return {
        "version": 4, "length": length, "main_memory": main, "constants": constants,
        "target": ("cpu", "k210")[target & 1], "nodes": nodes,
        "inputs": [{"shape": list(s[1:]), "type": _v4_type(r)} for s, r in zip(shapes, ranges_in, strict=True)],
        "outputs": [{"type": _v4_type(r), "size": r[3]} for r in ranges_out],
    }


def _v4_type(memory_range: tuple[int, ...]) -> str:
    return ("f32", "u8")[memory_range[1] & 1]


def read_v5(data: bytes) -> dict[str, Any]:
    """Modules, memory, and the entry function's inputs and outputs of a kmodel V5."""
    _need(data, 32, "header")
    _, _, _, alignment, count, entry_module, entry_function = struct.unpack_from("<7I", data, 4)
    if not 0 < count <= 64 or entry_module >= count:
        raise KModelError(f"kmodel V5 with {count} modules, entry in module {entry_module}; 1 to 64 are possible")
    modules, position = [], 32
    entry: dict[str, Any] = {}
    for index in range(count):
        module, functions = _v5_module(data, position)
        modules.append(module)
        if index == entry_module:
            entry = _v5_function(data, functions, entry_function, module["functions"])
        position += module["size"]
    memory = sum(module["data"] for module in modules)
    io = sum(item["size"] for item in entry["inputs"] + entry["outputs"])
    return {"version": 5, "length": position, "main_memory": memory + io, "alignment": alignment, "modules": modules,
            **entry}


def _v5_module(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    _need(data, at + 48, "module header")
    name, _, header, size, pools, shared, _, functions = struct.unpack_from("<16s7I", data, at)
    start = at + 48 + 8 * pools + 8 * shared
    if header != 48 or size < 48 or pools > 64 or shared > 64:
        raise KModelError(f"the module at {at} has a header of {header} bytes and a size of {size}: damaged")
    _need(data, at + size - _SLACK, f"module {name.rstrip(bytes(1))!r}")
    descriptors = [struct.unpack_from("<B3xI", data, at + 48 + 8 * i) for i in range(pools)]
    used = sum(length for location, length in descriptors if location == 3)
    told = {"type": name.rstrip(b"\0").decode(errors="replace"), "size": size, "functions": functions, "data": used}
    return told, start


def _v5_function(data: bytes, at: int, wanted: int, count: int) -> dict[str, Any]:
    if wanted >= count:
        raise KModelError(f"the entry function {wanted} is not among the module's {count}")
    for _ in range(wanted):
        _need(data, at + 8, "function")
        at += max(32, struct.unpack_from("<I", data, at + 4)[0])
    _need(data, at + 32, "entry function")
    inputs, outputs = struct.unpack_from("<2I", data, at + 16)
    if inputs > 64 or outputs > 64:
        raise KModelError(f"an entry function with {inputs} inputs and {outputs} outputs; up to 64 are possible")
    at += 32
    found: dict[str, Any] = {}
    for name, number in (("inputs", inputs), ("outputs", outputs)):
        _need(data, at + 12 * number, name)
        ranges = [struct.unpack_from("<BBHII", data, at + 12 * i) for i in range(number)]
        at += 12 * number
        found[name] = []
        for memory_range in ranges:
            shape, at = _v5_shape(data, at)
            kind = memory_range[1]
            found[name].append({"shape": shape, "type": _DATATYPES[kind] if kind < len(_DATATYPES) else f"type {kind}",
                                "size": memory_range[4], "elements": math.prod(shape)})
    return found


def _v5_shape(data: bytes, at: int) -> tuple[list[int], int]:
    _need(data, at + 4, "shape")
    rank = struct.unpack_from("<I", data, at)[0]
    if rank > 16:
        raise KModelError(f"a shape of rank {rank} at {at}; up to 16 are possible")
    _need(data, at + 4 + 4 * rank, "shape")
    return list(struct.unpack_from(f"<{rank}I", data, at + 4)), at + 4 + 4 * rank


def _need(data: bytes, end: int, what: str) -> None:
    if len(data) < end:
        raise KModelError(f"the file ends at {len(data)}, its {what} would end at {end}: cut off or damaged")
