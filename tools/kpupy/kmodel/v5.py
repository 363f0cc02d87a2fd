"""Reading and checking kmodel V5 (spec kmodel.md 5, 7.5): modules, functions, and what each function does."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from kpupy.kmodel import v5_code, v5_k210
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3 import MAX_OUTPUTS
from kpupy.kmodel.v3_base import MAX_ELEMENTS, Bytes
from kpupy.kmodel.v4 import span
from kpupy.kmodel.v5_k210 import INPUT, OUTPUT, Memory, Range, Record

VERSION = 5
HEADER = struct.Struct("<4s7I")
MODULE = struct.Struct("<16s8I")
FUNCTION = struct.Struct("<8I")
SECTION = struct.Struct("<16s4I")
MAX_MODULES, MAX_FUNCTIONS, MAX_SECTIONS, MAX_POOLS, MAX_ALIGNMENT = 16, 1024, 16, 16, 4096
DATATYPES = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "bf16")
ITEM = (1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2)
POOLS = {0: "input", 1: "output", 2: "rdata", 3: "data", 4: "shared data", 64: "KPU"}
_PADDING = 7  # bytes that may be missing at the end of the file (spec kmodel.md 1.2)


class Tensor(NamedTuple):
    """An input or output of a function: its range and its shape."""

    place: Range
    shape: tuple[int, ...]


@dataclass
class Function:
    """`records` is what a k210 function does, `steps` what a stackvm function does."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    entry: int
    text_size: int
    records: list[Record] = field(default_factory=list)
    steps: list[v5_code.Step] = field(default_factory=list)


@dataclass
class Module:
    """`pools` are bytes by location, `sections` (offset in the file, bytes) by name."""

    type: str
    position: int
    size: int
    pools: dict[int, int]
    sections: dict[str, tuple[int, int]]
    functions: list[Function]

    @property
    def data(self) -> int:
        return self.pools.get(3, 0)


@dataclass
class ModelV5:
    """A parsed and checked model. `dialects` are the releases of nncase that its code can be of, oldest first."""

    alignment: int
    entry: Function
    modules: list[Module]
    length: int
    dialects: list[str]
    version: int = VERSION
    warnings: list[str] = field(default_factory=list)

    @property
    def main_memory(self) -> int:
        """Data pools, and the caller's input and output tensors."""
        tensors = self.entry.inputs + self.entry.outputs
        return sum(module.data for module in self.modules) + sum(tensor.place.size for tensor in tensors)

    def records(self) -> list[Record]:
        return [record for module in self.modules for function in module.functions for record in function.records]

    def kpu_rows(self) -> tuple[int, int]:
        """Lowest and past-the-highest KPU row in use; both are 0 when there is none."""
        return span([record.rows for record in self.records()])


def parse(data: Bytes) -> ModelV5:
    """Decode and check a V5 file. KModelError names module, function, value and limit."""
    view = memoryview(data)
    _need(view, HEADER.size, "header")
    _, version, header, flags, alignment, count, entry_module, entry_function = HEADER.unpack_from(view)
    if version != VERSION or header != HEADER.size:
        raise KModelError(f"version {version}, header of {header} bytes: not a kmodel V5 (5, {HEADER.size})")
    if not 1 <= count <= MAX_MODULES or entry_module >= count:
        raise KModelError(f"kmodel V5 with {count} modules, entry in module {entry_module}; 1 to {MAX_MODULES} are "
                          "possible")
    if not 1 <= alignment <= MAX_ALIGNMENT or alignment & alignment - 1:
        raise KModelError(f"alignment {alignment} is no power of two up to {MAX_ALIGNMENT}")
    modules, position = [], HEADER.size
    for index in range(count):
        try:
            modules.append(_read_module(view, position, index == count - 1))
        except KModelError as error:
            raise KModelError(f"module {index}: {error}") from None
        position += modules[-1].size
    functions = modules[entry_module].functions
    if entry_function >= len(functions):
        raise KModelError(f"the entry function {entry_function} is not among the {len(functions)} of module "
                          f"{entry_module}")
    if not functions[entry_function].outputs:
        raise KModelError(f"the entry function {entry_function} of module {entry_module} has no outputs")
    model = ModelV5(alignment, functions[entry_function], modules, position, _decode(view, modules))
    if flags:
        model.warnings.append(f"unknown flags 0x{flags:x}")
    trailing = len(view) - position
    if trailing > 0:
        model.warnings.append(f"{trailing} bytes behind the model")
    elif trailing < 0:
        model.warnings.append(f"the last {-trailing} bytes of padding are missing")
    return model


