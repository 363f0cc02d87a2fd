"""Parts on I2C or SCCB wires, written in Python."""

from __future__ import annotations

import ctypes
from typing import Protocol

_START = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_bool)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint8)
_READ = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_STOP = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class I2cDevice(Protocol):
    """What a part does; called while the machine runs, so it must not call the machine."""

    def start(self, reading: bool) -> bool:
        """Addressed, also by a repeated START; False: no acknowledge."""

    def write(self, byte: int) -> bool:
        """False: no acknowledge."""

    def read(self) -> int: ...

    def stop(self) -> None: ...


class RegisterFile:
    """A part with byte registers: the first byte written selects one, the address counts up."""

    def __init__(self, registers: dict[int, int] | None = None) -> None:
        self.registers = bytearray(256)
        for register, value in (registers or {}).items():
            self.registers[register] = value
        self._at = 0
        self._selected = False

    def start(self, reading: bool) -> bool:
        self._selected = reading
        return True

    def write(self, byte: int) -> bool:
        if self._selected:
            self.registers[self._at] = byte
            self._at = (self._at + 1) % 256
        else:
            self._at, self._selected = byte, True
        return True

    def read(self) -> int:
        value = self.registers[self._at]
        self._at = (self._at + 1) % 256
        return value

    def stop(self) -> None:
        self._selected = False


class Part(ctypes.Structure):
    """emu_i2c_part_t of src/emu.h for a device; must live as long as the machine."""

    _fields_ = (("start", _START), ("write", _WRITE), ("read", _READ), ("stop", _STOP), ("opaque", ctypes.c_void_p))

    def __init__(self, device: I2cDevice) -> None:
        super().__init__(_START(lambda _, reading: device.start(reading)), _WRITE(lambda _, byte: device.write(byte)),
                         _READ(lambda _: device.read() & 0xFF), _STOP(lambda _: device.stop()), None)
