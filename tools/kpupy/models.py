"""What the command line does with models, as functions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpupy import headers, kfpkg
from kpupy.boards import Area
from kpupy.kmodel import layout, parse
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3 import ModelV3
from kpupy.kmodel.v3_base import Layer
from kpupy.kmodel.v3_kpu import Conv

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
    """About a model of any version: V3 in full, V4 and V5 from their headers. KModelError when it is not one."""
    kind, reason = parse.identify(data)
    if kind is parse.Kind.SWAPPED:
        return summarise(parse.swap_words(data)) | {"swapped": True}
    if kind is parse.Kind.V4:
        return headers.read_v4(data) | {"complete": False}
    if kind is parse.Kind.V5:
        return headers.read_v5(data) | {"complete": False}
    if kind is not parse.Kind.V3:
        raise KModelError(reason or kind.value)
    told = describe(parse.parse(data))
    return told | {"inputs": [told["input"]], "length": len(data), "complete": True}


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
    if "kpu_memory" in told:
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
        r = layer.record
        kind = f"{r.kernel}x{r.kernel}{' depthwise' if r.depthwise else ''}"
        pool = f", {layout.POOL_NAMES[r.pool_type]}" if r.pool_type else ""
        target = f", main {layer.out}" if layer.to_main else ""
        loads = f", {r.loads} weight loads" if r.loads > 1 else ""
        shapes = f"{layer.in_shape()} → {layer.out_shape()}"
        return f"{kind} {shapes}{pool}, rows {r.src_row} → {r.dst_row}{target}{loads}"
    spans = list(layer.spans())
    places = [f"{s.name} {s.address}+{s.size}" for s in spans if not s.write]
    places += [f"→ {s.address}+{s.size}" for s in spans if s.write]
    row = getattr(layer, "row", None)
    return " ".join(places) + (f" → row {row}" if row is not None else "")


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
