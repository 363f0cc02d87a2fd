"""Tests on a K210 board or the emulated one: the board under test, and a pytest plugin that supplies it."""

from .dut import PROMPT, Crashed, Dut, DutError, ExecError
from .link import BoardLost, EmulatedLink, SerialLink

__all__ = ["PROMPT", "BoardLost", "Crashed", "Dut", "DutError", "EmulatedLink", "ExecError", "SerialLink"]