def _need(data: Bytes, end: int, what: str, whole: str = "file") -> None:
    if len(data) < end:
        raise KModelError(f"the {whole} ends at {len(data)}, its {what} would end at {end}: cut off or damaged")


def _name(raw: bytes, what: str) -> str:
    text, end, _ = raw.partition(b"\0")
    if not end or not text.isascii():
        raise KModelError(f"the {what} {raw!r} is no text of at most {len(raw) - 1} letters")
    return text.decode()


def _read_module(data: memoryview, at: int, last: bool) -> Module:
    _need(data, at + MODULE.size, "module header")
    raw, version, header, size, pools, shared, sections, functions, _ = MODULE.unpack_from(data, at)
    kind = _name(raw, "module type")
    if raw.rstrip(b"\0") not in (b"stackvm", b"k210"):
        raise KModelError(f"the module at {at} is of type {kind!r}; stackvm and k210 are possible")
    if version != 1 or header != MODULE.size or size < MODULE.size or size % 8:
        raise KModelError(f"the {kind} module at {at} has version {version}, a header of {header} and {size} bytes; "
                          f"they must be 1, {MODULE.size}, and a multiple of 8 from {MODULE.size}")
    _need(data, at + size - (_PADDING if last else 0), f"{kind} module of {size} bytes")
    for name, number, limit in (("mempools", pools, MAX_POOLS), ("shared mempools", shared, MAX_POOLS),
                                ("sections", sections, MAX_SECTIONS), ("functions", functions, MAX_FUNCTIONS)):
        if number > limit:
            raise KModelError(f"the {kind} module at {at} has {number} {name}; up to {limit} are possible")
    module = Module(kind, at, size, {}, {}, [])
    body = data[: min(at + size, len(data))]
    here = at + MODULE.size
    _need(body, here + 8 * (pools + shared), "mempools", "module")
    for index in range(pools):
        location, length = struct.unpack_from("<B3xI", body, here + 8 * index)
        if location not in POOLS or location in module.pools:
            raise KModelError(f"mempool {index} at location {location}: unknown or there twice")
        module.pools[location] = length
    here += 8 * (pools + shared)
    for index in range(functions):
        function, length = _read_function(body, here, index)
        module.functions.append(function)
        here += length
    _read_sections(body, here, sections, module)
    _check_texts(module)
    return module


def _read_function(data: memoryview, at: int, index: int) -> tuple[Function, int]:
    _need(data, at + FUNCTION.size, f"function {index}", "module")
    header, size, _, _, inputs, outputs, entry, text = FUNCTION.unpack_from(data, at)
    if header != FUNCTION.size or inputs > MAX_OUTPUTS or outputs > MAX_OUTPUTS:
        raise KModelError(f"function {index} has a header of {header} bytes, {inputs} inputs and {outputs} outputs; "
                          f"{FUNCTION.size} and up to {MAX_OUTPUTS} are possible")
    _need(data, at + size, f"function {index} of {size} bytes", "module")
    record = data[: at + size]
    found, here = [], at + FUNCTION.size
    for location, count in ((INPUT, inputs), (OUTPUT, outputs)):
        _need(record, here + 12 * count, f"{POOLS[location]} ranges", f"function {index}")
        places = [Range(*struct.unpack_from("<BBHII", record, here + 12 * i)) for i in range(count)]
        here += 12 * count
        tensors = []
        for number, place in enumerate(places):
            shape, here = _read_shape(record, here, index)
            _check_tensor(f"function {index}, {POOLS[location]} {number}", place, shape, location)
            tensors.append(Tensor(place, shape))
        found.append(tensors)
    return Function(found[0], found[1], entry, text), size


def _read_shape(data: memoryview, at: int, index: int) -> tuple[tuple[int, ...], int]:
    _need(data, at + 4, "shape", f"function {index}")
    rank = struct.unpack_from("<I", data, at)[0]
    if rank > v5_code.MAX_RANK:
        raise KModelError(f"function {index}: a shape of rank {rank} at {at}; up to {v5_code.MAX_RANK} are possible")
    _need(data, at + 4 + 4 * rank, f"shape of rank {rank}", f"function {index}")
    return struct.unpack_from(f"<{rank}I", data, at + 4), at + 4 + 4 * rank


