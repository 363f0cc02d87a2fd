"""A board under test with MicroPython on it."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import crash as crashes
from . import remote
from .link import BoardLost, Link

if TYPE_CHECKING:
    from k210emu import Machine

PROMPT = b">>> "
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
BOOTED = b"init end\r\n"
STEP_MS = 2.0
TAIL = 2000
PIECE = 1536  # bytes of a file per statement: 2 KiB of text in the board's memory

# Every name is one the board can do without: they live in the globals that the tests use.
_READ = """def _f():
    import binascii
    with open({name!r}, 'rb') as f:
        while True:
            b = f.read({piece})
            if not b: break
            print(binascii.b2a_base64(b).decode(), end='')
_f()
del _f
"""
_MEMORY = """def _f(a, n):
    import binascii, uctypes
    for i in range(a, a + n, {piece}):
        print(binascii.b2a_base64(uctypes.bytearray_at(i, min({piece}, a + n - i))).decode(), end='')
_f({address}, {length})
del _f
"""


def _end_of(text: bytes, data: bytes) -> int | None:
    at = data.find(text)
    return None if at < 0 else at + len(text)


class DutError(AssertionError):
    """The board did not answer as it should."""


class ExecError(Exception):
    """Code raised on the board; the text is the board's traceback."""


class Crashed(DutError):
    """The firmware died while the test waited for something else; `crash` is its dump."""

    def __init__(self, crash: crashes.Crash, text: str) -> None:
        super().__init__(text)
        self.crash = crash


