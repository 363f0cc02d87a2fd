"""The KPU model against nncase 1.9.0's simulator, on layers that cover every pool code, kernel, kind and table."""

from __future__ import annotations

import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kpu"))

import kpu_goldens as goldens
import kpu_layers as layers
import kpu_model as model

PARTS = 8


def first_difference(layer: layers.Layer, ours: bytes, theirs: bytes) -> str:
    at = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
    line, x = divmod(at, layer.out_width)
    o, y = divmod(line, layer.out_height)
    differing = sum(a != b for a, b in zip(ours, theirs, strict=True))
    return f"{differing} of {len(ours)} bytes differ, first channel {o} ({x}, {y}): {ours[at]}, not {theirs[at]}"


def check(golden: goldens.Golden, path: int) -> str | None:
    layer = layers.golden_layer(golden.index)
    assert layer.digest() == golden.layer, f"layer {golden.index} is not the one that the goldens were made with"
    output, events = model.run(layer, path=path)
    if zlib.crc32(output) == golden.crc and events == 0:
        return None
    text = f"layer {golden.index} ({layer.table}, pool {layer.pool}, {layer.kernel}x{layer.kernel}"
    text += f"{', depthwise' if layer.depthwise else ''}): "
    if events:
        return text + f"events {events}"
    return text + (first_difference(layer, output, golden.output) if golden.output else "CRC differs")


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("path", [model.FAST, model.REFERENCE], ids=["fast", "reference"])
def test_outputs_equal_those_of_nncase(path: int, part: int) -> None:
    wrong = [text for golden in goldens.read() if golden.index % PARTS == part and (text := check(golden, path))]
    assert not wrong, "\n".join(wrong[:20])


def test_the_set_covers_what_it_should() -> None:
    every = list(goldens.read())
    assert [golden.index for golden in every] == list(range(goldens.COUNT))
    seen: Counter[tuple[object, ...]] = Counter()
    for golden in every:
        layer = layers.golden_layer(golden.index)
        seen[layer.pool, layer.kernel, layer.depthwise] += 1
        seen[layer.table,] += 1
    assert len([key for key in seen if len(key) == 3]) == 10 * 2 * 2
    assert len([key for key in seen if len(key) == 1]) == len(layers.TABLES)
    assert min(seen.values()) >= 20


def test_outputs_are_not_trivial() -> None:
    """A comparison of saturated outputs would prove little."""
    varied = sum(golden.output is not None and len(set(golden.output)) > 8 for golden in goldens.read())
    assert varied > goldens.COUNT // goldens.WHOLE_EVERY // 2
