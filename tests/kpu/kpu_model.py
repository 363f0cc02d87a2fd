"""The KPU model by itself, for tests: builds its C sources and runs single layers through ctypes."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
from pathlib import Path

from kpu_layers import Layer, layout, map_rows

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tools" / "k210emu" / "src"
PARTS = ("layer", "check", "run", "reference", "fast", "band", "gemm", "pool", "stairs")
AI_RAM_BYTES = 0x200000
MEMORY_BASE = 0x40000000
U_RANGE, V_RANGE, NO_SEGMENT = 1, 2, 4
FAST, REFERENCE = 0, 1


@functools.cache
def library() -> ctypes.CDLL:
    """The model's library, compiled anew when a source is younger."""
    sources = [SOURCES / f"kpu_{part}.c" for part in PARTS]
    target = ROOT / "build" / "kpu" / "libkpu.so"
    newest = max(path.stat().st_mtime for path in SOURCES.glob("kpu_*"))
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([os.environ.get("CC", "cc"), *flags, *map(str, sources), "-o", str(partial)], check=True)
        partial.rename(target)
    lib = ctypes.CDLL(str(target))
    lib.kpu_describe_layer.restype = ctypes.c_uint64
    return lib


def pack(layer: Layer, row: int, ai_ram: bytearray) -> None:
    """Writes the layer's input to AI RAM at a row."""
    group, lines = layout(layer.width)
    for c in range(layer.channels):
        for y in range(layer.height):
            at = ROW_BYTES * (row + c // group * lines * layer.height + y * lines) + c % group * (ROW_BYTES // group)
            line = (c * layer.height + y) * layer.width
            ai_ram[at : at + layer.width] = layer.pixels[line : line + layer.width]


ROW_BYTES = 64


def unpack(ai_ram: bytes | bytearray, row: int, width: int, height: int, channels: int) -> bytes:
    """Reads a map out of AI RAM, planar."""
    group, lines = layout(width)
    out = bytearray()
    for c in range(channels):
        for y in range(height):
            at = ROW_BYTES * (row + c // group * lines * height + y * lines) + c % group * (ROW_BYTES // group)
            out += ai_ram[at : at + width]
    return bytes(out)


def aligned(memory: bytearray, alignment: int, data: bytes) -> int:
    """Appends at an aligned offset; returns the bus address."""
    memory.extend(bytes(-len(memory) % alignment))
    address = MEMORY_BASE + len(memory)
    memory.extend(data)
    return address


def run_words(
    words: list[int],
    ai_ram: bytearray,
    memory: bytes | bytearray,
    eight_bit: bool,
    profile: str = "B",
    path: int = FAST,
) -> int:
    """Runs raw words; returns the event bits or a negative error (kpu_run.h)."""
    ram = (ctypes.c_char * AI_RAM_BYTES).from_buffer(ai_ram)
    packed = (ctypes.c_uint64 * 12)(*words)
    data = bytes(memory)
    events: int = library().kpu_run_layer(
        packed, ram, data, ctypes.c_uint32(MEMORY_BASE), ctypes.c_uint32(len(data)), eight_bit, ord(profile), path
    )
    return events


def run(layer: Layer, profile: str = "B", path: int = FAST, source: int = 0) -> tuple[bytes, int]:
    """Output (planar) and events of a layer whose output lies behind its input."""
    ai_ram, memory = bytearray(AI_RAM_BYTES), bytearray()
    target = source + map_rows(layer.width, layer.height, layer.channels)
    pack(layer, source, ai_ram)
    words = layer.words(
        source,
        target,
        weights=aligned(memory, 8, layer.weights),
        norm=aligned(memory, 8, layer.norm_bytes()),
        activation=aligned(memory, 256, layer.activation_bytes()),
    )
    events = run_words(words, ai_ram, memory, layer.eight_bit, profile, path)
    if events < 0:
        raise RuntimeError(f"kpu_run_layer: error {events}")
    return unpack(ai_ram, target, layer.out_width, layer.out_height, layer.outputs), events


def describe(words: list[int], eight_bit: bool = True) -> tuple[int, list[str]]:
    """Clocks of a layer and the sentences about what is wrong with its words."""
    text = ctypes.create_string_buffer(8192)
    clocks = library().kpu_describe_layer((ctypes.c_uint64 * 12)(*words), eight_bit, text, len(text))
    return clocks, text.value.decode().splitlines()
