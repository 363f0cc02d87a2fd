"""Names of kpupy.testing for tests that build their own emulated machines."""

from __future__ import annotations

import kpupy.testing
from k210emu import Machine
from kpupy.testing import PROMPT, DutError, EmulatedLink, ExecError

__all__ = ["PROMPT", "Dut", "DutError", "ExecError"]


class Dut(kpupy.testing.Dut):
    def __init__(self, machine: Machine) -> None:
        super().__init__(EmulatedLink(machine))
