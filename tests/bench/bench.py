#!/usr/bin/env python3
"""Measures the firmware and the emulator and prints one table of figures.

Times of the firmware are emulated: CPU cycles of the board's own clock, the same in every run. Only the speed of the
emulator and of the KPU model are wall-clock figures. `--check` fails when a figure misses its aim; those are ratios or
emulated figures, never wall-clock times.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from board import Board, Clocks
from kpupy.kmodel.parse import parse
from models import BenchModel, bench_models, gray_image, padded_model

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL_AT = 0x300000
KPU_SPEEDUP_AIM = 10.0


@dataclass
class Figure:
    """One row of the table. `aim` is a bound in the figure's unit; `least` says which side of it is good."""

    group: str
    name: str
    value: float
    unit: str
    aim: float | None = None
    least: bool = False

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        return self.value >= self.aim if self.least else self.value <= self.aim


def number(value: float) -> str:
    """Three significant digits for small numbers, all digits before the point for large ones."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def show(figures: list[Figure]) -> None:
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            print(f"\n{group}")
        aim = ""
        if figure.aim is not None:
            aim = f"  aim {'>=' if figure.least else '<='} {number(figure.aim)}: {'met' if figure.met else 'MISSED'}"
        print(f"  {figure.name:46} {number(figure.value):>12} {figure.unit:12}{aim}")


def firmware_size(directory: pathlib.Path) -> list[Figure]:
    """Bytes by section; what is in the image counts against the aim, .bss only against the RAM."""
    lines = subprocess.run(["riscv64-unknown-elf-size", "-A", "-d", str(directory / "firmware.elf")],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    figures = []
    for line in lines:
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith(".") and int(fields[2]) >= 0x80000000 and int(fields[1]):
            figures.append(Figure("Firmware size", fields[0], int(fields[1]), "bytes"))
    image = (directory / "firmware.bin").stat().st_size
    return [*figures, Figure("Firmware size", "image", image, "bytes", aim=512 * 1024)]


def start_and_memory(board: Board, boot_ms: float) -> list[Figure]:
    free, largest = board.value("import kpupy, gc\ngc.collect()\nprint(tuple(kpupy.heap()))")
    python_free = board.value("import gc\nprint(gc.mem_free())")
    group = "Start and memory"
    return [
        Figure(group, "reset to prompt, file system mounted", boot_ms, "ms", aim=150),
        Figure(group, "C heap free at the prompt", free, "bytes"),
        Figure(group, "C heap, largest block", largest, "bytes"),
        Figure(group, "Python heap free (grows out of the C heap)", python_free, "bytes"),
        Figure(group, "largest model that loads", largest_model(board), "bytes"),
    ]


def largest_model(board: Board) -> int:
    """Bytes of the largest V3 model that KPU.load takes at the prompt, to 4 KiB."""
    low, high = 0, 6 << 20
    while high - low > 4096:
        size = (low + high) // 2
        board.put_model(MODEL_AT, padded_model(size))
        loaded = board.value("import KPU, gc\ntry:\n m = KPU.load(0x300000)\n KPU.deinit(m)\n r = 1\n"
                                  "except ValueError as e:\n r = 0\n gc.collect()\nprint(r)")
        low, high = (size, high) if loaded == 1 else (low, size)
    return low


def image_kernels(board: Board, clocks: Clocks) -> list[Figure]:
    """CPU cycles per pixel of the image, from the board's microsecond clock over several rounds."""

    def per_pixel(setup: str, call: str, pixels: int, rounds: int) -> float:
        us = board.value(
            f"import image, time\n{setup}\n{call}\nt = time.ticks_us()\nfor _ in range({rounds}):\n {call}\n"
            "print(time.ticks_diff(time.ticks_us(), t))", timeout_ms=60_000)
        return us * 1e-6 * clocks.cpu / (pixels * rounds)

    group = "Image kernels"
    qvga = "i = image.Image(size=(320, 240))"
    return [
        Figure(group, "pix_to_ai, 320x240 RGB565", per_pixel(qvga, "i.pix_to_ai()", 320 * 240, 20), "cycles/pixel",
               aim=6),
        Figure(group, "resize 320x240 to 224x224 RGB565", per_pixel(qvga, "i.resize(224, 224)", 224 * 224, 4),
               "cycles/pixel"),
        Figure(group, "resize 28x28 to 112x112 grayscale",
               per_pixel(gray_image(28, 28), "i.resize(112, 112)", 112 * 112, 4), "cycles/pixel"),
    ]


