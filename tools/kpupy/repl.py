"""The board's Python over the raw REPL: mpremote's transport used as a library, with every wait bounded."""

from __future__ import annotations

import ast
import contextlib
import io
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from mpremote.transport import TransportError, TransportExecError  # type: ignore[import-untyped]
from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

from kpupy import lines, ports
from kpupy.boards import Board, Wiring
from kpupy.errors import Exit, ToolError, gone

BAUD = 115200
READ_S = 5.0  # longest silence while the board has to say something
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
RESCUE_S = 3.0  # boot, and the window in which Ctrl-C skips boot.py and main.py

Consumer = Callable[[bytes], None]


class _Transport(SerialTransport):  # type: ignore[misc]
    """mpremote's transport over a port that is already open."""

    def __init__(self, port: Any, name: str) -> None:
        self.in_raw_repl = self.mounted = self.is_pty = False
        self.use_raw_paste = True
        self.device_name, self.serial = name, port

    def exec(self, command: str, data_consumer: Consumer | None = None) -> bytes:
        """As inherited, but trouble with the port is no OSError: that is what the board's file errors become."""
        with _translated():
            return bytes(super().exec(command, data_consumer))


class BoardException(ToolError):
    """Code raised on the board; `output` is what it had printed."""

    def __init__(self, output: str, traceback: str) -> None:
        last = traceback.strip().splitlines()[-1] if traceback.strip() else "unknown error"
        super().__init__(Exit.SCRIPT, last)
        self.output, self.traceback = output, traceback


class Repl:
    """A board at its raw prompt; leaving the context gives the friendly prompt back and frees the port."""

    def __init__(self, port: str = ports.AUTO, board: Board | None = None, *, baud: int = BAUD) -> None:
        self.board = board
        self.name = ports.choose(port, board)
        self.port = ports.open_port(self.name, baud, timeout=READ_S)
        self.transport = _Transport(self.port, self.name)

    def __enter__(self) -> Repl:
        try:
            self.enter()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            if kind is KeyboardInterrupt:
                self.port.write(b"\r\x03\x03")
            if self.transport.in_raw_repl:
                self.transport.exit_raw_repl()
            self.port.flush()
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self.port.close()

    # ---- getting its attention

    def enter(self) -> None:
        """The raw prompt: Ctrl-C, then a reset by line with Ctrl-C in its rescue window."""
        with _translated():
            heard = b""
            for _ in range(3):
                heard += self._interrupt()
                if heard.endswith(RAW_BANNER):
                    self._arm()
                    return
            heard += self._rescue()
            for _ in range(2):
                heard += self._interrupt()
                if heard.endswith(RAW_BANNER):
                    self._arm()
                    return
        raise self._no_prompt(heard)

    def _interrupt(self) -> bytes:
        """What came after Ctrl-C and Ctrl-A, up to the raw banner or 1.5 s."""
        self.port.write(b"\r\x03\x03")
        self._listen(0.1, b"")
        self.port.write(b"\r\x01")
        return self._listen(1.5, RAW_BANNER)

    def _arm(self) -> None:
        """The transport wants to see a '>' before the next command: a fresh banner ends in one."""
        self.port.write(b"\r\x01")
        self.transport.read_until(1, RAW_BANNER[:-1], timeout_overall=2)
        self.transport.in_raw_repl = True

    def _rescue(self) -> bytes:
        """Reset, with Ctrl-C in the window in which our firmware then skips boot.py and main.py."""
        heard = b""
        wirings = [self.board.wiring] if self.board and self.board.wiring else [Wiring.RTS_RESET, Wiring.DTR_RESET]
        for wiring in wirings:
            assert wiring
            try:
                lines.play(self.port, lines.BOOT[wiring])
            except ToolError:
                return heard  # no lines: nothing more to try
            deadline = time.monotonic() + RESCUE_S
            while time.monotonic() < deadline:
                self.port.write(b"\x03")
                heard += self._listen(0.05, b">>> ")
                if heard.endswith(b">>> "):
                    return heard
        return heard

    def _listen(self, seconds: float, end: bytes) -> bytes:
        data = b""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (end and data.endswith(end)):
            if self.port.in_waiting:
                data += self.port.read(1 if end else self.port.in_waiting)
            else:
                time.sleep(0.005)
        return data

    def _no_prompt(self, heard: bytes) -> ToolError:
        said = f"; it last said {heard[-120:]!r}" if heard else ", and it says nothing"
        return ToolError(
            Exit.NO_ANSWER, f"no MicroPython prompt on {self.name}{said}",
            ["is there a MicroPython firmware on it? kpupy flash firmware.img writes one",
             "stuck in a script: keep BOOT pressed while you press RESET shortly, then release BOOT at the prompt",
             "the right port? kpupy ls-boards", f"another speed? --baud (now {self.port.baudrate})"],
            "interrupted by Ctrl-C and reset, where the port has lines",
        )

    # ---- work

    def soft_reset(self) -> None:
        """A fresh interpreter; main.py is not run by our firmware in this mode."""
        with _translated(), _unprinted():
            self.transport.enter_raw_repl(soft_reset=True, timeout_overall=10)

    def exec(self, code: str, *, timeout: float | None = 10, consumer: Consumer | None = None) -> str:
        """Run code; `timeout` is the longest silence. BoardException when it raises."""
        self.start(code)
        with _translated():
            out, error = self.transport.follow(timeout, _visible(consumer))
        if error:
            raise BoardException(_text(out), _text(error))
        return _text(out)

    def start(self, code: str) -> None:
        """Start code and return at once."""
        with _translated(), _unprinted():
            self.transport.exec_raw_no_follow(code)

    def detach(self) -> None:
        """Leave the board at what it does: closing will not call it back to the prompt."""
        self.transport.in_raw_repl = False

    def eval(self, expression: str) -> Any:
        """The value of an expression that prints as a literal."""
        return ast.literal_eval(self.exec(f"print(repr({expression}))"))


@contextmanager
def _translated() -> Iterator[None]:
    """mpremote's and pyserial's errors as ours."""
    try:
        yield
    except TransportExecError:
        raise
    except (TransportError, struct.error) as error:  # struct: a short answer in mpremote's raw paste
        raise ToolError(Exit.NO_ANSWER, f"the board stopped answering: {error}",
                        ["press RESET", "kpupy monitor shows what it says"]) from error
    except OSError as error:
        raise gone(error) from error


def _unprinted() -> contextlib.redirect_stdout[io.StringIO]:
    """mpremote prints what it did not expect to standard output: the error says it better."""
    return contextlib.redirect_stdout(io.StringIO())


def _visible(consumer: Consumer | None) -> Consumer | None:
    """The end mark of the raw REPL is not output."""
    if consumer is None:
        return None

    def show(data: bytes) -> None:
        if data != b"\x04":
            consumer(data)

    return show


def _text(data: bytes) -> str:
    return data.decode(errors="replace").replace("\r\n", "\n")
