"""A terminal on the board's serial port: raw keys out, bytes in, paste without lost indentation, reconnect."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Protocol

from kpupy import ports
from kpupy.errors import ToolError

LEAVE = b"\x1d"  # Ctrl-]
PASTE_ON, PASTE_OFF = b"\x1b[?2004h", b"\x1b[?2004l"  # the terminal marks what is pasted
PASTE_START, PASTE_END = b"\x1b[200~", b"\x1b[201~"
PASTE_MODE, PASTE_DONE = b"\x05", b"\x04"  # MicroPython's: no auto-indent, run at the end
RETRY_S = 0.5
KEY_S = 0.05


class Keys(Protocol):
    """The user's keyboard and screen."""

    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def __enter__(self) -> Keys: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None: ...


class PosixKeys:
    """A POSIX terminal in raw mode, or a pipe as it is. read() returns b"" after KEY_S, LEAVE at the end of a pipe."""

    def __init__(self) -> None:
        self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        self._saved: Any = None

    def __enter__(self) -> PosixKeys:
        if os.isatty(self._input):
            import termios
            import tty

            self._saved = termios.tcgetattr(self._input)
            tty.setraw(self._input)
            self.write(PASTE_ON)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._saved:
            import termios

            self.write(PASTE_OFF)
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)

    def read(self) -> bytes:
        import select

        if not select.select([self._input], [], [], KEY_S)[0]:
            return b""
        return os.read(self._input, 4096) or LEAVE

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._output, data):]


class WindowsKeys:
    """A Windows console through msvcrt; arrow and other keys become the escape sequences that MicroPython knows."""

    CODES: ClassVar = {"H": "A", "P": "B", "M": "C", "K": "D", "G": "H", "O": "F", "S": "3~"}

    def __init__(self, console: Any = None) -> None:
        if console is None:
            import msvcrt as console
        self._console = console

    def __enter__(self) -> WindowsKeys:
        import signal

        self._interrupts = 0
        self._handler = signal.signal(signal.SIGINT, self._interrupted)
        if sys.platform == "win32":
            os.system("")  # makes the console take escape sequences
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        import signal

        signal.signal(signal.SIGINT, self._handler)

    def _interrupted(self, *_: object) -> None:
        self._interrupts += 1

    def read(self) -> bytes:
        if self._interrupts:
            self._interrupts -= 1
            return b"\x03"
        if not self._console.kbhit():
            time.sleep(KEY_S)
            return b""
        key = self._console.getwch()
        if key in ("\x00", "\xe0"):
            code = self.CODES.get(self._console.getwch())
            return f"\x1b[{code}".encode() if code else b""
        return str(key).encode()

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def keyboard() -> Keys:
    return WindowsKeys() if os.name == "nt" else PosixKeys()


class Paste:
    """Turns what the terminal marks as pasted into MicroPython's paste mode when it has several lines."""

    def __init__(self) -> None:
        self._pasted: bytes | None = None

    def feed(self, data: bytes) -> bytes:
        """What to send to the board for these keys."""
        out = b""
        while data:
            if self._pasted is None:
                typed, mark, data = data.partition(PASTE_START)
                out += typed
                if mark:
                    self._pasted = b""
            else:
                text, mark, data = (self._pasted + data).partition(PASTE_END)
                self._pasted = None if mark else text
                out += self._wrap(text) if mark else b""
        return out

    @staticmethod
    def _wrap(text: bytes) -> bytes:
        text = text.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        if b"\r" not in text.rstrip(b"\r"):
            return text
        return PASTE_MODE + text + PASTE_DONE


class Terminal:
    """The port is opened at once, and waited for when it vanishes later."""

    def __init__(self, name: str, baud: int, show: Callable[[bytes], None],
                 note: Callable[[str], None]) -> None:
        self._name, self._baud, self._show, self._note = name, baud, show, note
        self._port: Any = ports.open_port(name, baud)
        self._stop = threading.Event()
        self._paste = Paste()

    def run(self, keys: Keys | None = None, seconds: float | None = None) -> None:
        """Returns after Ctrl-] or `seconds`; without keys it only shows."""
        reader = threading.Thread(target=self._read_forever, daemon=True)
        reader.start()
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while not self._stop.is_set() and (end is None or time.monotonic() < end):
                if keys is None:
                    time.sleep(KEY_S)
                else:
                    self._type(keys.read())
        finally:
            self._stop.set()
            reader.join(2)
            with contextlib.suppress(OSError):
                self._port.close()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._port.write(data)

    def _type(self, data: bytes) -> None:
        before, left, _ = data.partition(LEAVE)
        if before:
            self.send(self._paste.feed(before))
        if left:
            self._stop.set()

    def _read_forever(self) -> None:
        while not self._stop.is_set():
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except (OSError, TypeError):  # TypeError: pyserial's, when the port closes while it reads
                if not self._stop.is_set():
                    self._reconnect()
                continue
            if data:
                self._show(data)

    def _reconnect(self) -> None:
        self._note(f"{self._name} is gone; waiting for it to come back (Ctrl-] leaves)")
        with contextlib.suppress(OSError):
            self._port.close()
        while not self._stop.wait(RETRY_S):
            try:
                self._port = ports.open_port(self._name, self._baud)
            except ToolError:
                continue
            self._note(f"{self._name} is back")
            return