def forward(board: Board, clocks: Clocks, model: BenchModel) -> list[Figure]:
    """One warm forward: its CPU cycles, the KPU's clocks (from the device model), and the KPU's share of the time."""
    board.put_model(MODEL_AT, model.data)
    board.run(f"import KPU, image, gc, time\ngc.collect()\nm = KPU.load(0x300000)\n{model.input_code}\n"
              "f = KPU.forward(m, i)")
    before = board.kpu_clocks()
    us = board.value("t = time.ticks_us()\nf = KPU.forward(m, i)\nprint(time.ticks_diff(time.ticks_us(), t))",
                          timeout_ms=60_000)
    kpu_seconds = (kpu := board.kpu_clocks() - before) / clocks.kpu
    board.run("KPU.deinit(m)\ndel m, f, i\ngc.collect()")
    group = f"Model {model.name} ({len(model.data)} bytes)"
    return [
        Figure(group, "forward", us / 1000, "ms"),
        Figure(group, "KPU", kpu, "KPU clocks"),
        Figure(group, "CPU outside the KPU", max(0.0, us * 1e-6 - kpu_seconds) * clocks.cpu, "CPU cycles"),
        Figure(group, "share of the KPU in forward", 100 * kpu_seconds / (us * 1e-6), "%",
               aim=model.share_aim, least=True),
    ]


def emulator_speed(board: Board) -> list[Figure]:
    """Wall-clock speed of emulated code: a Python loop on the board, and memory kernels in C."""
    figures = []
    for name, code in (("interpreter loop", "s = 0\nfor k in range(3_000_000): s += k"),
                       ("image kernels", "import image\ni = image.Image(size=(320, 240))\n"
                                         "for k in range(300): i.pix_to_ai()")):
        instructions, started = board.instructions, time.perf_counter()
        board.run(code, timeout_ms=600_000)
        seconds = time.perf_counter() - started
        rate = (board.instructions - instructions) / seconds
        figures.append(Figure("Emulator speed (wall clock)", f"{name}: instructions", rate / 1e6, "million/s"))
        figures.append(Figure("Emulator speed (wall clock)", f"{name}: of a 400 MHz K210", rate / 400e6, "times"))
    return figures


def kpu_model_speed() -> list[Figure]:
    """The KPU model against nncase's simulator on the same layers; the aim is for the layers of real networks."""
    result = subprocess.run([sys.executable, str(ROOT / "tests/bench/bench_kpu.py"), "--json"], capture_output=True,
                            text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"bench_kpu.py failed:\n{result.stdout}{result.stderr}")
    report = json.loads(result.stdout)
    if report["nncase_missing"]:
        print(f"no comparison with nncase's simulator: {report['nncase_missing']}", file=sys.stderr)
    group = "KPU model speed (wall clock)"
    figures = []
    for row in report["kpu"]:
        figures.append(Figure(group, row["name"], row["macs"] / row["ours"] / 1e9, "GMAC/s"))
        if row["ratio"]:
            aim = KPU_SPEEDUP_AIM if row["name"] == "all shapes" else None
            figures.append(Figure(group, "  times nncase 1.9.0's simulator", row["ratio"], "times", aim, least=True))
    return figures


def measure(arguments: argparse.Namespace) -> list[Figure]:
    directory = ROOT / "build/firmware" / arguments.board
    figures = firmware_size(directory)
    with Board(arguments.board, directory / "firmware.img") as board:
        boot_ms = board.boot_ms()
        clocks = board.clocks()
        figures += start_and_memory(board, boot_ms)
        figures += image_kernels(board, clocks)
        for model in bench_models(arguments.models):
            parse(model.data)  # a broken model is a fault of the bench, not a figure
            figures += forward(board, clocks, model)
        figures += emulator_speed(board)
    if not arguments.quick:
        figures += kpu_model_speed()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--board", default="maix_bit", help="board whose firmware is measured (default: %(default)s)")
    parser.add_argument("--models", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("KPUPY_MODELS", ROOT.parent / "shared" / "models")),
                        help="directory of models by others (default: $KPUPY_MODELS); left out when absent")
    parser.add_argument("--quick", action="store_true", help="leave out the comparison with nncase's simulator")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--check", action="store_true", help="fail when a figure misses its aim")
    arguments = parser.parse_args()
    figures = measure(arguments)
    if arguments.json:
        rows: list[dict[str, Any]] = [asdict(figure) | {"met": figure.met} for figure in figures]
        print(json.dumps(rows, indent=2))
    else:
        show(figures)
    missed = [figure.name for figure in figures if figure.met is False]
    if missed:
        print(f"\nMissed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