def _check_tensor(name: str, place: Range, shape: tuple[int, ...], location: int) -> None:
    if place.location != location or place.datatype >= len(ITEM):
        raise KModelError(f"{name}: location {place.location} and datatype {place.datatype} must be {location} and "
                          f"0..{len(ITEM) - 1}")
    count = math.prod(shape)
    if not 1 <= count <= MAX_ELEMENTS or place.size != count * ITEM[place.datatype]:
        raise KModelError(f"{name}: {place.size} bytes of {DATATYPES[place.datatype]} are not of shape {list(shape)} "
                          f"with 1 to {MAX_ELEMENTS} elements")


def _read_sections(data: memoryview, at: int, count: int, module: Module) -> None:
    merged: list[tuple[str, int, int]] = []
    for index in range(count):
        _need(data, at + SECTION.size, f"section {index}", "module")
        raw, flags, start, size, _ = SECTION.unpack_from(data, at)
        name = _name(raw, f"name of section {index}")
        if name in module.sections or name in (m[0] for m in merged):
            raise KModelError(f"section {name} is there twice")
        at += SECTION.size
        if flags & 1:
            merged.append((name, start, size))
            continue
        _need(data, at + start + size, f"section {name} of {size} bytes", "module")
        module.sections[name] = (at + start, size)
        at += start + size
    rdata, limit = module.sections.get(".rdata", (0, 0))
    for name, start, size in merged:
        if start + size > limit:
            raise KModelError(f"section {name} at {start} with {size} bytes ends behind the {limit} of .rdata")
        module.sections[name] = (rdata + start, size)
    if module.pools.get(2, 0) > limit:
        raise KModelError(f"{module.pools[2]} bytes of constants are announced, .rdata has {limit}")


def _check_texts(module: Module) -> None:
    limit = module.sections.get(".text", (0, 0))[1]
    for index, function in enumerate(module.functions):
        if function.entry + function.text_size > limit:
            raise KModelError(f"function {index} at {function.entry} with {function.text_size} bytes ends behind the "
                              f"{limit} of .text")


def _decode(data: memoryview, modules: list[Module]) -> list[str]:
    """Read every function's code; the dialects that fit all of it."""
    for module in modules:
        if module.type == "k210":
            memory = Memory(module.sections.get(".rdata", (0, 0))[1], module.data)
            for index, function in enumerate(module.functions):
                try:
                    function.records = v5_k210.read(_code(data, module, function), memory,
                                                    [t.place for t in function.inputs],
                                                    [t.place for t in function.outputs])
                except KModelError as error:
                    raise KModelError(f"k210 function {index}: {error}") from None
    programs = [(module, function) for module in modules if module.type == "stackvm" for function in module.functions]
    fits: list[str] = []
    reason = ""
    for dialect in reversed(range(len(v5_code.DIALECTS))):
        try:
            steps = [v5_code.decode(_code(data, m, f), f.entry, dialect) for m, f in programs]
        except KModelError as error:
            reason = reason or f"as {v5_code.DIALECTS[dialect]}: {error}"
            continue
        if not fits:
            for (_, function), found in zip(programs, steps, strict=True):
                function.steps = found
        fits.insert(0, v5_code.DIALECTS[dialect])
    if not fits:
        raise KModelError("V5 instruction set not recognised (nncase older than 1.0-rc1 or newer than 1.9); " + reason)
    _check_calls(modules)
    return fits


def _code(data: memoryview, module: Module, function: Function) -> memoryview:
    text = module.sections.get(".text", (0, 0))[0]
    return data[text + function.entry : text + function.entry + function.text_size]


def _check_calls(modules: list[Module]) -> None:
    for module in modules:
        for index, function in enumerate(module.functions):
            for step in function.steps:
                if step.call:
                    _check_call(modules, step.call, f"stackvm function {index}, CALL at {step.offset}")


def _check_call(modules: list[Module], call: v5_code.Call, where: str) -> None:
    if call.module >= len(modules) or call.function >= len(modules[call.module].functions):
        raise KModelError(f"{where}: there is no function {call.function} in module {call.module}")
    callee = modules[call.module].functions[call.function]
    if (call.inputs, call.outputs) != (len(callee.inputs), len(callee.outputs)):
        raise KModelError(f"{where}: {call.inputs} inputs and {call.outputs} outputs for a function of "
                          f"{len(callee.inputs)} and {len(callee.outputs)}")
    if any(step.call for step in callee.steps):
        raise KModelError(f"{where}: function {call.function} of module {call.module} calls further functions; calls "
                          "go only one deep")
