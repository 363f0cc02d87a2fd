"""A serial port through the K210: what pyserial and esptool see of the pass-through program (tools/kpupy/passthrough).

Bytes pass as they are, except that ESCAPE is doubled; what the program does besides is in passthrough.c.
"""

from __future__ import annotations

import contextlib
import struct
import time
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]

from kpupy import isp
from kpupy.errors import Exit, ToolError
from kpupy.esp.settings import Settings

ESCAPE = 0x9E
MAGIC = b"KPUPYESP"
ANSWER_S = 1.0
START_BAUD = 115200
POLL_S = 0.05


def binary() -> bytes:
    """The program as built: beside the package, or by `make tools` in a checkout."""
    here = Path(__file__).resolve().parents[1]
    for path in (here / "passthrough" / "passthrough.bin", here.parents[1] / "build/passthrough/passthrough.bin"):
        if path.is_file():
            return path.read_bytes()
    raise ToolError(Exit.DATA, "the pass-through program is not built", ["in a checkout: make tools"])


def program(settings: Settings) -> bytes:
    """The program with the board's pads filled in."""
    code = bytearray(binary())
    at = code.find(MAGIC)
    if at < 0 or code.find(MAGIC, at + 1) >= 0:
        raise ToolError(Exit.DATA, "the pass-through program has no place for the board's pads", ["make tools"])
    pads = (settings.rx, settings.tx, settings.en, settings.gpio0, settings.gpio15)
    struct.pack_into("<5b", code, at + len(MAGIC), *(-1 if pad is None else pad for pad in pads))
    return bytes(code)


class PassThrough(serial.SerialBase):  # type: ignore[misc]
    """An open port whose other end is the co-processor. Setting `baudrate` changes both lines; DTR and RTS do nothing:
    EN and GPIO0 have methods of their own."""

    def __init__(self, port: Any) -> None:
        self._lower = port
        port.timeout = POLL_S  # once: a port on the network negotiates at each change
        self._raw = bytearray()
        self._data = bytearray()
        self._answers: list[bytes] = []
        self._line_baud = START_BAUD
        super().__init__()
        self._baudrate = START_BAUD
        self.is_open = True
        self.name = self.portstr = port.name or str(port.port)
        self.moved = 0

    # ---- the program

    def greet(self, seconds: float = 3.0) -> None:
        """Wait until the program runs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._send(bytes([ESCAPE]) + b"?")
            if self._answer(b"s", 0.3) is not None:
                return
        raise ToolError(Exit.NO_ANSWER, "the pass-through program does not answer",
                        ["is this the port of the K210?", "try again; then another cable or USB port"])

    def lost(self) -> tuple[int, int]:
        """Bytes that the program had no room for: from the host, from the co-processor."""
        self._send(bytes([ESCAPE]) + b"?")
        answer = self._answer(b"s", ANSWER_S)
        if answer is None:
            raise self._silent("?")
        from_host, from_esp = struct.unpack("<II", answer)
        return from_host, from_esp

    def set_en(self, level: bool) -> None:
        self._command(b"e", bytes([level]))

    def set_gpio0(self, level: bool) -> None:
        self._command(b"g", bytes([level]))

    def reset_k210(self) -> None:
        self._command(b"q")

    def _command(self, command: bytes, argument: bytes = b"") -> None:
        self._send(bytes([ESCAPE]) + command + argument)
        end = time.monotonic() + ANSWER_S
        while (left := end - time.monotonic()) > 0:
            if self._answer(b"k", left, command) is not None:
                return
            if self._answer(b"n", 0, command) is not None:
                raise ToolError(Exit.USAGE, f"the pass-through program refuses {command!r} {argument.hex()}",
                                ["the pad is not wired on this board, or the baud rate is outside 1200 to 5000000"])
        raise self._silent(command.decode())

    def _silent(self, command: str) -> ToolError:
        return ToolError(Exit.TRANSFER, f"the pass-through program stopped answering (command {command!r}, "
                                        f"{self._line_baud} baud)",
                         ["was the cable unplugged, or the board reset?", "try a lower --baud"])

    def _answer(self, kind: bytes, seconds: float, command: bytes | None = None) -> bytes | None:
        """The program's next answer of a kind, and to a command."""
        end = time.monotonic() + seconds
        while True:
            for answer in self._answers:
                if answer[:1] == kind and command in (None, answer[1:]):
                    self._answers.remove(answer)
                    return answer[1:]
                if answer[:1] == b"n" and command == answer[1:]:
                    return None
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._receive()

    def _send(self, data: bytes) -> None:
        try:
            self._lower.write(data)
        except OSError as error:
            raise isp.gone(error) from error

    def _receive(self) -> None:
        """Sort what comes within POLL_S into data and answers."""
        try:
            self._raw += self._lower.read(max(1, self._lower.in_waiting))
        except OSError as error:
            raise isp.gone(error) from error
        while self._raw:
            at = self._raw.find(ESCAPE)
            plain = len(self._raw) if at < 0 else at
            self._data += self._raw[:plain]
            del self._raw[:plain]
            length = self._escape_length()
            if length == 0:
                return
            if length == 2 and self._raw[1] == ESCAPE:
                self._data.append(ESCAPE)
            else:
                self._answers.append(bytes(self._raw[1:length]))
            del self._raw[:length]

    def _escape_length(self) -> int:
        """Of the complete escape sequence that `_raw` begins with; 0 while it is not complete."""
        if len(self._raw) < 2:
            return 0
        length = {ord("s"): 10, ord("k"): 3, ord("n"): 3}.get(self._raw[1], 2)
        return length if len(self._raw) >= length else 0

    # ---- pyserial's interface

    def open(self) -> None:
        """It is open from the start."""

    def close(self) -> None:
        """The port below belongs to whoever opened it."""

    def _reconfigure_port(self) -> None:
        if self.is_open and self._baudrate != self._line_baud:
            self._change_baud(self._baudrate)

    def _change_baud(self, baud: int) -> None:
        self._command(b"u", struct.pack("<I", baud))
        time.sleep(0.02)  # the program still drains its lines
        try:
            self._lower.baudrate = baud
        except (OSError, ValueError) as error:
            raise ToolError(Exit.PORT, f"the port refuses {baud} baud: {error}", ["try another --baud"]) from error
        self._line_baud = baud
        self.greet()

    def _update_dtr_state(self) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass

    @property
    def in_waiting(self) -> int:
        with contextlib.suppress(OSError):
            if self._lower.in_waiting:
                self._receive()
        return len(self._data)

    def read(self, size: int = 1) -> bytes:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while len(self._data) < size:
            if end is not None and time.monotonic() >= end:
                break
            self._receive()
        data = bytes(self._data[:size])
        del self._data[:size]
        return data

    def write(self, data: bytes) -> int:
        data = bytes(data)
        self._send(data.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPE])))
        self.moved += len(data)
        return len(data)

    def flush(self) -> None:
        self._lower.flush()

    def reset_input_buffer(self) -> None:
        while self._lower.in_waiting:
            self._receive()
        self._data.clear()

    def reset_output_buffer(self) -> None:
        """Commands may be among what waits: it is sent."""
