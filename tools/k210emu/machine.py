"""An emulated board as a Python object."""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import binding, boards
from .audio import AudioLine
from .camera import Camera
from .esp import Esp
from .i2c import I2cDevice, Part
from .wiring import Pins

if TYPE_CHECKING:
    from .serve import Server

SRAM = 0x80000000
BOOT_PAD = 16
OTP_SIZE = 0x4000
BOARDS = boards.load_all()
CSRS = {"mstatus": 0x300, "mie": 0x304, "mtvec": 0x305, "mscratch": 0x340, "mepc": 0x341, "mcause": 0x342,
        "mbadaddr": 0x343, "mip": 0x344, "mcycle": 0xB00, "minstret": 0xB02}
PS_PER_MS = 10**9
TEXT_LIMIT_MS = 10_000


class Stop(Enum):
    """Why a run ended."""

    LIMIT = 0
    TEXT = 1
    IDLE = 2
    STALLED = 3
    POWER_CUT = 4
    STRICT = 5
    STOPPED = 6


class EmulationError(RuntimeError):
    """The run cannot go on, or what was waited for did not come."""


class Pad:
    """One of the 48 pads, driven from outside the chip."""

    def __init__(self, machine: Machine, number: int) -> None:
        if not 0 <= number < 48:
            raise ValueError(f"pad {number} is not in 0..47")
        self._machine, self._number = machine, number

    def drive(self, level: bool) -> None:
        with self._machine.lock:
            self._machine._lib.emu_pad_drive(self._machine._emu, self._number, level)

    def release(self) -> None:
        with self._machine.lock:
            self._machine._lib.emu_pad_release(self._machine._emu, self._number)

    @property
    def level(self) -> bool:
        with self._machine.lock:
            return bool(self._machine._lib.emu_pad_level(self._machine._emu, self._number))


