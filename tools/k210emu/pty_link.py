"""A pseudo-terminal as serial port, with modem lines for clients that preload libkpupy_modem.so (preload/modem.c)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import sys
import termios
import time
import tty
from pathlib import Path

from .events import FIRST_RATE, Event, Lines, Rate

TCGETS2 = 0x802C542A
OUTPUT_SPEED = 40  # offset in struct termios2
KEPT = 1 << 20
SETTLE_S = 0.002  # what was written to the slave reaches the master through a kernel worker
DTR, RTS, INPUTS = 1, 2, 4


class PtyLink:
    """A pseudo-terminal in raw mode. The slave stays open here, so that clients may come and go.

    `link` is a symbolic link to make to it. Opens through the preload library are connections to an abstract socket
    named after the terminal: the first raises DTR and RTS and empties the port, the end of the last drops them. While
    there is one, the rate is what it last set; otherwise that of the terminal is taken.
    """

    def __init__(self, link: str | None = None) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        settings = termios.tcgetattr(self._slave)
        settings[4] = settings[5] = termios.B115200
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._slave)
        self.name = self.device
        self._pending = b""
        self._lines = 0
        self._events: list[Event] = [Rate(FIRST_RATE)]
        self._rate = FIRST_RATE
        self._sessions: list[socket.socket] = []
        self._listener = self._listen()
        self._link = self._make_link(Path(link)) if link else None

    def _listen(self) -> socket.socket | None:
        if sys.platform != "linux":  # neither abstract sockets nor LD_PRELOAD
            return None
        number = os.fstat(self._slave).st_rdev
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(f"\0k210emu-modem-{os.major(number)}-{os.minor(number)}")
        listener.listen()
        listener.setblocking(False)
        return listener

    def _make_link(self, path: Path) -> Path:
        if path.is_symlink():
            path.unlink()
        path.symlink_to(self.device)  # FileExistsError names anything else that is there
        self.name = str(path)
        return path

    def wait(self, seconds: float) -> None:
        readers = [self._master, *self._sessions, *([self._listener] if self._listener else [])]
        select.select(readers, [self._master] if self._pending else [], [], seconds)

    # ---- what the client does

    def read(self) -> list[Event]:
        self._accept()
        for session in list(self._sessions):
            self._serve(session)
        if not self._sessions:
            self._take_rate()
        self._take_data()
        events, self._events = self._events, []
        return events

    def _take_data(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._master, 65536):
                self._events.append(data)

    def _take_rate(self) -> None:
        rate = self._terminal_rate()
        if rate != self._rate:
            self._rate = rate
            self._events.append(Rate(rate))

    def _terminal_rate(self) -> int:
        if sys.platform != "linux":
            return 0
        settings = fcntl.ioctl(self._master, TCGETS2, bytes(44))
        return int(struct.unpack_from("I", settings, OUTPUT_SPEED)[0])

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._listener:
                session, _ = self._listener.accept()
                session.setblocking(False)
                if not self._sessions:
                    self._empty()
                    self._set_lines(DTR | RTS)
                self._sessions.append(session)

    def _empty(self) -> None:
        """Nobody was there to receive what the board has sent so far."""
        self._pending = b""
        termios.tcflush(self._slave, termios.TCIFLUSH)

    def _serve(self, session: socket.socket) -> None:
        while True:
            try:
                request = session.recv(2)
            except BlockingIOError:
                return
            except OSError:
                request = b""
            self._take_data()
            time.sleep(SETTLE_S)
            self._take_data()
            if len(request) != 2:
                self._end(session)
                return
            self._obey(chr(request[0]), request[1])
            with contextlib.suppress(OSError):  # it has gone; the next recv() says so
                session.send(bytes([self._lines | INPUTS]))

    def _obey(self, operation: str, lines: int) -> None:
        if operation == "r":
            self._take_rate()
        elif operation == "=":
            self._set_lines(lines)
        elif operation == "+":
            self._set_lines(self._lines | lines)
        elif operation == "-":
            self._set_lines(self._lines & ~lines)

    def _set_lines(self, lines: int) -> None:
        if lines != self._lines:
            self._lines = lines
            self._events.append(Lines(bool(lines & DTR), bool(lines & RTS)))

    def _end(self, session: socket.socket) -> None:
        session.close()
        self._sessions.remove(session)
        if not self._sessions:
            self._set_lines(0)

    # ---- what the board sends

    def write(self, data: bytes) -> None:
        """A terminal nobody reads fills up; what does not fit is kept, the latest of it, up to 1 MiB."""
        self._pending = (self._pending + data)[-KEPT:]
        with contextlib.suppress(BlockingIOError):
            self._pending = self._pending[os.write(self._master, self._pending):] if self._pending else b""

    def close(self) -> None:
        if self._link and self._link.is_symlink() and os.readlink(self._link) == self.device:
            self._link.unlink()
        for closing in (*self._sessions, *([self._listener] if self._listener else [])):
            closing.close()
        os.close(self._master)
        os.close(self._slave)
