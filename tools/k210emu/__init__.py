"""An emulated Kendryte K210 board that runs unmodified firmware images."""

from .machine import EmulationError, Machine, Pad, Stop

__all__ = ["EmulationError", "Machine", "Pad", "Stop"]
