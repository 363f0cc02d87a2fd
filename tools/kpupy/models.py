"""What the command line does with models, as functions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpupy import kfpkg
from kpupy.boards import Area
from kpupy.kmodel import layout, parse, v4, v5
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3 import ModelV3
from kpupy.kmodel.v3_base import Layer
from kpupy.kmodel.v3_kpu import Conv
from kpupy.kmodel.v4 import ModelV4, Node
from kpupy.kmodel.v5 import Function, ModelV5, Tensor
from kpupy.kmodel.v5_k210 import Record
from kpupy.kmodel.words import KpuLayer

if TYPE_CHECKING:
    from kpupy.kmodel.reference import Result


READABLE = (parse.Kind.V3, parse.Kind.V4, parse.Kind.V5, parse.Kind.SWAPPED)
KPU_RAM = layout.ROW * layout.ROWS
HEAP = 5_701_208  # what kpupy.heap() says after boot on the build for maix_bit: kpupy info shows the board's


def read(path: Path) -> bytes:
    """The bytes of a model file, or of the only model in a .kfpkg."""
    data = path.read_bytes()
    if parse.identify(data).kind is not parse.Kind.PACKAGE:
        return data
    found = [m for m in kfpkg.read(path) if parse.identify(m.data).kind in READABLE]
    if len(found) != 1:
        names = ", ".join(m.name for m in found) or "none"
        raise KModelError(f"{path.name} must hold exactly one kmodel to be read directly; it holds: {names}")
    return found[0].data


def describe(model: ModelV3) -> dict[str, Any]:
    """Everything about a model, ready for JSON."""
    lowest, _ = model.kpu_rows()
    wanted = model.input
    return {
        "version": model.version,
        "weight_bits": 8 * model.weight_bytes,
        "main_memory": model.main_memory,
        "kpu_memory": layout.ROW * (layout.ROWS - lowest),
        "input": {"shape": list(wanted.shape), "type": "f32" if wanted.is_float else "u8"},
        "outputs": [
            {"shape": list(model.output_shape(i)), "type": "f32", "address": out.address, "size": out.size}
            for i, out in enumerate(model.outputs)
        ],
        "macs": sum(conv.record.macs for conv in model.convolutions()),
        "layers": [_describe_layer(layer) for layer in model.layers],
        "warnings": model.warnings,
    }


def summarise(data: bytes) -> dict[str, Any]:
    """About a model of any version, ready for JSON. KModelError when it is not one or is damaged."""
    kind, reason = parse.identify(data)
    if kind is parse.Kind.SWAPPED:
        return summarise(parse.swap_words(data)) | {"swapped": True}
    if kind is parse.Kind.V4:
        return describe_v4(v4.parse(data))
    if kind is parse.Kind.V5:
        return describe_v5(v5.parse(data))
    if kind is not parse.Kind.V3:
        raise KModelError(reason or kind.value)
    told = describe(parse.parse(data))
    return told | {"inputs": [told["input"]], "length": len(data)}


def describe_v4(model: ModelV4) -> dict[str, Any]:
    """Everything about a kmodel V4, with the keys that V3 has."""
    first, end = model.kpu_rows()
    inputs = [{"shape": _short(shape), "type": v4.TYPES[place.datatype], "memory": v4.MEMORIES[place.memory],
               "address": place.start, "size": place.size} for place, shape in model.inputs]
    outputs = [{"shape": _short(model.output_shape(i)), "type": v4.TYPES[out.datatype], "address": out.start,
                "size": out.size} for i, out in enumerate(model.outputs)]
    return {
        "version": model.version,
        "length": model.length,
        "target": ("cpu", "k210")[model.target],
        "main_memory": model.main_memory,
        "kpu_memory": layout.ROW * (end - first),
        "constants": model.constants,
        "inputs": inputs,
        "outputs": outputs,
        "macs": sum(node.macs for node in model.nodes),
        "layers": [_describe_node(node) for node in model.nodes],
        "warnings": model.warnings,
    }


def describe_v5(model: ModelV5) -> dict[str, Any]:
    """Everything about a kmodel V5. Its layers are per function: `records` of k210, `steps` of stackvm."""
    first, end = model.kpu_rows()
    modules = [
        {"type": module.type, "position": module.position, "size": module.size, "data": module.data,
         "pools": {v5.POOLS[location]: size for location, size in module.pools.items()},
         "sections": {name: {"position": at, "size": size} for name, (at, size) in module.sections.items()},
         "functions": [_describe_function(function) for function in module.functions]}
        for module in model.modules
    ]
    return {
        "version": model.version,
        "length": model.length,
        "dialects": model.dialects,
        "alignment": model.alignment,
        "main_memory": model.main_memory,
        "kpu_memory": layout.ROW * (end - first),
        "constants": sum(module.sections.get(".rdata", (0, 0))[1] for module in model.modules),
        "inputs": [_describe_tensor(tensor) for tensor in model.entry.inputs],
        "outputs": [_describe_tensor(tensor) for tensor in model.entry.outputs],
        "macs": sum(record.macs for record in model.records()),
        "modules": modules,
        "warnings": model.warnings,
    }


def _short(shape: tuple[int, ...]) -> list[int]:
    """N,C,H,W without an N of 1."""
    return list(shape[1:] if len(shape) == 4 and shape[0] == 1 else shape)


def _describe_tensor(tensor: Tensor) -> dict[str, Any]:
    place, shape = tensor
    return {"shape": list(shape), "type": v5.DATATYPES[place.datatype], "size": place.size,
            "elements": place.size // v5.ITEM[place.datatype]}


def _describe_function(function: Function) -> dict[str, Any]:
    found: dict[str, Any] = {"inputs": [_describe_tensor(tensor) for tensor in function.inputs],
                             "outputs": [_describe_tensor(tensor) for tensor in function.outputs],
                             "entry": function.entry, "text_size": function.text_size}
    if function.records:
        found["records"] = [{"name": record.name} | _describe_work(record) for record in function.records]
    if function.steps:
        found["steps"] = [{"name": s.name, "offset": s.offset, "shapes": s.shapes} |
                          ({"call": s.call._asdict()} if s.call else {}) for s in function.steps]
    return found


def _describe_node(node: Node) -> dict[str, Any]:
    found = {"name": node.name, "position": node.position, "size": node.size, "used": node.used}
    places = [(place, False) for place in node.reads] + ([(node.write, True)] if node.write.size else [])
    memory = [{"memory": v4.MEMORIES[place.memory], "type": v4.TYPES[place.datatype], "address": place.start,
               "size": place.size, "write": write} for place, write in places]
    return found | _describe_work(node) | {"memory": memory}


def _describe_work(work: Node | Record) -> dict[str, Any]:
    found: dict[str, Any] = {"in_shape": _short(work.in_shape or ()), "out_shape": _short(work.out_shape or ())}
    found = {key: value for key, value in found.items() if value}
    if work.record:
        found |= {"record": dataclasses.asdict(work.record), "words": work.record.encode(), "macs": work.macs,
                  "batches": work.batches}
    return found


@dataclass(frozen=True)
class Need:
    """One question of whether a model fits: what it needs and what there is."""

    what: str
    needs: int
    has: int

    @property
    def fits(self) -> bool:
        return self.needs <= self.has


def check(told: dict[str, Any], size: int, address: int | None, area: Area | None, flash_size: int,
          memory: int) -> list[Need]:
    """Whether a model of `size` bytes fits at `address`, in KPU RAM and in `memory` bytes; `area` is for models."""
    needs = []
    if address is not None:
        inside = area is not None and area.start <= address < area.end
        end = area.end if area and inside else flash_size
        needs.append(Need(f"flash from 0x{address:x} to 0x{end:x}", size, max(0, end - address)))
        if area and not inside:
            needs.append(Need(f"bytes of the models area 0x{area.start:x} to 0x{area.end:x} from there", size, 0))
    needs.append(Need("KPU memory", told["kpu_memory"], KPU_RAM))
    needs.append(Need("memory, with the model loaded into it", size + told["main_memory"], memory))
    return needs


def _describe_layer(layer: Layer) -> dict[str, Any]:
    found: dict[str, Any] = {"name": layer.NAME, "position": layer.position, "used": layer.used_size()}
    if isinstance(layer, Conv):
        found |= {"to_main": layer.to_main, "record": dataclasses.asdict(layer.record), "words": layer.record.encode()}
        found |= {"macs": layer.record.macs, "weights": len(layer.weights)}
    else:
        scalars = {f.name: getattr(layer, f.name) for f in dataclasses.fields(layer)}
        found |= {k: v for k, v in scalars.items() if isinstance(v, (int, float)) and k not in ("flags", "position")}
    found["memory"] = [{"name": s.name, "address": s.address, "size": s.size, "write": s.write} for s in layer.spans()]
    return found


def summary(layer: Layer) -> str:
    """One line about a layer's work."""
    if isinstance(layer, Conv):
        target = f", main {layer.out}" if layer.to_main else ""
        return _convolution(layer.record, str(layer.in_shape()), str(layer.out_shape()), target)
    spans = list(layer.spans())
    places = [f"{s.name} {s.address}+{s.size}" for s in spans if not s.write]
    places += [f"→ {s.address}+{s.size}" for s in spans if s.write]
    row = getattr(layer, "row", None)
    return " ".join(places) + (f" → row {row}" if row is not None else "")


