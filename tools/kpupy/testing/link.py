"""The way to a board: bytes in, bytes out, a reset and a clock.

A link to the emulated board in this process runs in the board's own time; a link over a serial port in wall time.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from kpupy import boards, lines

if TYPE_CHECKING:
    from k210emu import Machine

CHUNK = 256  # with PAUSE_S between: what every firmware's raw REPL takes without losing bytes (spec isp-flash.md 13.2)
PAUSE_S = 0.01
WRITE_S = 20.0


class BoardLost(ConnectionError):
    """The port is gone, or the board lost its power."""


class Link(Protocol):
    """One board. read() lets it run for up to `ms` and returns what it has sent."""

    name: str

    @property
    def machine(self) -> Machine | None: ...
    @property
    def now_ms(self) -> float: ...
    def write(self, data: bytes) -> None: ...
    def read(self, ms: float) -> bytes: ...
    def reset(self) -> bool:
        """Reset by line; False when this port has none."""
        ...

    def state(self) -> str:
        """What is known about the board beside its output, for a person."""
        ...

    def screen(self) -> bytes | None:
        """The display's picture as PNG, where there is a way to see it."""
        ...

    def close(self) -> None: ...


class EmulatedLink:
    """The emulated board in this process."""

    def __init__(self, machine: Machine, name: str = "emulated board") -> None:
        self._machine, self.name = machine, name
        self._cut = False

    @property
    def machine(self) -> Machine | None:
        return self._machine

    @property
    def now_ms(self) -> float:
        return self._machine.now_ms

    def write(self, data: bytes) -> None:
        self._machine.send(data)

    def read(self, ms: float) -> bytes:
        if self._cut:
            raise BoardLost(f"{self.name}: the power was cut")
        self._cut = self._machine.run(ms=ms).name == "POWER_CUT"
        return self._machine.read_new()

    def reset(self) -> bool:
        self._cut = False
        self._machine.read_new()
        self._machine.reset()
        self._machine.read_new()
        return True

    def state(self) -> str:
        machine = self._machine
        text = [f"{machine.where()}; {machine.now_ms:.3f} ms after power-on"]
        for hart in range(2):
            registers = machine.registers(hart)
            text += [f"hart {hart}:"]
            names = list(registers)
            for start in range(0, len(names), 4):
                text += ["  ".join(f"{name:>9} 0x{registers[name]:016x}" for name in names[start : start + 4])]
        return "\n".join(text + [f"report: {report}" for report in machine.reports])

    def screen(self) -> bytes | None:
        shot: Callable[[], bytes | None] | None = getattr(self._machine, "screenshot", None)
        return shot() if shot else None

    def close(self) -> None:
        self._machine.close()


class SerialLink:
    """A board at a serial port: a device name, any URL that pyserial takes, or an open pyserial object.

    A thread collects what comes, so that nothing is lost while the test computes.
    """

    def __init__(self, port: Any, baud: int = 115200, wiring: boards.Wiring | None = None,
                 by_line: bool = True) -> None:  # fmt: skip
        """`wiring` tells what DTR and RTS reach; with `by_line` false the lines are left alone."""
        self.name = port if isinstance(port, str) else str(port.port)
        self._wiring = wiring if by_line else None
        self._owned = isinstance(port, str)
        self._port = open_port(port, baud) if isinstance(port, str) else port
        self._arrived = bytearray()
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._closing = False
        self._reader = threading.Thread(target=self._collect, name=f"read {self.name}", daemon=True)
        self._port.timeout = 0.05
        self._reader.start()

    @property
    def machine(self) -> Machine | None:
        return None

    @property
    def now_ms(self) -> float:
        return time.monotonic() * 1e3

    def _collect(self) -> None:
        while not self._closing:
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except Exception as error:  # pyserial's backends raise what their system calls do
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            if data:
                with self._changed:
                    self._arrived += data
                    self._changed.notify_all()

    def write(self, data: bytes) -> None:
        self._check()
        for start in range(0, len(data), CHUNK):
            if start:
                time.sleep(PAUSE_S)
            try:
                self._port.write(data[start : start + CHUNK])
            except Exception as error:
                raise BoardLost(f"{self.name}: {error}") from error

    def read(self, ms: float) -> bytes:
        with self._changed:
            if not self._arrived and not self._error:
                self._changed.wait(ms / 1e3)
            data = bytes(self._arrived)
            self._arrived.clear()
        if not data:
            self._check()
        return data

    def _check(self) -> None:
        if self._error:
            raise BoardLost(f"{self.name}: {self._error}") from self._error

    def reset(self) -> bool:
        if self._wiring is None:
            return False
        self._check()
        steps = lines.BOOT[self._wiring]
        try:
            for step in steps[:-1]:
                self._set(step)
        except OSError as error:
            if error.errno == errno.ENOTTY:
                self._wiring = None
                return False
            raise BoardLost(f"{self.name}: {error}") from error
        with self._changed:
            self._arrived.clear()  # the board is held in reset here
        self._set(steps[-1])
        return True

    def _set(self, step: lines.Step) -> None:
        """Over a network each change costs an answer: what is so already is left."""
        changes = [(line, level) for line, level in step if getattr(self._port, line) != level]
        for line, level in changes:
            setattr(self._port, line, level)
        if changes:
            time.sleep(lines.STEP_S)

    def state(self) -> str:
        return f"{self.name}: {self._error}" if self._error else ""

    def screen(self) -> bytes | None:
        return None

    def close(self) -> None:
        self._closing = True
        self._reader.join(2)
        if self._owned:
            self._port.close()


def open_port(name: str, baud: int) -> Any:
    """An open pyserial port with both modem lines at rest, so that opening resets nothing."""
    import serial  # type: ignore[import-untyped]

    port = serial.serial_for_url(name, do_not_open=True, baudrate=baud, timeout=0.05)
    if "://" not in name:
        port.exclusive = True
        port.write_timeout = WRITE_S
    port.dtr = port.rts = False
    try:
        port.open()
    except serial.SerialException as error:
        raise BoardLost(f"{name}: {error}") from error
    return port
