"""A board under test, reached over its serial port.

`Dut` needs bytes in, bytes out and a reset; behind it is the emulated board. `exec` runs code through the raw REPL the
way host tools do.
"""

from __future__ import annotations

import ast

from k210emu import Machine

PROMPT = b">>> "
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"


class DutError(AssertionError):
    """The board did not answer as it should."""


class ExecError(Exception):
    """Code raised on the board; the text is the board's traceback."""


class Dut:
    """A board with MicroPython at its prompt. Times are the board's own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.pending = b""

    # Transport: all that a real board would have to supply.

    def write(self, data: bytes) -> None:
        self.machine.send(data)

    def run(self, ms: float) -> None:
        self.machine.run(ms=ms)
        self.pending += self.machine.read_new()

    def hard_reset(self) -> None:
        self.pending = b""
        self.machine.reset()
        self.machine.boot()
        self.machine.read_new()

    @property
    def now_ms(self) -> float:
        return self.machine.now_ms

    # Everything below is built on it.

    def read_until(self, end: bytes, timeout_ms: float = 10_000) -> bytes:
        """Everything received up to and including `end`."""
        deadline = self.now_ms + timeout_ms
        while end not in self.pending:
            if self.now_ms > deadline:
                raise DutError(f"{end!r} did not come within {timeout_ms} ms; received {self.pending[-2000:]!r}")
            self.run(2)
        data, _, self.pending = self.pending.partition(end)
        return data + end

    def boot(self, timeout_ms: float = 5_000) -> str:
        """Hardware reset; the console's text up to the prompt."""
        self.hard_reset()
        return self.read_until(PROMPT, timeout_ms).decode()

    def enter_raw(self) -> None:
        self.write(b"\r\x03\x03\x01")
        self.read_until(RAW_PROMPT)

    def soft_reset(self, timeout_ms: float = 5_000) -> str:
        """Ctrl-D at the friendly prompt; the console's text up to the next prompt."""
        self.write(b"\r\x03\x02")
        self.run(20)
        self.pending = b""
        self.write(b"\x04")
        self.read_until(b"soft reboot\r\n", timeout_ms)
        return self.read_until(PROMPT, timeout_ms).decode()

    def exec_start(self, code: str) -> None:
        """Start code in the raw REPL and return when the board has taken it."""
        self.enter_raw()
        self.write(code.encode() + b"\x04")
        self.read_until(b"OK")

    def exec_finish(self, timeout_ms: float = 10_000) -> str:
        """Output of the started code, with LF line ends; ExecError when it raised."""
        output = self.read_until(b"\x04", timeout_ms)[:-1]
        error = self.read_until(b"\x04", timeout_ms)[:-1]
        self.read_until(b">")
        if error:
            raise ExecError(error.decode().replace("\r\n", "\n"))
        return output.decode().replace("\r\n", "\n")

    def exec(self, code: str, timeout_ms: float = 10_000) -> str:
        self.exec_start(code)
        return self.exec_finish(timeout_ms)

    def eval(self, expression: str, timeout_ms: float = 10_000) -> object:
        """Value of an expression that prints as a Python literal."""
        return ast.literal_eval(self.exec(f"print(repr(({expression})))", timeout_ms))
