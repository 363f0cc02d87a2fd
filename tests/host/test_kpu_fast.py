"""The KPU model's fast path against its plain reference, to the byte and to the diagnostic."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kpu"))

import kpu_model as model
from kpu_layers import Layer, Random, finish, map_rows, stress_layer

LAYERS, PARTS = 3200, 8


def differences(layer: Layer, profile: str, name: str) -> list[str]:
    fast, fast_events = model.run(layer, profile)
    slow, slow_events = model.run(layer, profile, model.REFERENCE)
    if fast == slow and fast_events == slow_events:
        return []
    count = sum(a != b for a, b in zip(fast, slow, strict=True))
    return [f"{name} {profile}: {count} of {len(slow)} bytes differ, events {fast_events}, not {slow_events}"]


def fits(layer: Layer) -> bool:
    return map_rows(layer.width, layer.height, layer.channels + layer.outputs) <= 32000


@pytest.mark.parametrize("part", range(PARTS))
def test_random_layers(part: int) -> None:
    wrong = []
    for index in range(part, LAYERS, PARTS):
        layer = stress_layer(index)
        if fits(layer):
            wrong += differences(layer, "BAT"[index % 3], f"layer {index}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("kernels", [b"avx512", b"avx2", b"portable"])
def test_every_instruction_set(kernels: bytes) -> None:
    if not model.library().kpu_gemm_choose(kernels):
        pytest.skip(f"this processor has no {kernels.decode()}")
    try:
        layers = [layer for layer in map(stress_layer, range(200)) if fits(layer)]
        assert not [text for layer in layers for text in differences(layer, "B", kernels.decode())]
    finally:
        model.library().kpu_gemm_choose(None)


def test_the_random_layers_reach_their_corners() -> None:
    seen: Counter[object] = Counter()
    for index in range(LAYERS):
        layer = stress_layer(index)
        if fits(layer):
            tabulated = layer.width * layer.height * layer.outputs >= 8192
            seen.update(["all", layer.eight_bit, f"tabulated {tabulated}", f"pool {layer.pool}", layer.table])
            seen.update([f"depthwise {layer.depthwise}", f"kernel {layer.kernel}"])
    assert seen["all"] >= 3000
    assert min(seen.values()) >= 200, seen


@pytest.mark.parametrize("eight_bit", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_largest_sums(kernel: int, eight_bit: bool) -> None:
    """1024 channels of 255 times the largest weight."""
    layer = Layer(5, 4, 1024, 5, kernel, pad=255, arg_x=2**23 - 1, arg_w=-(2**23), eight_bit=eight_bit)
    layer = finish(Random(kernel), layer, "smooth")
    layer.pixels = b"\xff" * len(layer.pixels)
    layer.weights = b"\xff" * len(layer.weights)
    assert differences(layer, "B", "largest") == []


@pytest.mark.parametrize("profile", "ABT")
def test_widest_and_tallest(profile: str) -> None:
    assert differences(finish(Random(5), Layer(1024, 9, 2, 3, 3, pool=9), "falling"), profile, "wide") == []
    assert differences(finish(Random(6), Layer(4, 512, 3, 6, 3, pool=2), "equal"), profile, "tall") == []


@pytest.mark.parametrize("path", [model.FAST, model.REFERENCE], ids=["fast", "reference"])
def test_in_place(path: int) -> None:
    """The input counts as read before the output is written: a layer in place gives what it gives elsewhere."""
    layer = finish(Random(7), Layer(40, 30, 6, 6, 3), "smooth")
    expected, _ = model.run(layer)
    ai_ram, memory = bytearray(model.AI_RAM_BYTES), bytearray()
    model.pack(layer, 50, ai_ram)
    weights, norm = model.aligned(memory, 8, layer.weights), model.aligned(memory, 8, layer.norm_bytes())
    words = layer.words(50, 50, weights, norm, model.aligned(memory, 256, layer.activation_bytes()))
    assert model.run_words(words, ai_ram, memory, True, path=path) == 0
    assert model.unpack(ai_ram, 50, 40, 30, 6) == expected


def random_words(random: Random) -> list[int]:
    """A layer of random registers: any map switches, groups and places, small enough for the reference."""
    layer = Layer(random.between(1, 90), random.between(1, 12), random.between(1, 9), random.between(1, 9))
    layer.kernel, layer.pool = random.pick((1, 3)), random.between(0, 9)
    layer.depthwise, layer.pad = random.chance(30), random.between(0, 255)
    layer.arg_x, layer.shift_x = random.between(-300, 300), random.between(0, 3)
    tables = (model.MEMORY_BASE + offset for offset in (0, 4096, 8192))
    words = layer.words(random.between(0, 32767), random.between(0, 32767), *tables)
    words[7] = words[7] & ~0x7FFFFFFF | random.u64() & 0x700F7FFF
    words[8] = random.u64() & 0x7F7FFF
    return words


@pytest.mark.parametrize("part", range(4))
def test_random_addressing_wraps_alike(part: int) -> None:
    random = Random(900 + part)
    table = finish(random, Layer(8, 8, 1, 1), "smooth").activation_bytes()
    for _ in range(60):
        words = random_words(random)
        norms = b"".join((random.between(1, 2000) | 8 << 56).to_bytes(8, "little") for _ in range(9))
        memory = random.bytes(4096) + norms.ljust(4096, b"\0") + table
        rams = [bytearray(b"\x5a" * 4096 + random.bytes(model.AI_RAM_BYTES - 4096))] * 2
        rams[1] = bytearray(rams[0])
        events = [model.run_words(words, ram, memory, True, path=path) for path, ram in enumerate(rams)]
        assert events[0] == events[1]
        assert rams[0] == rams[1], [hex(word) for word in words]


def test_a_table_outside_memory_is_an_error() -> None:
    words = Layer(8, 8, 1, 1).words(0, 100, model.MEMORY_BASE, model.MEMORY_BASE + 64, model.MEMORY_BASE + 256)
    for length in (0, 71, 399):
        assert model.run_words(words, bytearray(model.AI_RAM_BYTES), bytes(length), True) == -1
    assert model.run_words(words, bytearray(model.AI_RAM_BYTES), bytes(400), True) >= 0
