"""The boot ROM and kflash's second stage as a port object, written from spec isp-flash.md 1 and 4.

It needs no emulator and no time, and can misbehave: `script` maps the n-th flash write to what goes wrong with it.
"""

from __future__ import annotations

import struct
import zlib

SRAM = 0x80000000


class FakeDevice:
    """What pyserial's Serial would be with a board behind it."""

    def __init__(self, flash_size: int = 1 << 20, script: dict[int, str] | None = None) -> None:
        self.name = "fake"
        self.flash = bytearray(b"\xff" * flash_size)
        self.memory: dict[int, bytes] = {}
        self.baudrate, self.timeout = 115200, 0.05
        self.script = script or {}
        self.writes = 0
        self.attempts: list[int] = []
        self.lines: list[tuple[str, bool]] = []
        self.bauds: list[int] = []
        self.stub = self.initialised = self.rebooted = self.gone = False
        self._out = bytearray()
        self._in = bytearray()

    # ---- the port

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("dtr", "rts"):
            self.lines.append((name, bool(value)))
        object.__setattr__(self, name, value)

    @property
    def in_waiting(self) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        return len(self._out)

    def read(self, size: int = 1) -> bytes:
        if self.gone:
            raise OSError(5, "Input/output error")
        data = bytes(self._out[:size])
        del self._out[:size]
        return data

    def write(self, data: bytes) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        self._in += data
        while (frame := self._next()) is not None:
            if frame:
                self._take(frame)
        return len(data)

    def flush(self) -> None:
        pass

    def reset_input_buffer(self) -> None:
        self._out.clear()

    # ---- the chip

    def _next(self) -> bytes | None:
        start = self._in.find(b"\xc0")
        end = self._in.find(b"\xc0", start + 1)
        if start < 0 or end < 0:
            return None
        frame = bytes(self._in[start + 1 : end])
        del self._in[: end + 1 if frame else end]
        return frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")

    def _reply(self, opcode: int, status: int = 0xE0) -> None:
        self._out += bytes([0xC0, opcode, status, 0xC0])

    def _take(self, frame: bytes) -> None:
        opcode = frame[0]
        address, length = struct.unpack_from("<II", frame, 8) if len(frame) >= 16 else (0, 0)
        data = frame[16:]
        good = len(frame) < 16 or struct.unpack_from("<I", frame, 4)[0] == zlib.crc32(frame[8:])
        if opcode == 0xC3:
            if good:
                self.memory[address] = data
            self._reply(opcode, 0xE0 if good else 0xE2)
        elif opcode == 0xC5:
            self.stub = True
        elif opcode == 0xC6:
            self.bauds.append(struct.unpack("<I", data)[0])
        elif opcode == 0xD4:
            self._write(address, data, good)
        elif opcode == 0xD6:
            self.bauds.append(struct.unpack("<I", data)[0])
            self._reply(opcode)
        elif opcode == 0xD7:
            self.initialised = True
            self._reply(opcode)
        elif opcode == 0xD8:
            whole = length == 0
            start, end = (0, len(self.flash)) if whole else (address, address + length)
            self.flash[start:end] = b"\xff" * (end - start)
            self._reply(opcode)
        elif opcode == 0xD5:
            self.rebooted = True
            self._reply(opcode)
        else:
            self._reply(opcode)

    def _write(self, address: int, data: bytes, good: bool) -> None:
        self.attempts.append(address)
        self.writes += 1
        fault = self.script.get(self.writes, "")
        if fault == "silent":
            return
        if fault == "gone":
            self.gone = True
            return
        if fault == "noise":
            self._out += b"some text\xc0\xc0 \xc0\xd4\xc0 and more\xc0"
        if fault == "late":  # a reply of another command arrives first
            self._reply(0xD9, 0xE7)
        if fault.startswith("status"):
            self._reply(0xD4, int(fault[6:], 16))
            return
        assert good and self.initialised
        self.flash[address : address + len(data)] = data
        self._reply(0xD4)
