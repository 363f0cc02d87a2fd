"""The boot ROM's serial protocol (spec isp-flash.md 1): frames, and the four commands that matter.

The same frames carry the protocol of programs that are loaded through it.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

from kpupy import lines
from kpupy.boards import Wiring
from kpupy.errors import Exit, ToolError
from kpupy.errors import PortGone as PortGone  # part of this interface: who speaks ISP handles it
from kpupy.errors import gone as gone

SRAM = 0x80000000
UPLOAD_LIMIT = 0x805E0000  # the ROM's own memory begins above (spec isp-flash.md 1.7)
START_BAUD = 115200

NOP, WRITE, BOOT, BAUD = 0xC2, 0xC3, 0xC5, 0xC6
OK_STATUS = (0x00, 0xE0)
STATUS = {0xE1: "bad length", 0xE2: "bad checksum", 0xE3: "invalid command", 0xE4: "flash init failed",
          0xE5: "erase failed", 0xE6: "write failed", 0xE7: "flash busy"}

CHUNK = 1024
# The ROM takes its clock for 38 MHz where it is 38.6: what it must be told for FAST_BAUD (spec isp-flash.md 3.1)
FAST_BAUD, FAST_BAUD_TOLD = 1500000, int(1500000 * 38.6 / 38)
GREETING = bytes([NOP]) + bytes(12)  # three bytes short of a header, as kflash sends it
GREETING_S = 0.6
REPLY_S = 3.0

Progress = Callable[[int, int], None]


def slip(payload: bytes) -> bytes:
    return b"\xc0" + payload.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def request(opcode: int, address: int = 0, data: bytes = b"", length: int | None = None) -> bytes:
    """A request's payload: opcode, CRC-32, address, length, data."""
    body = struct.pack("<II", address, len(data) if length is None else length) + data
    return struct.pack("<HHI", opcode, 0, zlib.crc32(body)) + body


class Unslip:
    """Takes bytes, gives frames. Every C0 is a border and empty frames are nothing: it finds back after noise."""

    def __init__(self) -> None:
        self._frame = bytearray()
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        frames = []
        for byte in data:
            if byte == 0xC0:
                if self._frame:
                    frames.append(bytes(self._frame))
                self._frame.clear()
                self._escaped = False
            elif self._escaped:
                self._frame.append({0xDC: 0xC0, 0xDD: 0xDB}.get(byte, byte))
                self._escaped = False
            elif byte == 0xDB:
                self._escaped = True
            else:
                self._frame.append(byte)
        return frames


class Link:
    """Frames over an open port whose time-out is short. (Changing it would reconfigure the port every time.)"""

    def __init__(self, port: Any) -> None:
        self.port = port
        self._unslip = Unslip()
        self._frames: list[bytes] = []

    def send(self, payload: bytes) -> None:
        try:
            self.port.write(slip(payload))
        except OSError as error:
            raise gone(error) from error

    def receive(self, opcode: int, seconds: float) -> bytes | None:
        """The next frame that begins with `opcode`; others are noise or late. None when it does not come in time."""
        deadline = time.monotonic() + seconds
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame[0] == opcode and len(frame) >= 2:
                    return frame
            if time.monotonic() > deadline:
                return None
            try:
                self._frames += self._unslip.feed(self.port.read(max(1, self.port.in_waiting)))
            except OSError as error:
                raise gone(error) from error

    def set_baud(self, baud: int) -> None:
        set_baud(self.port, baud)

    def forget(self) -> None:
        """Drop what came so far."""
        self._unslip, self._frames = Unslip(), []
        try:
            self.port.reset_input_buffer()
        except OSError as error:
            raise gone(error) from error


class Rom(Link):
    """The boot ROM in serial programming mode."""

    def greet(self, seconds: float = GREETING_S) -> bool:
        self.forget()
        self.send(GREETING)
        return self.receive(NOP, seconds) is not None

    def enter(self, wiring: Wiring, tries: int = 3) -> bool:
        """Reset into programming mode; False when the ROM does not answer."""
        self.set_baud(START_BAUD)
        for _ in range(tries):
            lines.play(self.port, lines.ENTER_ISP[wiring])
            if self.greet():
                return True
        return False

    def speed_up(self) -> bool:
        """Go to FAST_BAUD, which only some bridges can; False when the ROM is not heard there: it is lost then."""
        self.send(request(BAUD, 0, struct.pack("<I", FAST_BAUD_TOLD)))
        self._drain()
        time.sleep(0.05)
        self.set_baud(FAST_BAUD)
        return any(self.greet() for _ in range(3))

    def write(self, address: int, data: bytes, progress: Progress | None = None) -> None:
        """Load memory; a chunk with a checksum error is sent again."""
        if address + len(data) > UPLOAD_LIMIT:
            raise ToolError(Exit.REFUSED, f"{len(data)} bytes at 0x{address:x} run into the boot ROM's memory at "
                                          f"0x{UPLOAD_LIMIT:x}")
        for start in range(0, len(data), CHUNK):
            part = data[start : start + CHUNK]
            self._write_chunk(address + start, part)
            if progress:
                progress(start + len(part), len(data))

    def _write_chunk(self, address: int, data: bytes) -> None:
        status = None
        for _ in range(3):
            self.send(request(WRITE, address, data))
            reply = self.receive(WRITE, REPLY_S)
            status = reply[1] if reply else None
            if status in OK_STATUS:
                return
            if status is not None and status != 0xE2:
                break
        raise ToolError(Exit.TRANSFER, f"loading {len(data)} bytes to 0x{address:x} failed: {reason(status)}",
                        ["try another cable or USB port without a hub"],
                        "in serial programming mode, flash untouched")

    def boot(self, address: int = SRAM) -> None:
        """Jump; there is no reply. The program is expected at START_BAUD."""
        self.send(request(BOOT, address))
        self._drain()
        self.set_baud(START_BAUD)

    def _drain(self) -> None:
        try:
            self.port.flush()
        except OSError as error:
            raise gone(error) from error


def reason(status: int | None) -> str:
    """A status byte in words."""
    if status is None:
        return "no reply"
    return f"{STATUS.get(status, 'unknown status')} (0x{status:02X})"


def set_baud(port: Any, baud: int) -> None:
    """Change the speed of an open port."""
    try:
        port.baudrate = baud
    except OSError as error:
        raise gone(error) from error
    except ValueError as error:
        raise ToolError(Exit.TRANSFER, f"the port does not go to {baud} baud: {error}", ["another --baud"]) from error
