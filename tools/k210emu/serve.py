"""The serial port of a running machine: a pseudo-terminal, a TCP port or an RFC 2217 port."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .build import modem_library
from .events import FIRST_RATE, Event, Lines, Rate
from .pty_link import PtyLink

if TYPE_CHECKING:
    from .machine import Machine

SLICE_MS = 5.0  # of virtual time between looks at the port while the harts work
WAIT_S = 0.005  # longest wall time between looks while they sleep
LEAVE = b"\x1d"  # Ctrl-]
LONGEST_PAUSE_S = 0.1
RATE_PATIENCE_S = 1.0
LINES_APART_S = 0.12  # pyserial waits 50 or 100 ms for the answer to each RFC 2217 command


class Link(Protocol):
    """One kind of port. read() returns what the client has done, in order, and never blocks; wait() returns when
    something may have come."""

    name: str

    def wait(self, seconds: float) -> None: ...
    def read(self) -> list[Event]: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class TcpLink:
    """A listening TCP port; one client at a time, the latest wins. Output without a client is dropped.

    Raw TCP carries neither lines nor rates (spec isp-flash.md 15): a console only.
    """

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

    def read(self) -> list[Event]:
        data = self._receive()
        return [data] if data else []

    def _receive(self) -> bytes:
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


class _Settings:
    """The serial port that pyserial's PortManager believes to control; notes what the client sets."""

    def __init__(self, note: Callable[[Event], None]) -> None:
        self.bytesize, self.parity, self.stopbits = 8, "N", 1
        self.xonxoff = self.rtscts = self.dsrdtr = False
        self.break_condition = False
        self.cts = self.dsr = True
        self.ri = self.cd = False
        self._note = note
        self._rate = Rate(FIRST_RATE)
        self._lines = Lines(True, True)
        note(self._rate)
        note(self._lines)

    @property
    def baudrate(self) -> int:
        return self._rate.baud

    @baudrate.setter
    def baudrate(self, value: int) -> None:
        self._rate = Rate(value)
        self._note(self._rate)

    @property
    def dtr(self) -> bool:
        return self._lines.dtr

    @dtr.setter
    def dtr(self, value: bool) -> None:
        self._set_lines(Lines(value, self._lines.rts))

    @property
    def rts(self) -> bool:
        return self._lines.rts

    @rts.setter
    def rts(self, value: bool) -> None:
        self._set_lines(Lines(self._lines.dtr, value))

    def _set_lines(self, lines: Lines) -> None:
        self._lines = lines
        self._note(lines)

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass


class Rfc2217Link(TcpLink):
    """A TCP port that speaks RFC 2217, by pyserial's server side. A connection is an open port.

    The two lines change a network's round trip apart, while the step from reset to IO16 low has to look like one (spec
    isp-flash.md 2.1). So both lines alike, which asks for nothing, waits for the next change for a while.
    """

    def __init__(self, port: int) -> None:
        super().__init__("localhost", port)
        self.name = f"rfc2217://localhost:{self.number}"
        self._manager: Any = None
        self._events: list[Event] = []
        self._run = bytearray()
        self._neutral: tuple[Lines, float] | None = None

    def connected(self) -> None:
        from serial.rfc2217 import PortManager  # type: ignore[import-untyped]

        self._manager = PortManager(_Settings(self._note), _Unescaped(self))

    def _note(self, event: Event) -> None:
        self._end_run()
        if isinstance(event, Lines):
            self._neutral = None
            if event.dtr == event.rts:
                self._neutral = event, time.monotonic() + LINES_APART_S
                return
        self._add(event)

    def _add(self, event: Event) -> None:
        if self._neutral:
            self._events.append(self._neutral[0])
            self._neutral = None
        self._events.append(event)

    def _end_run(self) -> None:
        """The bytes that came before a setting keep their place."""
        if self._run:
            self._add(bytes(self._run))
            self._run.clear()

    def _drop(self) -> None:
        super()._drop()
        if self._manager:
            self._manager = None
            self._note(Lines(False, False))

    def read(self) -> list[Event]:
        data = self._receive()
        if self._manager:
            for byte in self._manager.filter(data):
                self._run += byte
        self._end_run()
        if self._neutral and time.monotonic() >= self._neutral[1]:
            self._events.append(self._neutral[0])
            self._neutral = None
        events, self._events = self._events, []
        return events

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

    def read(self) -> list[Event]:
        if self._input is None or not select.select([self._input], [], [], 0)[0]:
            return []
        data = os.read(self._input, 65536)
        if not data:
            self._input = None
        elif self._saved and LEAVE in data:
            self.left.set()
            data = data[:data.index(LEAVE)]
        return [data] if data else []

    def write(self, data: bytes) -> None:
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def close(self) -> None:
        if self._saved and self._input is not None:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)


