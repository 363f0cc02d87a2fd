#!/usr/bin/env python3
"""Speed of the KPU model against nncase 1.9.0's simulator on the same layers, in one run."""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "kpu"))

import kpu_model as model
from kpu_layers import Layer, Norm, Random, Segment, finish, golden_layer, map_rows
from kpu_oracle import OracleMissing, simulate

# width, height, channels, outputs, kernel, depthwise, pool: face detectors, classifiers and YOLOs at usual sizes
SHAPES = [
    (320, 240, 3, 16, 3, False, 1),
    (160, 120, 16, 16, 3, True, 0),
    (160, 120, 16, 32, 1, False, 1),
    (80, 60, 32, 32, 3, True, 0),
    (80, 60, 32, 64, 1, False, 0),
    (40, 30, 128, 128, 3, True, 0),
    (40, 30, 128, 128, 1, False, 1),
    (20, 15, 256, 256, 1, False, 0),
    (224, 224, 3, 24, 3, False, 5),
    (56, 56, 64, 64, 3, False, 0),
    (28, 28, 128, 128, 3, False, 1),
    (14, 14, 256, 256, 3, False, 9),
    (7, 7, 512, 512, 1, False, 0),
]
RANDOM_LAYERS = 200
RUNS = 3


@dataclass
class Result:
    name: str
    layers: int
    macs: int
    ours: float  # seconds
    nncase: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.nncase / self.ours if self.nncase else None

    def line(self) -> str:
        text = f"{self.name:34} {self.layers / self.ours:9.0f} {self.macs / self.ours / 1e9:7.2f}"
        if self.nncase:
            text += f" {self.layers / self.nncase:9.0f} {self.macs / self.nncase / 1e9:7.2f} {self.ratio:6.1f}"
        return text


def usual_layer(index: int) -> Layer:
    """Arguments as compilers write them, and an activation of 15 rising segments like a fitted one."""
    width, height, channels, outputs, kernel, depthwise, pool = SHAPES[index]
    layer = Layer(width, height, channels, outputs, kernel, depthwise, pool, pad=9, arg_x=-128, arg_w=-9)
    layer.arg_add = kernel**2 * 128 * 9
    layer = finish(Random(index), layer, "smooth")
    spread = max(abs(layer.u(o % outputs, 3 * o % height, 5 * o % width)) for o in range(20))
    layer.norms = [Norm(2**30 // spread >> 8, 0, 0)] * outputs
    layer.segments = [Segment(-(2**35), 0, 0, 0)]
    layer.segments += [Segment((i - 7) << 20, 5 + i, 18, 20 + i * (4 + i // 2)) for i in range(15)]
    return layer


def our_seconds(layer: Layer) -> float:
    """The best of some runs, from AI RAM to AI RAM."""
    ai_ram, memory = bytearray(model.AI_RAM_BYTES), bytearray()
    model.pack(layer, 0, ai_ram)
    weights, norm = model.aligned(memory, 8, layer.weights), model.aligned(memory, 8, layer.norm_bytes())
    activation = model.aligned(memory, 256, layer.activation_bytes())
    target = map_rows(layer.width, layer.height, layer.channels)
    words = (ctypes.c_uint64 * 12)(*layer.words(0, target, weights, norm, activation))
    ram, data = (ctypes.c_char * len(ai_ram)).from_buffer(ai_ram), bytes(memory)
    base, size, profile = ctypes.c_uint32(model.MEMORY_BASE), ctypes.c_uint32(len(data)), ord("B")
    run, best = model.library().kpu_run_layer, float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        events = run(words, ram, data, base, size, 1, profile, model.FAST)
        best = min(best, time.perf_counter() - start)
        if events:
            raise RuntimeError(f"layer {layer.width}x{layer.height}x{layer.channels}: events {events}")
    return best


def measure(groups: dict[str, list[Layer]]) -> tuple[list[Result], str | None]:
    """Results by group, and why nncase is missing if it is. Outputs that differ are an error."""
    layers = [layer for group in groups.values() for layer in group]
    reason, theirs = None, None
    try:
        theirs = simulate(layers, RUNS)
        first = next(theirs)
    except OracleMissing as error:
        reason, theirs = str(error), None
    results = []
    for name, group in groups.items():
        result = Result(name, len(group), sum(layer.macs for layer in group), 0.0, 0.0 if theirs else None)
        for layer in group:
            result.ours += our_seconds(layer)
            if theirs and result.nncase is not None:
                output, seconds = first if layer is layers[0] else next(theirs)
                result.nncase += seconds
                if output != model.run(layer)[0]:
                    raise RuntimeError(f"{name}: the output differs from nncase's")
        results.append(result)
    return results, reason


def name_of(layer: Layer) -> str:
    kind = "depthwise " if layer.depthwise else ""
    shape = f"{layer.width}x{layer.height}x{layer.channels}"
    return f"{kind}{layer.kernel}x{layer.kernel} {shape} -> {layer.outputs}, pool {layer.pool}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    usual = [usual_layer(index) for index in range(len(SHAPES))]
    groups = {name_of(layer): [layer] for layer in usual}
    groups[f"{RANDOM_LAYERS} small random layers"] = [golden_layer(index) for index in range(RANDOM_LAYERS)]
    results, reason = measure(groups)
    shaped = results[:-1]
    nncase = None if reason else sum(r.nncase or 0 for r in shaped)
    total = Result("all shapes", len(shaped), sum(r.macs for r in shaped), sum(r.ours for r in shaped), nncase)
    if arguments.json:
        rows = [asdict(result) | {"ratio": result.ratio} for result in [*results, total]]
        print(json.dumps({"kpu": rows, "nncase_missing": reason}))
        return 0
    print(f"{'KPU model':34} {'layers/s':>9} {'GMAC/s':>7}" + (" | nncase 1.9.0's  ratio" if not reason else ""))
    for result in [*results, total]:
        print(result.line())
    if reason:
        print(f"no comparison: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