def summary_of_node(told: dict[str, Any]) -> str:
    """One line about a node of V4, a record or a step of V5, from its description."""
    if "record" in told:
        target = "".join(f", main {place['address']}" for place in told.get("memory", []))
        batches = f", {told['batches']} batches" if told["batches"] > 1 else ""
        return _convolution(KpuLayer(**told["record"]), _axes(told["in_shape"]), _axes(told["out_shape"]),
                            target + batches)
    if "call" in told:
        return f"function {told['call']['function']} of module {told['call']['module']}"
    if "shapes" in told:
        return _axes(told["shapes"][0]) if told["shapes"] else ""
    shapes = " → ".join(_axes(told[key]) for key in ("in_shape", "out_shape") if key in told)
    places = [f"{place['memory'].split()[0]} {place['address']}+{place['size']}" for place in told.get("memory", [])]
    moved = " ".join(places[:-1]) + f" → {places[-1]}" if places else ""
    return ", ".join(part for part in (shapes, moved) if part)


def _axes(shape: list[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _convolution(r: KpuLayer, source: str, target: str, extra: str) -> str:
    kind = f"{r.kernel}x{r.kernel}{' depthwise' if r.depthwise else ''}"
    pool = f", {layout.POOL_NAMES[r.pool_type]}" if r.pool_type else ""
    loads = f", {r.loads} weight loads" if r.loads > 1 else ""
    return f"{kind} {source} → {target}{pool}, rows {r.src_row} → {r.dst_row}{extra}{loads}"


def save_result(result: Result, directory: Path) -> list[Path]:
    """Write `output<i>.bin` (f32) and `layer<n>.bin` (u8, C,H,W) for every KPU layer."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for index, values in enumerate(result.outputs):
        written.append(directory / f"output{index}.bin")
        written[-1].write_bytes(values.tobytes())
    for out in result.kpu:
        written.append(directory / f"layer{out.layer}.bin")
        written[-1].write_bytes(out.pixels.tobytes())
    return written
