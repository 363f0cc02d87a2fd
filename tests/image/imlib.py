"""imlib through ctypes, with the allocator and sources the tests need."""

from __future__ import annotations

import ctypes as C
import pathlib
import subprocess
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
Array = np.ndarray[Any, Any]
BINARY, GRAYSCALE, RGB565 = 0, 1, 2
ENOMEM, EABORTED, EEND, EUNKNOWN, ESIZE = -1, -2, -4, -5, -6

ALLOC = C.CFUNCTYPE(C.c_void_p, C.c_void_p, C.c_size_t)
RELEASE = C.CFUNCTYPE(None, C.c_void_p, C.c_void_p)
POLL = C.CFUNCTYPE(C.c_int, C.c_void_p)
READ = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p, C.c_size_t)
WRITE = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p, C.c_size_t)


class Image(C.Structure):
    _fields_: ClassVar[Any] = [
        ("width", C.c_int32),
        ("height", C.c_int32),
        ("format", C.c_int),
        ("size", C.c_size_t),
        ("pixels", C.c_void_p),
        ("ai", C.c_void_p),
    ]


class Error(C.Structure):
    _fields_: ClassVar[Any] = [("code", C.c_int), ("value", C.c_int32), ("limit", C.c_int32)]


class Env(C.Structure):
    _fields_: ClassVar[Any] = [("ctx", C.c_void_p), ("alloc", ALLOC), ("release", RELEASE), ("poll", POLL)]


class Source(C.Structure):
    _fields_: ClassVar[Any] = [("ctx", C.c_void_p), ("read", READ)]


class Sink(C.Structure):
    _fields_: ClassVar[Any] = [("ctx", C.c_void_p), ("write", WRITE)]


class Rect(C.Structure):
    _fields_: ClassVar[Any] = [("x", C.c_int32), ("y", C.c_int32), ("w", C.c_int32), ("h", C.c_int32)]