def open_link(port: str) -> Link:
    kind, _, rest = port.partition(":")
    if kind == "pty":
        return PtyLink(rest or None)
    if kind == "tcp":
        host, _, number = rest.rpartition(":")
        if number.isdigit() and int(number) < 65536:
            return TcpLink(host or "localhost", int(number))
    if kind == "rfc2217" and rest.isdigit() and int(rest) < 65536:
        return Rfc2217Link(int(rest))
    raise ValueError(f"port {port!r} is not 'pty', 'pty:LINK', 'tcp:HOST:PORT' or "
                     f"'rfc2217:PORT' (port 0 picks a free one)")


def client_environment(link: Link) -> dict[str, str]:
    """What a client of the port needs in its environment to drive DTR and RTS; empty where the port carries them."""
    return {"LD_PRELOAD": str(modem_library())} if isinstance(link, PtyLink) and sys.platform == "linux" else {}


def how_to_use(link: Link) -> str:
    """The port's name, then a line per variable that clients need."""
    lines = [f"{name}={value}" for name, value in client_environment(link).items()]
    return "\n".join([link.name, *lines])


class Server:
    """Runs the machine in a thread and joins the port to the board's serial wires."""

    def __init__(self, machine: Machine, link: Link, pace: bool) -> None:
        self._machine, self._pace = machine, pace
        self._link = link
        self.name = self._link.name
        self.environment = client_environment(link)
        self.error: Exception | None = None
        self._sent = machine.port_sent
        self._events: deque[tuple[Event, float]] = deque()
        self._rate = 0
        self._last_byte_s = 0.0  # wall time at which the client sent it
        self._drained_ms: float | None = 0.0  # virtual time since which the board has had all bytes
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
            now = time.monotonic()
            self._events += [(event, now) for event in self._link.read()]
            self._feed()
            fresh = self._machine.port_output(self._sent)
        self._sent += len(fresh)
        self._link.write(fresh)

    def _feed(self) -> None:
        machine = self._machine
        if machine.port_queued:
            self._drained_ms = None
        elif self._drained_ms is None:
            self._drained_ms = machine.now_ms
        while self._events:
            event, when = self._events[0]
            if isinstance(event, bytes):
                machine.port_send(event, self._rate)
                self._last_byte_s, self._drained_ms = when, None
            elif isinstance(event, Lines):
                machine.set_lines(event.dtr, event.rts)
            elif self._rate_waits(when):
                return
            else:
                self._rate = machine.set_port_rate(event.baud)
            self._events.popleft()

    def _rate_waits(self, when: float) -> bool:
        """A client that tells the board a new rate pauses before it changes its own. The pause is kept in virtual time,
        so that the board's answer meets the old or the new rate as it would on a wire (spec isp-flash.md 10.5). A
        board that does not listen, or a change of lines, ends it."""
        if time.monotonic() - when > RATE_PATIENCE_S or any(isinstance(event, Lines) for event, _ in self._events):
            return False
        pause = min(when - self._last_byte_s, LONGEST_PAUSE_S)
        return self._drained_ms is None or self._machine.now_ms < self._drained_ms + 1e3 * pause

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._link.close()
        self._machine.set_lines(False, False)
        self._machine.set_port_rate(0)
