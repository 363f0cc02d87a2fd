"""What the command line does with models, as functions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpupy import kfpkg
from kpupy.kmodel import layout, parse
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3 import ModelV3
from kpupy.kmodel.v3_base import Layer
from kpupy.kmodel.v3_kpu import Conv

if TYPE_CHECKING:
    from kpupy.kmodel.reference import Result


def read(path: Path) -> bytes:
    """The bytes of a model file, or of the only model in a .kfpkg."""
    data = path.read_bytes()
    if parse.identify(data).kind is not parse.Kind.PACKAGE:
        return data
    found = [m for m in kfpkg.read(path) if parse.identify(m.data).kind in (parse.Kind.V3, parse.Kind.SWAPPED)]
    if len(found) != 1:
        names = ", ".join(m.name for m in found) or "none"
        raise KModelError(f"{path.name} must hold exactly one kmodel V3 to be read directly; it holds: {names}")
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