class Machine:
    """A board with its flash. `flash` is a file (kept, created erased), bytes (a discarded copy) or None (erased).

    `rounding` is the KPU profile of spec kpu.md, "A" or "B". With `strict` an access that no model answers, or one the
    real core would trap, ends the run with EmulationError. `wiring` is how the USB bridge drives reset and IO16, as a
    value of kflash -B; without it the board's own. With `flash_speed` n the flash programs and erases in 1/n of the
    time: the harts spend most of a long write waiting for it. Not started until boot() or start().
    """

    def __init__(self, board: str = "maix_bit", flash: str | os.PathLike[str] | bytes | None = None,
                 strict: bool = False, rounding: str = "B", harts: int = 2,
                 wiring: str | None = None, flash_speed: int = 1) -> None:
        if board not in BOARDS:
            raise ValueError(f"board {board!r} is not known; known are {', '.join(BOARDS)}")
        if rounding not in ("A", "B"):
            raise ValueError(f"rounding {rounding!r} is not 'A' or 'B'")
        if harts not in (1, 2):
            raise ValueError(f"harts {harts} is not 1 or 2")
        if not 1 <= flash_speed <= 1000:
            raise ValueError(f"flash_speed {flash_speed} is not in 1..1000")
        self._pins = Pins(wiring or boards.wiring(board))
        self._boot_driven = False
        self.lock = threading.RLock()
        self._lib = binding.library()
        self._flash_map = _map_flash(flash, boards.flash_size(board))
        size = len(self._flash_map)
        self._flash_buffer = (ctypes.c_uint8 * size).from_buffer(self._flash_map)
        self._emu = self._lib.emu_create(harts, strict, ord(rounding), ctypes.addressof(self._flash_buffer), size)
        if not self._emu:
            raise EmulationError("no CPU engine: is unicorn 2.1.1 installed?")
        self._lib.emu_set_flash_speed(self._emu, flash_speed)
        self._read_from = 0
        self._parts: list[object] = []  # callbacks that the library holds
        self._server: Server | None = None
        settings = boards.esp(board)
        self.esp = Esp(self, settings) if settings else None

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stops the serial port, writes the flash back to its file and frees everything."""
        if not self._emu:
            return
        self.stop_serving()
        self._lib.emu_destroy(self._emu)
        self._emu = None
        del self._flash_buffer
        with contextlib.suppress(BufferError):  # somebody still holds a view of `flash`; it closes with the last one
            self._flash_map.close()

    # ---- loading and starting

    @property
    def flash(self) -> memoryview:
        """The flash's contents, writable."""
        return memoryview(self._flash_map)

    def write_flash(self, address: int, data: bytes) -> None:
        if address < 0 or address + len(data) > len(self._flash_map):
            raise ValueError(f"{len(data)} bytes at 0x{address:x} do not fit a flash of {len(self._flash_map)} bytes")
        self._flash_map[address:address + len(data)] = data

    def load(self, address: int, data: bytes) -> None:
        self.write(address, data)

    def boot(self) -> str:
        """Power-on reset and the boot ROM's work; returns what it found in flash."""
        with self.lock:
            self._lib.emu_boot(self._emu, 0)
            return str(self._lib.emu_rom_note(self._emu), "utf-8")

    def start(self, pc: int = SRAM) -> None:
        """Reset, then both harts enter at `pc` in the state the boot ROM leaves."""
        with self.lock:
            self._lib.emu_start(self._emu, pc)

    def reset(self) -> None:
        """The reset pin: SRAM and flash keep their contents, the boot ROM runs."""
        self.boot()

    # ---- running

    def run(self, cycles: int | None = None, *, ms: float | None = None, instructions: int | None = None) -> Stop:
        """Runs for CPU cycles, virtual milliseconds, or instructions of all harts together (to the next turn's end)."""
        given = [x for x in (cycles, ms, instructions) if x is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of cycles, ms, instructions")
        if instructions is not None:
            return self._run_instructions(instructions)
        with self.lock:
            if ms is not None:
                return self._run_ps(int(ms * PS_PER_MS))
            return self._run(cycles or 0)

    def _run(self, cycles: int, stop_idle: bool = False) -> Stop:
        if not self._emu:
            raise EmulationError("the machine is closed")
        stop = Stop(self._lib.emu_run(self._emu, cycles, stop_idle))
        if stop is Stop.STRICT:
            raise EmulationError(f"strict: {self.reports[-1]}")
        return stop

    def _run_ps(self, ps: int) -> Stop:
        """The clock may change on the way, so a time is reached in steps."""
        end = self._lib.emu_now(self._emu) + ps
        while (left := end - self._lib.emu_now(self._emu)) > 0:
            stop = self._run(max(1, self._lib.emu_cycles_of_ps(self._emu, min(left, PS_PER_MS))))
            if stop not in (Stop.LIMIT, Stop.STALLED):
                return stop
        return Stop.LIMIT

    def _run_instructions(self, count: int) -> Stop:
        with self.lock:
            end = self.instructions + count
            while (left := end - self.instructions) > 0:
                stop = self._run(max(1, left // 2))
                if stop is not Stop.LIMIT:
                    return stop
            return Stop.LIMIT

    def run_until(self, text: str | bytes, timeout_ms: float = TEXT_LIMIT_MS) -> bytes:
        """Runs until UARTHS has sent `text`; returns the output not read so far, up to the text's end.

        EmulationError if it does not come within `timeout_ms` of virtual time or the run ends otherwise.
        """
        wanted = text.encode() if isinstance(text, str) else bytes(text)
        if not wanted:
            raise ValueError("the text to wait for is empty")
        with self.lock:
            found = self._take(wanted)
            if found is not None:
                return found
            self._lib.emu_stop_on_text(self._emu, wanted, len(wanted), self._read_from)
            try:
                stop = self._run_ps(int(timeout_ms * PS_PER_MS))
            finally:
                self._lib.emu_stop_on_text(self._emu, b"", 0, 0)
            found = self._take(wanted)
            if found is not None:
                return found
            tail = self._output()[self._read_from:][-300:]
            raise EmulationError(f"{wanted!r} did not come within {timeout_ms} ms ({stop.name.lower()}); "
                                 f"at {self.where()}; output ends {tail!r}")

    def _take(self, wanted: bytes) -> bytes | None:
        output = self._output()
        at = output.find(wanted, self._read_from)
        if at < 0:
            return None
        end = at + len(wanted)
        data, self._read_from = output[self._read_from:end], end
        return data

    def run_until_idle(self, timeout_ms: float = TEXT_LIMIT_MS) -> Stop:
        """Runs until every hart waits in wfi and no serial byte is on its way."""
        with self.lock:
            end = self._lib.emu_now(self._emu) + int(timeout_ms * PS_PER_MS)
            while self._lib.emu_now(self._emu) < end:
                if self._lib.emu_idle(self._emu):
                    return Stop.IDLE
                stop = self._run(self._lib.emu_cycles_of_ps(self._emu, 100_000_000), stop_idle=True)
                if stop is Stop.IDLE and not self._lib.emu_idle(self._emu):
                    stop = self._run(self._lib.emu_cycles_of_ps(self._emu, 100_000_000))
                if stop not in (Stop.LIMIT, Stop.IDLE, Stop.STALLED):
                    return stop
            return Stop.LIMIT

    def run_while(self, condition: Callable[[Machine], bool], timeout_ms: float = TEXT_LIMIT_MS,
                  step_ms: float = 0.1) -> Stop:
        """Runs in steps as long as `condition(self)` holds; EmulationError if it still does after `timeout_ms`."""
        end = self.now_ms + timeout_ms
        while condition(self):
            if self.now_ms >= end:
                raise EmulationError(f"the condition still holds after {timeout_ms} ms; at {self.where()}")
            stop = self.run(ms=step_ms)
            if stop is not Stop.LIMIT:
                return stop
        return Stop.LIMIT

    def stop(self) -> None:
        """From another thread: ends the current run."""
        self._lib.emu_stop(self._emu)

    # ---- serial

    def send(self, data: bytes, uart: int = 0) -> None:
        """Queues bytes for UARTHS (0) or UART1..3; the UART takes them at its own baud rate."""
        with self.lock:
            self._lib.emu_serial_send(self._emu, _check_uart(uart), bytes(data), len(data))

    def _output(self, uart: int = 0, start: int = 0) -> bytes:
        pointer = ctypes.c_void_p()
        count = self._lib.emu_serial_output(self._emu, uart, ctypes.byref(pointer))
        if count <= start or not pointer.value:
            return b""
        return ctypes.string_at(pointer.value + start, count - start)

    @property
    def output(self) -> bytes:
        """Everything UARTHS has sent."""
        with self.lock:
            return self._output()

    def uart_output(self, uart: int) -> bytes:
        with self.lock:
            return self._output(_check_uart(uart))

    def read_new(self) -> bytes:
        """What UARTHS has sent since run_until() or read_new() last returned."""
        with self.lock:
            data = self._output(0, self._read_from)
            self._read_from += len(data)
            return data

    # ---- the serial port as its client sees it

    def set_lines(self, dtr: bool, rts: bool) -> None:
        """DTR and RTS of the USB bridge, True is asserted; the board's wiring drives reset and IO16 with them."""
        with self.lock:
            for reset, boot_low in self._pins.step(dtr, rts):
                if boot_low:
                    self.pad(BOOT_PAD).drive(False)
                elif self._boot_driven:
                    self.pad(BOOT_PAD).release()
                self._boot_driven = boot_low
                self._lib.emu_hold_reset(self._emu, reset)

    def set_port_rate(self, baud: int) -> int:
        """Baud rate of the client, 0 for any; returns the rate on the wire. Bytes at another rate are lost."""
        with self.lock:
            rate = self._pins.rate(baud)
            self._lib.emu_port_set_rate(self._emu, rate)
            return rate

    def port_send(self, data: bytes, rate: int = 0) -> None:
        """Bytes to whichever UART is routed to IO4, at `rate` (0: its own)."""
        with self.lock:
            self._lib.emu_port_send(self._emu, bytes(data), len(data), rate)

    def port_output(self, start: int = 0) -> bytes:
        """What has arrived from IO5 at the client's rate, from byte `start` on."""
        pointer = ctypes.c_void_p()
        with self.lock:
            count = self._lib.emu_port_output(self._emu, ctypes.byref(pointer))
            return ctypes.string_at(pointer.value + start, count - start) if count > start and pointer.value else b""

    @property
    def port_sent(self) -> int:
        with self.lock:
            return int(self._lib.emu_port_output(self._emu, ctypes.byref(ctypes.c_void_p())))

    @property
    def port_queued(self) -> int:
        """Bytes that port_send() has been given and no UART has taken yet."""
        with self.lock:
            return int(self._lib.emu_port_queued(self._emu))

    def serve(self, port: str = "pty", pace: bool = False) -> str:
        """Runs the machine from a background thread and offers the board's serial port as "pty", "pty:LINK" (a symbolic
        link to make), "tcp:HOST:PORT" or "rfc2217:PORT".

        Returns the name to open (also in `port`). While the harts sleep, virtual time follows wall time; while they
        work it runs free, or at the chip's speed with `pace`.
        """
        from .serve import Server, open_link

        if self._server:
            raise EmulationError(f"already serving on {self._server.name}")
        self._server = Server(self, open_link(port), pace)
        return self._server.name

    def stop_serving(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    @property
    def port(self) -> str | None:
        return self._server.name if self._server else None

    @property
    def port_environment(self) -> dict[str, str]:
        """Environment variables for clients of `port`, so that they can drive DTR and RTS; empty if not needed."""
        return self._server.environment if self._server else {}

    @property
    def serve_error(self) -> Exception | None:
        """Why the serving thread ended by itself, if it did."""
        return self._server.error if self._server else None

    # ---- looking inside

    def read(self, address: int, length: int) -> bytes:
        data = ctypes.create_string_buffer(length)
        with self.lock:
            if not self._lib.emu_memory_read(self._emu, address, data, length):
                raise ValueError(f"no memory or registers at 0x{address:x}, {length} bytes")
        return data.raw

    def write(self, address: int, data: bytes) -> None:
        with self.lock:
            if not self._lib.emu_memory_write(self._emu, address, bytes(data), len(data)):
                raise ValueError(f"no memory or registers at 0x{address:x}, {len(data)} bytes")

    def read_u32(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def read_u64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def registers(self, hart: int = 0) -> dict[str, int]:
        """Integer registers x0..x31, pc and the trap CSRs of a hart."""
        with self.lock:
            get = self._lib.emu_register
            values = {f"x{i}": get(self._emu, hart, i) for i in range(32)}
            values["pc"] = get(self._emu, hart, 32)
            values.update({name: get(self._emu, hart, 0x1000 + number) for name, number in CSRS.items()})
        return values

    def float_bits(self, hart: int = 0) -> list[int]:
        """The 64 bits of f0..f31."""
        with self.lock:
            return [self._lib.emu_register(self._emu, hart, 33 + i) for i in range(32)]

    def where(self) -> str:
        with self.lock:
            return ", ".join(f"hart {hart} {'asleep' if self._lib.emu_asleep(self._emu, hart) else 'awake'} "
                             f"pc 0x{self._lib.emu_register(self._emu, hart, 32):x}" for hart in range(2))

    def state(self) -> dict[str, Any]:
        with self.lock:
            state: dict[str, Any] = json.loads(self._lib.emu_state(self._emu))
            return state

    @property
    def reports(self) -> list[str]:
        """Accesses that no model answers and warnings, each once."""
        with self.lock:
            count = self._lib.emu_report_count(self._emu)
            return [self._lib.emu_report(self._emu, i).decode(errors="replace") for i in range(count)]

    @property
    def cycles(self) -> int:
        with self.lock:
            return int(self._lib.emu_cycle_count(self._emu))

    @property
    def instructions(self) -> int:
        with self.lock:
            return int(self._lib.emu_instruction_count(self._emu))

    @property
    def cpu_hz(self) -> int:
        with self.lock:
            return int(self._lib.emu_clock_hz(self._emu, 4))

    @property
    def now_ms(self) -> float:
        """Virtual time since power-on."""
        with self.lock:
            return float(self._lib.emu_now(self._emu) / PS_PER_MS)

    @property
    def idle(self) -> bool:
        with self.lock:
            return bool(self._lib.emu_idle(self._emu))

    @property
    def stalled(self) -> bool:
        """Every hart waits in wfi and no event will ever wake one: only input from outside can."""
        with self.lock:
            return self.idle and int(self._lib.emu_next_event(self._emu)) == binding.NEVER

    def pad(self, number: int) -> Pad:
        return Pad(self, number)

    def attach_i2c(self, scl: int, sda: int, address: int, device: I2cDevice) -> None:
        """Wires a device written in Python to two pads; whatever controller the firmware routes there reaches it."""
        if not (0 <= scl < 48 and 0 <= sda < 48 and scl != sda):
            raise ValueError(f"pads {scl} and {sda} are not two of 0..47")
        if not 0 <= address < 0x80:
            raise ValueError(f"address {address:#x} is not a 7-bit address")
        part = Part(device)
        self._parts.append(part)
        with self.lock:
            self._lib.emu_i2c_attach(self._emu, scl, sda, address, ctypes.byref(part))

    def attach_camera(self, frame: Callable[[int, int], bytes | None], fps: float = 30.0) -> None:
        """A sensor that streams at `fps` while it has an XCLK. `frame(width, height)` returns rows of RGB888, or None
        when the picture breaks off; it must not call the machine.
        """
        if fps <= 0:
            raise ValueError(f"{fps} frames a second are not more than 0")
        camera = Camera(frame, fps)
        self._parts.append(camera)
        with self.lock:
            self._lib.emu_camera_attach(self._emu, ctypes.byref(camera))

    def audio(self, unit: int, line: int = 0) -> AudioLine:
        """Data line 0..3 of I2S0..2: samples to the chip and from it, also as WAV files."""
        return AudioLine(self, unit, line)

    @property
    def otp(self) -> memoryview:
        """The one-time programmable memory, 16 KiB, writable; the AES key from 0x3FF0 on is hidden from programs."""
        memory = (ctypes.c_uint8 * OTP_SIZE).from_address(self._lib.emu_otp(self._emu))
        return memoryview(memory).cast("B")

    @property
    def fuses(self) -> ctypes.Array[ctypes.c_uint64]:
        """The fuse words A and B of spec soc.md 10.11."""
        return (ctypes.c_uint64 * 2).from_address(self._lib.emu_fuses(self._emu))

    def wire_spi_slave(self, controller: int, chip_select: int) -> None:
        """Wires SPI2 to a chip select of SPI0 or SPI1: clock and data; SS needs a jumper between pads."""
        if controller not in (0, 1) or not 0 <= chip_select <= 3:
            raise ValueError(f"SPI{controller} select {chip_select}: there are SPI0 and SPI1 with selects 0..3")
        with self.lock:
            self._lib.emu_spi_wire_slave(self._emu, controller, chip_select)

    def spi_slave_exchange(self, out: int, bits: int) -> int:
        """A master outside clocks bits through SPI2 while its SS pad is low; what SPI2 sends back."""
        if not 1 <= bits <= 32:
            raise ValueError(f"{bits} bits are not 1..32")
        with self.lock:
            return int(self._lib.emu_spi_slave_exchange(self._emu, out, bits))

    def jumper(self, a: int, b: int) -> None:
        """A wire between two pads, for levels, serial bytes, I2C and I2S; one at most on each pad."""
        with self.lock:
            if not self._lib.emu_jumper(self._emu, a, b):
                raise ValueError(f"no jumper between pads {a} and {b}: both must be in 0..47 and free")

    def cut_power_after(self, operations: int) -> None:
        """The n-th flash program or erase from now stops half-way and the run ends with POWER_CUT. 0 = off."""
        with self.lock:
            self._lib.emu_cut_power_after(self._emu, operations)


def _check_uart(uart: int) -> int:
    if not 0 <= uart <= 3:
        raise ValueError(f"uart {uart} is not in 0..3 (0 is UARTHS)")
    return uart


def _map_flash(flash: str | os.PathLike[str] | bytes | None, size: int) -> mmap.mmap:
    if flash is None or isinstance(flash, (bytes, bytearray)):
        content = bytes(flash or b"")
        if len(content) > size:
            raise ValueError(f"flash contents of {len(content)} bytes exceed the flash of {size} bytes")
        memory = mmap.mmap(-1, size)
        memory[:] = content + b"\xff" * (size - len(content))
        return memory
    path = Path(flash)
    with open(path, "r+b" if path.exists() else "w+b") as file:
        have = file.seek(0, os.SEEK_END)
        if have > size:
            raise ValueError(f"{path} has {have} bytes, the flash {size}")
        if have < size:
            file.write(b"\xff" * (size - have))
            file.flush()
        return mmap.mmap(file.fileno(), size)
