"""The ESP8285 or ESP32 beside an emulated K210: its boot loader answers on the pads that the board wires to it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Machine

SIZES = {"1MB": 1 << 20, "2MB": 2 << 20, "4MB": 4 << 20, "8MB": 8 << 20, "16MB": 16 << 20}
DEFAULT_SIZE = {"esp8266": "1MB", "esp32": "4MB"}


class Config(ctypes.Structure):
    """esp_config_t of src/emu.h."""

    _fields_ = (("esp32", ctypes.c_bool), ("tx_pad", ctypes.c_uint), ("rx_pad", ctypes.c_uint),
                ("en_pad", ctypes.c_int), ("boot_pad", ctypes.c_int), ("strap_pad", ctypes.c_int),
                ("flash", ctypes.c_void_p), ("flash_size", ctypes.c_uint32))


class Esp:
    """The part as the board's `esp` object describes it; its flash is erased at first."""

    def __init__(self, machine: Machine, settings: dict[str, Any]) -> None:
        self._machine = machine
        size = settings.get("flash", {}).get("size")
        self.flash = bytearray(b"\xff") * SIZES.get(size, SIZES[DEFAULT_SIZE[settings["chip"]]])
        self._buffer = (ctypes.c_uint8 * len(self.flash)).from_buffer(self.flash)
        config = Config(settings["chip"] == "esp32", settings["uart"]["rx"], settings["uart"]["tx"],
                        _pad(settings["en"]), _pad(settings["gpio0"]), _pad(settings["gpio15"]),
                        ctypes.addressof(self._buffer), len(self.flash))
        self._handle = machine._lib.emu_attach_esp(machine._emu, ctypes.byref(config))

    def ground_gpio0(self, grounded: bool = True) -> None:
        """What a person does with a wire where the K210 does not reach GPIO0; counts at the next reset."""
        with self._machine.lock:
            self._machine._lib.emu_esp_jumper(self._handle, grounded)

    def power_cycle(self) -> None:
        with self._machine.lock:
            self._machine._lib.emu_esp_power_cycle(self._handle)


def _pad(number: int | None) -> int:
    return -1 if number is None else number
