"""The emulated board as the bench uses it: Python code in, figures out, device counters beside it."""

from __future__ import annotations

import ast
import pathlib
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from k210emu import Machine
from kpupy.testing import Dut, EmulatedLink


@dataclass
class Clocks:
    """In Hz."""

    cpu: int
    kpu: int


class Board:
    """A board with the firmware in its flash and an empty, mounted file system."""

    def __init__(self, board: str, image: pathlib.Path) -> None:
        self.machine = Machine(board=board)
        self.machine.write_flash(0, image.read_bytes())
        self.dut = Dut(EmulatedLink(self.machine))

    def __enter__(self) -> Board:
        self.dut.boot(timeout_ms=20_000)  # makes the file system
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.machine.close()

    def boot_ms(self) -> float:
        """Emulated milliseconds from the release of reset to the prompt's last character."""
        before = self.machine.now_ms
        self.dut.hard_reset()
        self.machine.run_until(">>> ", timeout_ms=5_000)
        return self.machine.now_ms - before

    def clocks(self) -> Clocks:
        clocks = self._devices()["sysctl"]["clocks"]
        return Clocks(cpu=clocks["cpu"], kpu=clocks["ai"])

    def kpu_clocks(self) -> int:
        """Clocks the KPU has computed for since power-on."""
        return int(self._devices()["kpu"]["busy_clocks"])

    @property
    def instructions(self) -> int:
        return self.machine.instructions

    def put_model(self, address: int, data: bytes) -> None:
        self.machine.write_flash(address, data)

    def run(self, code: str, timeout_ms: float = 60_000) -> str:
        return self.dut.exec(code, timeout_ms)

    def value(self, code: str, timeout_ms: float = 60_000) -> Any:
        """The Python literal that `code` prints last."""
        return ast.literal_eval(self.run(code, timeout_ms).strip().splitlines()[-1])

    def _devices(self) -> dict[str, Any]:
        devices: dict[str, Any] = self.machine.state()["devices"]
        return devices
