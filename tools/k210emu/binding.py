"""The library's interface (src/emu_api.h) for ctypes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_int, c_uint, c_uint32, c_uint64, c_void_p
from functools import cache

from . import build

NEVER = 2**64 - 1

_FUNCTIONS = {
    "emu_create": (c_void_p, [c_uint, c_bool, c_int, c_void_p, c_uint32]),
    "emu_destroy": (None, [c_void_p]),
    "emu_boot": (None, [c_void_p, c_int]),
    "emu_start": (None, [c_void_p, c_uint64]),
    "emu_run": (c_int, [c_void_p, c_uint64, c_bool]),
    "emu_stop": (None, [c_void_p]),
    "emu_idle": (c_bool, [c_void_p]),
    "emu_next_event": (c_uint64, [c_void_p]),
    "emu_now": (c_uint64, [c_void_p]),
    "emu_cycle_count": (c_uint64, [c_void_p]),
    "emu_cycles_of_ps": (c_uint64, [c_void_p, c_uint64]),
    "emu_instruction_count": (c_uint64, [c_void_p]),
    "emu_clock_hz": (c_uint64, [c_void_p, c_int]),
    "emu_stop_on_text": (None, [c_void_p, c_char_p, c_uint64, c_uint64]),
    "emu_serial_send": (None, [c_void_p, c_int, c_char_p, c_uint64]),
    "emu_serial_queued": (c_uint64, [c_void_p, c_int]),
    "emu_serial_output": (c_uint64, [c_void_p, c_int, POINTER(c_void_p)]),
    "emu_port_send": (None, [c_void_p, c_char_p, c_uint64, c_uint32]),
    "emu_port_queued": (c_uint64, [c_void_p]),
    "emu_port_set_rate": (None, [c_void_p, c_uint32]),
    "emu_port_output": (c_uint64, [c_void_p, POINTER(c_void_p)]),
    "emu_hold_reset": (None, [c_void_p, c_bool]),
    "emu_memory_read": (c_bool, [c_void_p, c_uint64, c_char_p, c_uint64]),
    "emu_memory_write": (c_bool, [c_void_p, c_uint64, c_char_p, c_uint64]),
    "emu_register": (c_uint64, [c_void_p, c_uint, c_uint]),
    "emu_asleep": (c_bool, [c_void_p, c_uint]),
    "emu_pad_drive": (None, [c_void_p, c_uint, c_bool]),
    "emu_pad_release": (None, [c_void_p, c_uint]),
    "emu_pad_level": (c_bool, [c_void_p, c_uint]),
    "emu_audio_feed": (c_bool, [c_void_p, c_uint, c_uint, c_char_p, c_uint64]),
    "emu_audio_recorded": (c_uint64, [c_void_p, c_uint, c_uint, POINTER(c_void_p)]),
    "emu_otp": (c_void_p, [c_void_p]),
    "emu_fuses": (c_void_p, [c_void_p]),
    "emu_spi_slave_exchange": (c_uint32, [c_void_p, c_uint32, c_uint]),
    "emu_spi_wire_slave": (None, [c_void_p, c_uint, c_uint]),
    "emu_camera_attach": (None, [c_void_p, c_void_p]),
    "emu_i2c_attach": (None, [c_void_p, c_uint, c_uint, c_uint, c_void_p]),
    "emu_jumper": (c_bool, [c_void_p, c_uint, c_uint]),
    "emu_set_flash_speed": (None, [c_void_p, c_uint32]),
    "emu_cut_power_after": (None, [c_void_p, c_uint32]),
    "emu_attach_esp": (c_void_p, [c_void_p, c_void_p]),
    "emu_esp_jumper": (None, [c_void_p, c_bool]),
    "emu_esp_power_cycle": (None, [c_void_p]),
    "emu_state": (c_char_p, [c_void_p]),
    "emu_report_count": (c_uint, [c_void_p]),
    "emu_report": (c_char_p, [c_void_p, c_uint]),
    "emu_rom_note": (c_char_p, [c_void_p]),
}


@cache
def library() -> ctypes.CDLL:
    lib = ctypes.CDLL(str(build.library()))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments
    return lib
