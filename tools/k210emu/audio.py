"""Sound on the data lines of I2S: from and to Python and WAV files."""

from __future__ import annotations

import array
import ctypes
import os
import sys
import wave
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machine import Machine


class AudioLine:
    """One data line. Samples are stereo pairs, signed, 32 bits full scale."""

    def __init__(self, machine: Machine, unit: int, line: int) -> None:
        if not (0 <= unit <= 2 and 0 <= line <= 3):
            raise ValueError(f"I2S{unit} line {line}: there are I2S0..2 with lines 0..3")
        self._machine, self._unit, self._line = machine, unit, line

    def feed(self, frames: Iterable[tuple[int, int]]) -> None:
        """Queues what comes in next, at the unit's own rate; silence follows."""
        self._feed(array.array("i", [sample for frame in frames for sample in frame]))

    def _feed(self, samples: array.array[int]) -> None:
        with self._machine.lock:
            self._machine._lib.emu_audio_feed(self._machine._emu, self._unit, self._line, samples.tobytes(),
                                              len(samples) // 2)

    def recorded(self) -> list[tuple[int, int]]:
        """Every frame that has gone out."""
        samples = self._recorded()
        return list(zip(samples[::2], samples[1::2], strict=True))

    def _recorded(self) -> array.array[int]:
        pointer = ctypes.c_void_p()
        with self._machine.lock:
            count = self._machine._lib.emu_audio_recorded(self._machine._emu, self._unit, self._line,
                                                          ctypes.byref(pointer))
            samples = array.array("i")
            if count and pointer.value:
                samples.frombytes(ctypes.string_at(pointer.value, 8 * count))
        return samples

    def play(self, path: str | os.PathLike[str]) -> None:
        """Feeds a WAV file of 8 to 32 bits, mono on both sides; its rate must be the one that the program sets."""
        with wave.open(os.fspath(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
        if channels not in (1, 2):
            raise ValueError(f"{path} has {channels} channels, not 1 or 2")
        samples = array.array("i", [
            (int.from_bytes(data[i:i + width], "little", signed=width > 1) - (128 if width == 1 else 0))
            << 32 - 8 * width for i in range(0, len(data), width)])
        if channels == 1:
            samples = array.array("i", [sample for sample in samples for _ in range(2)])
        self._feed(samples)

    def save(self, path: str | os.PathLike[str], rate: int, bits: int = 16) -> None:
        """Writes what has gone out as a WAV file."""
        if bits not in (16, 24, 32):
            raise ValueError(f"{bits} bits are not 16, 24 or 32")
        samples = self._recorded()
        if sys.byteorder == "big":
            samples.byteswap()
        raw, keep = samples.tobytes(), bits // 8
        data = b"".join(raw[i + 4 - keep:i + 4] for i in range(0, len(raw), 4))
        with wave.open(os.fspath(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(keep)
            file.setframerate(rate)
            file.writeframes(data)
