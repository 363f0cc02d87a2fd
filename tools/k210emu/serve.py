"""The serial port of a running machine: a pseudo-terminal, a TCP port or an RFC 2217 port."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import termios
import threading
import time
import tty
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .machine import Machine

SLICE_MS = 5.0  # of virtual time between looks at the port while the harts work
WAIT_S = 0.005  # longest wall time between looks while they sleep
LEAVE = b"\x1d"  # Ctrl-]


class Link(Protocol):
    """One kind of port. read() returns what has come and never blocks; wait() returns when something may have come."""

    name: str

    def wait(self, seconds: float) -> None: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class PtyLink:
    """A pseudo-terminal in raw mode. The slave stays open here, so that clients may come and go."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._pending = b""

    def wait(self, seconds: float) -> None:
        writers = [self._master] if self._pending else []
        select.select([self._master], writers, [], seconds)

    def read(self) -> bytes:
        try:
            return os.read(self._master, 65536)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """A terminal nobody reads fills up; what does not fit is kept, the oldest first, up to 1 MiB."""
        self._pending = (self._pending + data)[-(1 << 20):]
        with contextlib.suppress(BlockingIOError):
            self._pending = self._pending[os.write(self._master, self._pending):] if self._pending else b""

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class TcpLink:
    """A listening TCP port; one client at a time, the latest wins. Output without a client is dropped."""

    def __init__(self, host: str, port: int) -> None:
        self._server = socket.create_server((host, port))
        self._server.setblocking(False)
        self.number = self._server.getsockname()[1]
        self.name = f"socket://{host}:{self.number}"
        self._client: socket.socket | None = None
        self._pending = b""

    def wait(self, seconds: float) -> None:
        readers: list[socket.socket] = [self._server] + ([self._client] if self._client else [])
        writers = [self._client] if self._client and self._pending else []
        select.select(readers, writers, [], seconds)

    def read(self) -> bytes:
        self._accept()
        if not self._client:
            return b""
        try:
            data = self._client.recv(65536)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop()
        return data

    def _accept(self) -> None:
        try:
            client, _ = self._server.accept()
        except BlockingIOError:
            return
        self._drop()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self.connected()

    def connected(self) -> None:
        """For kinds of port that negotiate."""

    def _drop(self) -> None:
        if self._client:
            self._client.close()
        self._client, self._pending = None, b""

    def write(self, data: bytes) -> None:
        if not self._client:
            return
        self._pending += data
        try:
            if self._pending:
                self._pending = self._pending[self._client.send(self._pending):]
        except BlockingIOError:
            pass
        except OSError:
            self._drop()

    def close(self) -> None:
        self._drop()
        self._server.close()


class _Lines:
    """The serial port that pyserial's PortManager believes to control; the settings are the client's to read back."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115200, 8, "N", 1
        self.xonxoff = self.rtscts = self.dsrdtr = False
        self.rts = self.dtr = True
        self.break_condition = False
        self.cts = self.dsr = True
        self.ri = self.cd = False

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass


class Rfc2217Link(TcpLink):
    """A TCP port that speaks RFC 2217, by pyserial's server side."""

    def __init__(self, port: int) -> None:
        super().__init__("localhost", port)
        self.name = f"rfc2217://localhost:{self.number}"
        self._manager: Any = None

    def connected(self) -> None:
        from serial.rfc2217 import PortManager  # type: ignore[import-untyped]

        self._manager = PortManager(_Lines(), _Unescaped(self))

    def read(self) -> bytes:
        data = super().read()
        return b"".join(self._manager.filter(data)) if self._manager and data else b""

    def write(self, data: bytes) -> None:
        super().write(b"".join(self._manager.escape(data)) if self._manager and data else b"")


class _Unescaped:
    """Where the PortManager writes its own answers."""

    def __init__(self, link: TcpLink) -> None:
        self._link = link

    def write(self, data: bytes) -> None:
        TcpLink.write(self._link, data)


class ConsoleLink:
    """This terminal in raw mode; Ctrl-] sets `left`. Without a terminal, standard input as it is."""

    name = "console"

    def __init__(self) -> None:
        self.left = threading.Event()
        self._input: int | None = sys.stdin.fileno()
        self._saved = termios.tcgetattr(self._input) if os.isatty(self._input) else None
        if self._saved:
            tty.setraw(self._input)

    def wait(self, seconds: float) -> None:
        select.select([self._input] if self._input is not None else [], [], [], seconds)

    def read(self) -> bytes:
        if self._input is None or not select.select([self._input], [], [], 0)[0]:
            return b""
        data = os.read(self._input, 65536)
        if not data:
            self._input = None
        elif self._saved and LEAVE in data:
            self.left.set()
            data = data[:data.index(LEAVE)]
        return data

    def write(self, data: bytes) -> None:
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def close(self) -> None:
        if self._saved and self._input is not None:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)


def open_link(port: str) -> Link:
    kind, _, rest = port.partition(":")
    if kind == "pty" and not rest:
        return PtyLink()
    if kind == "tcp":
        host, _, number = rest.rpartition(":")
        if number.isdigit() and int(number) < 65536:
            return TcpLink(host or "localhost", int(number))
    if kind == "rfc2217" and rest.isdigit() and int(rest) < 65536:
        return Rfc2217Link(int(rest))
    raise ValueError(f"port {port!r} is not 'pty', 'tcp:HOST:PORT' or 'rfc2217:PORT' (port 0 picks a free one)")


class Server:
    """Runs the machine in a thread and moves bytes between UARTHS and the port."""

    def __init__(self, machine: Machine, link: Link, pace: bool) -> None:
        self._machine, self._pace = machine, pace
        self._link = link
        self.name = self._link.name
        self.error: Exception | None = None
        self._sent = len(machine.output)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="k210emu", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
        except Exception as error:  # kept for the thread that owns the machine
            self.error = error

    def _step(self) -> None:
        """Asleep: virtual time follows wall time. At work: free, or held back to wall time when paced."""
        machine = self._machine
        started = time.monotonic()
        if machine.idle:
            self._link.wait(WAIT_S)
            self._exchange()
            self._advance(1e3 * (time.monotonic() - started))
        else:
            before = machine.now_ms
            self._exchange()
            self._advance(SLICE_MS)
            ahead = (machine.now_ms - before) / 1e3 - (time.monotonic() - started)
            if self._pace and ahead > 0:
                self._stop.wait(ahead)

    def _advance(self, ms: float) -> None:
        from .machine import EmulationError, Stop

        stop = self._machine.run(ms=ms)
        self._exchange()
        if stop is Stop.POWER_CUT:
            raise EmulationError("the power was cut")

    def _exchange(self) -> None:
        with self._machine.lock:
            data = self._link.read()
            if data:
                self._machine.send(data)
            fresh = self._machine._output(0, self._sent)
        self._sent += len(fresh)
        self._link.write(fresh)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._link.close()
