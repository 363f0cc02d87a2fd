"""The flash reader: a program of ours in SRAM that reads, hashes and identifies the flash (tools/kpupy/stub).

It needs nothing of the board but its boot ROM, and it writes nothing.
"""

from __future__ import annotations

import struct
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from kpupy import isp
from kpupy.errors import Exit, ToolError

HELLO, SET_BAUD, READ, HASH, RESET = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4
VERSION = 1
MOST_READ = 16384
BLOCK = 65536
TRIES = 4
HASH_BYTES_PER_S = 1 << 20  # far below what the board does: only for time-outs


@dataclass(frozen=True)
class FlashId:
    """What the board says about its flash. `size` 0: no part answered."""

    jedec: int
    size: int
    unique_id: bytes

    def __str__(self) -> str:
        return f"JEDEC id {self.jedec:06X}, {self.size >> 20} MiB, unique id {self.unique_id.hex()}"


def program() -> bytes | None:
    """The reader's binary: beside the package, or of `make tools` in a checkout. None if there is none."""
    here = Path(__file__).resolve().parent
    for path in (here / "stub" / "reader.bin", here.parents[1] / "build" / "kpupy" / "reader.bin"):
        if path.is_file():
            return path.read_bytes()
    return None


def missing() -> ToolError:
    return ToolError(Exit.DATA, "the flash reader is not built, so nothing can be read back",
                     ["in a checkout: make tools", "to write without verifying: --no-verify"])


class Reader:
    """A running reader. Every reply carries a CRC-32; a damaged or lost one is asked for again."""

    def __init__(self, port: object, flash: FlashId | None = None) -> None:
        self.link = isp.Link(port)
        self.baud = isp.START_BAUD
        self.flash = flash or FlashId(0, 0, b"")

    @classmethod
    def start(cls, rom: isp.Rom, progress: isp.Progress | None = None) -> Reader:
        """Load and start the reader through a ROM that has answered."""
        code = program()
        if code is None:
            raise missing()
        rom.write(isp.SRAM, code, progress)
        rom.boot()
        reader = cls(rom.port)
        reader.hello()
        return reader

    def _ask(self, opcode: int, address: int, length: int, seconds: float, tries: int = TRIES) -> bytes:
        status: int | None = None
        for _ in range(tries):
            self.link.send(isp.request(opcode, address, length=length))
            reply = self.link.receive(opcode, seconds)
            if reply is None:
                status = None
                continue
            status = reply[1]
            if len(reply) < 8 or struct.unpack_from("<I", reply, 4)[0] != zlib.crc32(reply[8:]):
                status = 0xE2
            if status == 0xE0:
                return reply[8:]
            if status not in (0xE1, 0xE2):  # a length error may be a frame that lost a byte
                break
        raise ToolError(
            Exit.TRANSFER, f"the flash reader failed at 0x{address:x}, {length} bytes: {isp.reason(status)}",
            [f"the link ran at {self.baud} baud: try --baud {max(115200, self.baud // 2)}", "try another cable"],
            "flash untouched; a reset boots what it holds",
        )

    def hello(self) -> None:
        data = self._ask(HELLO, 0, 0, 1.0, tries=5)
        version, jedec, size, _ = struct.unpack_from("<4I", data)
        if version != VERSION:
            raise ToolError(Exit.DATA, f"the flash reader has protocol {version}, this kpupy speaks {VERSION}",
                            ["make tools"])
        self.flash = FlashId(jedec, size, data[16:24])

    def set_baud(self, baud: int) -> None:
        """Change the speed; goes back to the old one if the board cannot be heard at the new one."""
        if baud == self.baud:
            return
        before = self.baud
        self._ask(SET_BAUD, baud, 0, 1.0)
        time.sleep(0.05)
        self.link.set_baud(baud)
        self.baud = baud
        try:
            self.hello()
        except ToolError:
            self.link.set_baud(before)
            self.baud = before
            raise ToolError(Exit.TRANSFER, f"the board cannot be heard at {baud} baud",
                            ["try a lower --baud"], "flash untouched") from None

    def _seconds(self, length: int) -> float:
        return 2.0 + 12 * 2 * length / self.baud

    def read(self, address: int, length: int, progress: isp.Progress | None = None) -> bytes:
        data = bytearray()
        while len(data) < length:
            part = min(MOST_READ, length - len(data))
            data += self._ask(READ, address + len(data), part, self._seconds(part))
            if progress:
                progress(len(data), length)
        return bytes(data)

    def sha256(self, address: int, length: int) -> bytes:
        return self._ask(HASH, address, length, 3.0 + length / HASH_BYTES_PER_S)

    def reset(self) -> None:
        """Soft reset, for ports without lines: IO16 must be high by then."""
        self._ask(RESET, 0, 0, 1.0)
