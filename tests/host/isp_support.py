"""Speaks the boot ROM's serial protocol (spec isp-flash.md 1) to an emulated board without a port in between."""

from __future__ import annotations

import struct
import zlib

from k210emu import Machine

SRAM = 0x80000000
GREETING = bytes.fromhex("c0c2000000000000000000000000c0")

# Spec 2.1: (DTR, RTS) of the three steps, each pair of calls in its order; and 2.2.
ENTER = {
    "dan": [("dtr", 0), ("rts", 0), None, ("dtr", 0), ("rts", 1), None, ("rts", 0), ("dtr", 1), None],
    "goE": [("dtr", 0), ("rts", 0), None, ("dtr", 1), ("rts", 0), None, ("rts", 1), ("dtr", 0), None],
    "goD": [("dtr", 1), ("rts", 1), None, ("rts", 0), ("dtr", 1), None, ("rts", 0), ("dtr", 1), None],
}
LEAVE = {
    "dan": [("dtr", 0), ("rts", 0), None, ("dtr", 0), ("rts", 1), None, ("rts", 0), ("dtr", 0), None],
    "goE": [("dtr", 0), ("rts", 0), None, ("dtr", 1), ("rts", 0), None, ("rts", 0), ("dtr", 0), None],
    "goD": [("dtr", 0), ("rts", 0), None, ("rts", 0), ("dtr", 1), None, ("rts", 1), ("dtr", 1), None],
}
FAMILY = {"dan": "dan", "bit": "dan", "trainer": "dan", "kd233": "goE", "bit_mic": "goE", "goE": "goE",
          "maixduino": "goE", "goD": "goD"}


def escape(payload: bytes) -> bytes:
    return b"\xc0" + payload.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def packet(opcode: int, address: int, data: bytes = b"", length: int | None = None, crc: int | None = None) -> bytes:
    body = struct.pack("<II", address, len(data) if length is None else length) + data
    return struct.pack("<HHI", opcode, 0, zlib.crc32(body) if crc is None else crc) + body


def frame(opcode: int, address: int = 0, data: bytes = b"", length: int | None = None, crc: int | None = None) -> bytes:
    return escape(packet(opcode, address, data, length, crc))


class Bridge:
    """A USB bridge whose lines start asserted, as after an open."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.lines = {"dtr": True, "rts": True}
        self._read = machine.port_sent
        self._apply()

    def _apply(self) -> None:
        self.machine.set_lines(self.lines["dtr"], self.lines["rts"])

    def sequence(self, steps: list[tuple[str, int] | None], gap_ms: float = 0.05) -> None:
        """None is the pause of 100 ms; `gap_ms` lies between two calls. What came meanwhile is not an answer."""
        for step in steps:
            if step is None:
                self.machine.run(ms=100)
            else:
                self.lines[step[0]] = bool(step[1])
                self._apply()
                self.machine.run(ms=gap_ms)
        self._read = self.machine.port_sent

    def enter_isp(self, family: str = "dan") -> None:
        self.sequence(ENTER[family])

    def close(self) -> None:
        self.lines = {"dtr": False, "rts": False}
        self._apply()

    def exchange(self, data: bytes, ms: float = 20, rate: int = 0) -> bytes:
        """What comes back within that time after the last byte has gone."""
        self.machine.port_send(data, rate)
        self.machine.run_while(lambda machine: machine.port_queued > 0, timeout_ms=20_000, step_ms=5)
        self.machine.run(ms=ms)
        answer = self.machine.port_output(self._read)
        self._read += len(answer)
        return answer

    def write_memory(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), 1024):
            assert self.exchange(frame(0xC3, address + at, data[at:at + 1024])) == reply(0xC3)


def reply(opcode: int, status: int = 0xE0) -> bytes:
    return bytes([0xC0, opcode, status, 0xC0])
