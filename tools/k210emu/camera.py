"""Pictures for the camera interface, from Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_PERIOD = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
_FRAME = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)
_NEVER = 2**64 - 1


class Camera(ctypes.Structure):
    """emu_camera_t of src/emu.h over a function; must live as long as the machine."""

    _fields_ = (("period", _PERIOD), ("frame", _FRAME), ("opaque", ctypes.c_void_p))

    def __init__(self, frame: Callable[[int, int], bytes | None], fps: float) -> None:
        def period(_: int | None, xclk: int) -> int:
            return int(1e12 / fps) if xclk else _NEVER

        def fill(_: int | None, width: int, height: int, target: int) -> bool:
            picture = frame(width, height)
            if picture is None or len(picture) != 3 * width * height:
                return False
            ctypes.memmove(target, picture, len(picture))
            return True

        super().__init__(_PERIOD(period), _FRAME(fill), None)
