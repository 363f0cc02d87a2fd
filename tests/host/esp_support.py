"""An emulated board with a co-processor, and a serial port to it without a thread or a terminal in between."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import serial  # type: ignore[import-untyped]
from k210emu import Machine
from kpupy.esp import passthrough, settings
from kpupy.esp.passthrough import PassThrough
from kpupy.esp.settings import Settings

SRAM = 0x80000000
ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def build_program() -> None:
    """The pass-through program, up to date; one of several test processes at a time."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "passthrough.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(ROOT / "tools" / "kpupy" / "passthrough")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr


build_program()


class MachinePort(serial.SerialBase):  # type: ignore[misc]
    """The board's serial port with its lines and rates. Virtual time passes while a read waits, and follows wall time
    between calls."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._buffer = bytearray()
        self._at = machine.port_sent
        self._last = time.monotonic()
        super().__init__(baudrate=115200, timeout=0.05)
        self.is_open = True
        self.name = "emulated"
        self._reconfigure_port()

    def _reconfigure_port(self) -> None:
        if self.is_open:
            self.machine.set_port_rate(self._baudrate)

    def open(self) -> None:
        self.is_open = True
        self._update_lines()

    def close(self) -> None:
        if self.is_open and self.machine._emu:  # a port that is forgotten closes when its machine may be gone
            self.machine.set_lines(False, False)
        self.is_open = False

    def _update_lines(self) -> None:
        self._pull()
        self.machine.set_lines(self._dtr_state, self._rts_state)

    _update_dtr_state = _update_rts_state = _update_lines

    def flush(self) -> None:
        self.machine.run_while(lambda m: m.port_queued > 0, timeout_ms=5000)

    def reset_input_buffer(self) -> None:
        self._pull()
        self._buffer.clear()

    def _pull(self) -> None:
        passed = time.monotonic() - self._last
        if passed > 0.002:
            self._last += passed
            self.machine.run(ms=1000 * passed)
        fresh = self.machine.port_output(self._at)
        self._at += len(fresh)
        self._buffer += fresh

    @property
    def in_waiting(self) -> int:
        self._pull()
        return len(self._buffer)

    def write(self, data: bytes) -> int:
        self._pull()
        self.machine.port_send(bytes(data), self._baudrate)
        return len(data)

    def read(self, size: int = 1) -> bytes:
        end = self.machine.now_ms + 1000 * self._timeout
        self._pull()
        while len(self._buffer) < size and self.machine.now_ms < end:
            self.machine.run(ms=0.1)
            self._last = time.monotonic()
            self._pull()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def start(machine: Machine, chip: Settings) -> PassThrough:
    """The pass-through program in the machine's SRAM, running."""
    machine.load(SRAM, passthrough.program(chip))
    machine.start()
    port = PassThrough(MachinePort(machine))
    port.greet()
    return port


def chip_of(board: str, **changes: object) -> Settings:
    return replace(settings.of(board), **changes)  # type: ignore[arg-type]


class OwnPort(PassThrough):
    """A chip's own serial port whose RTS pulls EN low and whose DTR pulls GPIO0 low, each for itself."""

    def __init__(self, machine: Machine, chip: Settings) -> None:
        super().__init__(MachinePort(machine))
        machine.load(SRAM, passthrough.program(chip))
        machine.start()
        self.greet()
        self.machine = machine

    def _update_lines(self) -> None:
        assert self.machine.esp
        self.machine.esp.ground_gpio0(self._dtr_state)
        self.set_en(not self._rts_state)

    _update_dtr_state = _update_rts_state = _update_lines


@contextlib.contextmanager
def named(make: Callable[[], serial.SerialBase]) -> Iterator[str]:
    """A URL that opens such a port, for programs that want a name. Ports of this scheme have no file descriptor, which
    esptool knows."""
    module = ModuleType("esp_urls.protocol_rfc2217")
    module.Serial = lambda *arguments, **options: make()  # type: ignore[attr-defined]
    sys.modules.update({"esp_urls": ModuleType("esp_urls"), module.__name__: module})
    serial.protocol_handler_packages.insert(0, "esp_urls")
    try:
        yield "rfc2217://own"
    finally:
        serial.protocol_handler_packages.remove("esp_urls")


# ---- frames by hand, as recorded from esptool 5.6.0


def slip(payload: bytes) -> bytes:
    return b"\xc0" + payload.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def request(command: int, body: bytes = b"", checksum: int = 0) -> bytes:
    return slip(struct.pack("<BBHI", 0, command, len(body), checksum) + body)


SYNC = request(0x08, bytes.fromhex("07071220") + b"\x55" * 32)


def checksum(data: bytes) -> int:
    value = 0xEF
    for byte in data:
        value ^= byte
    return value


def frames(data: bytes) -> list[bytes]:
    return [part.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb") for part in data.split(b"\xc0") if part]


class Loader:
    """The boot loader, asked frame by frame."""

    def __init__(self, port: PassThrough, *, status: int) -> None:
        self.port, self.status = port, status

    def reset(self) -> None:
        self.port.set_en(False)
        self.port.set_en(True)
        time.sleep(0.03)
        self.port.reset_input_buffer()

    def frames(self, seconds: float = 0.1) -> list[bytes]:
        self.port.timeout = seconds
        return frames(self.port.read(1 << 20))

    def sync(self) -> int:
        """How many replies came."""
        self.port.write(SYNC)
        return sum(frame[:2] == b"\x01\x08" for frame in self.frames())

    def ask(self, command: int, body: bytes = b"", sum_: int = 0) -> tuple[int, bytes, int]:
        """Value, data and error (0: none) of the reply."""
        self.port.write(request(command, body, sum_))
        self.port.timeout = 2.0
        reply = b""
        while reply.count(b"\xc0") < 2:
            byte = self.port.read(1)
            assert byte, f"no reply to command {command:#x}"
            reply += byte
        (frame,) = frames(reply)
        direction, echoed, size, value = struct.unpack_from("<BBHI", frame)
        assert (direction, echoed, size) == (1, command, len(frame) - 8)
        data, status = frame[8:-self.status], frame[-self.status:]
        assert bool(status[0]) == bool(status[1])
        return value, data, status[1]

    def words(self, command: int, *words: int) -> tuple[int, bytes, int]:
        return self.ask(command, struct.pack(f"<{len(words)}I", *words))

    def data(self, command: int, number: int, data: bytes, sum_: int | None = None) -> int:
        body = struct.pack("<4I", len(data), number, 0, 0) + data
        return self.ask(command, body, checksum(data) if sum_ is None else sum_)[2]