class Dut:
    """A board at its prompt, or on the way there. Times are the emulated board's own, or wall time at a port.

    `log` is everything the board has sent, `pending` what no expectation has taken yet.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.pending = b""
        self.log = bytearray()
        self.mark = 0
        """Where in `log` the running test began."""
        self.shown: list[tuple[str, bytes]] = []
        self.closed_state: str | None = None
        self.closed_screen: bytes | None = None

    @property
    def machine(self) -> Machine:
        """The emulated board. Tests that use it are marked `emulator`."""
        if self.link.machine is None:
            raise DutError(f"{self.link.name} is no emulated board in this process: mark the test `emulator`")
        return self.link.machine

    # Bytes

    def write(self, data: bytes | str) -> None:
        """Send bytes, or text as UTF-8, as they are."""
        self.link.write(data.encode() if isinstance(data, str) else data)

    def send(self, line: str) -> None:
        """Type a line at the friendly prompt."""
        self.write(line + "\r")

    def _take(self, ms: float) -> None:
        data = self.link.read(ms)
        self.log += data
        self.pending += data

    def run(self, ms: float) -> None:
        """Let the board work for `ms` and collect what it sends."""
        end = self.now_ms + ms
        while (left := end - self.now_ms) > 1e-6:  # a nanosecond: below, floating point decides
            self._take(left)

    @property
    def now_ms(self) -> float:
        return self.link.now_ms

    # Expectations

    def read_until(self, end: bytes, timeout_ms: float = 10_000) -> bytes:
        """Everything received up to and including `end`."""
        return self._until(lambda: _end_of(end, self.pending), repr(end), timeout_ms)

    def expect_exact(self, text: str | bytes, timeout_ms: float = 10_000) -> bytes:
        """Everything received up to and including `text`."""
        return self.read_until(text.encode() if isinstance(text, str) else text, timeout_ms)

    def expect(self, pattern: str | bytes | re.Pattern[bytes], timeout_ms: float = 10_000) -> re.Match[bytes]:
        """The first match of a regular expression in what is received; what comes before it is dropped."""
        raw = pattern.encode() if isinstance(pattern, str) else pattern
        compiled = re.compile(raw)
        found: list[re.Match[bytes]] = []

        def end() -> int | None:
            match = compiled.search(self.pending)
            if match is None:
                return None
            found.append(match)
            return match.end()

        self._until(end, f"/{compiled.pattern.decode(errors='replace')}/", timeout_ms)
        return found[-1]

    def _until(self, end: Callable[[], int | None], wanted: str, timeout_ms: float, dumps: bool = False) -> bytes:
        deadline = self.now_ms + timeout_ms
        while not (at := end()):
            if dumps and b"core dump: " in self.pending and BOOTED in self.pending.partition(b"core dump: ")[2]:
                crash = crashes.parse(self.pending.decode(errors="replace"))[-1]
                where = f" at 0x{crash.epc:x}" if crash.epc is not None else ""
                raise Crashed(crash, f"the firmware crashed: {crash.reason}{where}; {self._received()}")
            if self.now_ms > deadline:
                raise DutError(f"{wanted} did not come within {timeout_ms:g} ms; {self._received()}")
            self._take(STEP_MS)
        data, self.pending = self.pending[:at], self.pending[at:]
        return data

    def _received(self) -> str:
        cut = f" (the last {TAIL} of {len(self.pending)} bytes)" if len(self.pending) > TAIL else ""
        return f"received {self.pending[-TAIL:]!r}{cut}"

    # Resets

    def hard_reset(self) -> None:
        """Reset by line; at a port without lines by machine.reset(), for which the REPL must answer."""
        self.pending = b""
        if not self.link.reset():
            self.enter_raw()
            self.write(b"import machine; machine.reset()\x04")
            self.read_until(b"OK")

    def boot(self, timeout_ms: float = 5_000) -> str:
        """Hardware reset; the console's text up to the prompt."""
        self.hard_reset()
        return self.read_until(PROMPT, timeout_ms).decode(errors="replace")

    def boot_without_user_files(self, timeout_ms: float = 20_000) -> str:
        """Hardware reset with Ctrl-C, which skips boot.py and main.py however broken they are."""
        self.hard_reset()
        text = self.read_until(BOOTED, timeout_ms)
        self.write(b"\x03")
        return (text + self.read_until(PROMPT, timeout_ms)).decode(errors="replace")

    def soft_reset(self, timeout_ms: float = 5_000) -> str:
        """Ctrl-D at the friendly prompt; the console's text up to the next prompt."""
        self.write(b"\r\x03\x02")
        self.run(20 if self.link.machine else 100)
        self.pending = b""
        self.write(b"\x04")
        self.read_until(b"soft reboot\r\n", timeout_ms)
        return self.read_until(PROMPT, timeout_ms).decode(errors="replace")

    # Code

    def enter_raw(self) -> None:
        self.write(b"\r\x03\x03\x01")
        self.read_until(RAW_PROMPT)

    def exit_raw(self) -> None:
        """Back to the friendly prompt."""
        self.write(b"\r\x02")
        self.read_until(PROMPT)

    def exec_start(self, code: str) -> None:
        """Start code in the raw REPL and return when the board has taken it."""
        self.enter_raw()
        self._send_raw(code)

    def _send_raw(self, code: str) -> None:
        self.write(code.encode() + b"\x04")
        self.read_until(b"OK", 10_000 + len(code))

    def exec_finish(self, timeout_ms: float = 10_000) -> str:
        """Output of the started code, with LF line ends. ExecError when it raised, Crashed when the firmware died."""
        output, error = (self._part(timeout_ms) for _ in range(2))
        self.read_until(b">")
        if error:
            raise ExecError(error)
        return output

    def _part(self, timeout_ms: float) -> str:
        end = b"\x04"
        data = self._until(lambda: _end_of(end, self.pending), repr(end), timeout_ms, dumps=True)
        return data[:-1].decode(errors="replace").replace("\r\n", "\n")

    def exec(self, code: str, timeout_ms: float = 10_000) -> str:
        """Run code; its output."""
        self.exec_start(code)
        return self.exec_finish(timeout_ms)

    def eval(self, expression: str, timeout_ms: float = 10_000) -> object:
        """Value of an expression that prints as a Python literal."""
        return ast.literal_eval(self.exec(f"print(repr(({expression})))", timeout_ms))

    def run_script(self, path: str | Path, timeout_ms: float = 60_000) -> str:
        """Run a script of this computer; its output."""
        return self.exec(Path(path).read_text(), timeout_ms)

    def call(self, function: Callable[..., Any], *args: Any, timeout_ms: float = 60_000, **kwargs: Any) -> Any:
        """Run a function of the test on the board and return its value.

        Its source travels, so it imports what it needs itself. Arguments and value must be Python literals.
        """
        return remote.result(function.__name__, self.exec(remote.call_code(function, args, kwargs), timeout_ms))

    # Files and memory

    def put(self, source: str | Path | bytes, target: str) -> None:
        """Copy a file of this computer, or bytes, to the board."""
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        self.enter_raw()
        pieces = [f"import binascii\n_f = open({target!r}, 'wb')"]
        for start in range(0, len(data), PIECE):
            text = base64.b64encode(data[start : start + PIECE]).decode()
            pieces.append(f"_n = _f.write(binascii.a2b_base64('{text}'))")
        for piece in [*pieces, "_f.close()\n_n = None\ndel _f, _n"]:
            self._send_raw(piece)
            self.exec_finish(30_000)

    def get(self, source: str) -> bytes:
        """A file of the board."""
        return self._decoded(_READ.format(name=source, piece=PIECE))

    def read_memory(self, address: int, length: int) -> bytes:
        """Bytes of the board's memory; over the serial port by the firmware's uctypes."""
        if self.link.machine:
            return self.link.machine.read(address, length)
        return self._decoded(_MEMORY.format(address=address, length=length, piece=PIECE))

    def _decoded(self, code: str) -> bytes:
        return b"".join(base64.b64decode(line) for line in self.exec(code, timeout_ms=600_000).splitlines())

    # What it left

    @property
    def log_text(self) -> str:
        """What the board sent since the running test began."""
        return self.log[self.mark :].decode(errors="replace").replace("\r\n", "\n")

    @property
    def crashes(self) -> list[dict[str, object]]:
        """Crash dumps the board sent since the running test began."""
        return [crash.as_dict() for crash in crashes.parse(self.log_text)]

    def read_crash(self, timeout_ms: float = 10_000) -> dict[str, object]:
        """Wait for a crash dump and the restart behind it; the dump."""
        begin = self.expect(rb"core dump: ", timeout_ms)[0]
        return crashes.parse((begin + self.read_until(BOOTED, timeout_ms)).decode(errors="replace"))[0].as_dict()

    def state(self) -> str:
        """On the emulated board pc and registers of both harts, and what the emulator found strange."""
        return self.closed_state if self.closed_state is not None else self.link.state()

    def screen(self) -> bytes | None:
        """The display as PNG, where it can be seen."""
        return self.closed_screen if self.closed_state is not None else self.link.screen()

    def show(self, title: str, picture: bytes) -> None:
        """Put a picture (PNG or JPEG) on the page of the test run: a photo, or an image that the board made."""
        self.shown.append((title, picture))

    def close(self) -> None:
        """Let go of the board; state() and screen() keep telling how it was."""
        if self.closed_state is None:
            self.closed_screen, self.closed_state = self.link.screen(), self.link.state()
            self.link.close()


__all__ = ["PROMPT", "RAW_PROMPT", "BoardLost", "Crashed", "Dut", "DutError", "ExecError"]
