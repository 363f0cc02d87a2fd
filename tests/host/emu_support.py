"""Assembles the test programs and runs them from SRAM."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from k210emu import Machine, Stop

PROGRAMS = Path(__file__).parent / "programs"
RESULT = 0x80100000


@cache
def assemble(name: str) -> bytes:
    with TemporaryDirectory() as folder:
        elf, binary = Path(folder) / "program.elf", Path(folder) / "program.bin"
        subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imafdc_zicsr_zifencei", "-mabi=lp64d",
                        "-mcmodel=medany", "-nostdlib", "-nostartfiles", "-static", f"-Wa,-I{PROGRAMS}",
                        "-Wl,-Ttext=0x80000000,--no-relax", "-o", str(elf), str(PROGRAMS / f"{name}.S")],
                       check=True, timeout=60)
        subprocess.run(["riscv64-unknown-elf-objcopy", "-O", "binary", str(elf), str(binary)], check=True, timeout=60)
        return binary.read_bytes()


def finished(machine: Machine) -> bool:
    return machine.read_u64(RESULT - 8) == 1


def run_program(machine: Machine, name: str, timeout_ms: float = 50) -> None:
    """Runs a program until it says it is done."""
    machine.load(0x80000000, assemble(name))
    machine.start(0x80000000)
    stop = machine.run_while(lambda m: not finished(m), timeout_ms=timeout_ms)
    assert stop is Stop.LIMIT


def results(machine: Machine, count: int, first: int = 0) -> list[int]:
    data = machine.read(RESULT + 8 * first, 8 * count)
    return [int.from_bytes(data[8 * i:8 * i + 8], "little") for i in range(count)]