class ImlibError(Exception):
    """A code of imlib with its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Imlib:
    """The library; `limit` bytes can be allocated at once and `polls` calls of the hook pass before it says stop."""

    def __init__(self) -> None:
        directory = ROOT / "components" / "imlib"
        subprocess.run(["make", "-s", "-C", str(directory)], check=True, timeout=120)
        self.lib = C.CDLL(str(ROOT / "build" / "imlib" / "plain" / "libimlib.so"))
        self.lib.imlib_error_format.restype = C.c_char_p
        self.blocks: dict[int, C.Array[C.c_char]] = {}
        self.limit = 1 << 30
        self.polls = -1
        self._env = Env(None, ALLOC(self._alloc), RELEASE(self._release), POLL(self._poll))

    def _alloc(self, _ctx: int, size: int) -> int:
        if size > self.limit:
            return 0
        block = C.create_string_buffer(size)
        self.blocks[C.addressof(block)] = block
        return C.addressof(block)

    def _release(self, _ctx: int, pointer: int) -> None:
        del self.blocks[pointer]

    def _poll(self, _ctx: int) -> int:
        if self.polls < 0:
            return 0
        self.polls -= 1
        return int(self.polls < 0)

    def _finish(self, rc: int, image: Image, error: Error) -> Array:
        if rc:
            assert not self.blocks, "memory is not given back"
            assert error.code == rc
            text = self.lib.imlib_error_format(rc).decode()
            values = (error.value, error.limit)[: text.count("%")]
            raise ImlibError(rc, text % values)
        data = C.string_at(image.pixels, image.size)
        shape = (image.height, image.width)
        dtype = "<u2" if image.format == RGB565 else "u1"
        self.lib.imlib_destroy(C.byref(self._env), C.byref(image))
        assert not self.blocks, "memory is not given back"
        return np.frombuffer(data, dtype).reshape(shape)

    def _image(self, pixels: Array) -> Image:
        """A view of an array: uint8 is grayscale, uint16 RGB565 as the API's raw integers."""
        kind = RGB565 if pixels.dtype.itemsize == 2 else GRAYSCALE
        return Image(pixels.shape[1], pixels.shape[0], kind, pixels.nbytes, pixels.ctypes.data, None)

    def decode(self, data: bytes, chunk: int = 4096, jpeg_only: bool = False) -> Array:
        position = 0

        def read(_ctx: int, to: int, length: int) -> int:
            nonlocal position
            part = data[position : position + min(length, chunk)]
            C.memmove(to, part, len(part))
            position += len(part)
            return len(part)

        source, image, error = Source(None, READ(read)), Image(), Error()
        function = self.lib.imlib_decode_jpeg if jpeg_only else self.lib.imlib_decode
        rc = function(C.byref(self._env), C.byref(source), C.byref(image), C.byref(error))
        return self._finish(rc, image, error)

    def resize(self, pixels: Array, width: int, height: int) -> Array:
        pixels = np.ascontiguousarray(pixels)
        image, error = Image(), Error()
        rc = self.lib.imlib_resize(
            C.byref(self._env), C.byref(image), C.byref(self._image(pixels)), width, height, C.byref(error)
        )
        return self._finish(rc, image, error)

    def crop(self, pixels: Array, roi: tuple[int, int, int, int], width: int, height: int) -> Array:
        pixels = np.ascontiguousarray(pixels)
        image, error = Image(), Error()
        rc = self.lib.imlib_crop(
            C.byref(self._env), C.byref(image), C.byref(self._image(pixels)), Rect(*roi), width, height, C.byref(error)
        )
        return self._finish(rc, image, error)

    def cut(self, pixels: Array, roi: tuple[int, int, int, int]) -> Array:
        pixels = np.ascontiguousarray(pixels)
        image, error = Image(), Error()
        rc = self.lib.imlib_cut(
            C.byref(self._env), C.byref(image), C.byref(self._image(pixels)), Rect(*roi), C.byref(error)
        )
        return self._finish(rc, image, error)

    def planes(self, pixels: Array, name: str = "imlib_rgb565_to_planes", gap: int = 0) -> Array:
        """The three planes of RGB565 pixels; each is followed by `gap` bytes, which must stay as they are."""
        flat = np.ascontiguousarray(pixels).ravel()
        out = np.full((3, flat.size + gap), 0xA5, np.uint8)
        function: Callable[..., None] = getattr(self.lib, name)
        function(
            C.c_void_p(out.ctypes.data),
            C.c_size_t(flat.size + gap),
            C.c_void_p(flat.ctypes.data),
            C.c_size_t(flat.size),
        )
        assert (out[:, flat.size :] == 0xA5).all()
        return out[:, : flat.size]

    def ai_to_pix(self, planes: Array) -> Array:
        planes = np.ascontiguousarray(planes)
        pixels = np.zeros(planes.shape[1:], "<u2")
        image = self._image(pixels)
        image.ai = planes.ctypes.data
        assert self.lib.imlib_ai_to_pix(C.byref(image)) == 0
        return pixels

    def write_bmp(self, pixels: Array, roi: tuple[int, int, int, int] | None = None) -> bytes:
        pixels = np.ascontiguousarray(pixels)
        out = bytearray()

        def write(_ctx: int, data: int, length: int) -> int:
            out.extend(C.string_at(data, length))
            return 0

        sink = Sink(None, WRITE(write))
        roi = roi or (0, 0, pixels.shape[1], pixels.shape[0])
        assert self.lib.imlib_write_bmp(C.byref(sink), C.byref(self._image(pixels)), Rect(*roi)) == 0
        return bytes(out)


def to_565(rgb: Array) -> Array:
    """8-bit RGB to the API's raw integers, each channel to the nearest value (spec maixpy-image.md 2.2)."""
    scaled = np.floor(rgb.astype(float) * np.array([31, 63, 31]) / 255 + 0.5).astype(np.uint16)
    r, g, b = scaled[..., 0], scaled[..., 1], scaled[..., 2]
    raw: Array = (r << 3 | g >> 3 | (g & 7) << 13 | b << 8).astype("<u2")
    return raw


def components(raw: Array) -> Array:
    """The 5, 6 and 5 bits of raw integers, in a last axis."""
    raw = raw.astype(np.int64)
    return np.stack([raw >> 3 & 31, (raw & 7) << 3 | raw >> 13, raw >> 8 & 31], -1)


def to_rgb(raw: Array) -> Array:
    """Raw integers to 8-bit RGB by the rule of spec maixpy-image.md 2.2."""
    rgb: Array = np.floor(components(raw) * 255.0 / np.array([31, 63, 31]) + 0.5).astype(np.uint8)
    return rgb
