"""What the tests of the verbs share: the command line as a function, and a serial line that can go wrong."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kpupy.cli import main

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "build" / "firmware" / "maix_bit" / "firmware.img"
HARMLESS = 0xF0  # bytes from here on may belong to telnet or SLIP


@dataclass
class Run:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def kpupy(*words: object) -> Run:
    """One command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:  # argparse
            status = int(stop.code or 0)
    out.flush()
    raw = out.buffer
    assert isinstance(raw, io.BytesIO)
    return Run(status, raw.getvalue().decode(errors="replace"), err.getvalue())


class Line:
    """A TCP relay in front of an rfc2217 port. Faults concern bytes from the host to the board, counted from arm().

    Only plain data bytes are damaged, so that the port's own protocol stays whole, as it does on a real cable.
    """

    def __init__(self, name: str) -> None:
        self._target = urlsplit(name)
        self._server = socket.create_server(("localhost", 0))
        self.name = f"rfc2217://localhost:{self._server.getsockname()[1]}"
        self._links: list[socket.socket] = []
        self._faults: list[tuple[int, str]] = []
        self._count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, *faults: tuple[int, str]) -> None:
        """(after so many data bytes, "flip" | "drop" | "noise" | "cut"), in order."""
        self._count, self._faults = 0, sorted(faults)

    @property
    def armed(self) -> bool:
        return bool(self._faults)

    def _accept(self) -> None:
        while True:
            try:
                host, _ = self._server.accept()
                board = socket.create_connection((self._target.hostname or "", self._target.port or 0))
            except OSError:
                return
            for link in (host, board):
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._links = [host, board]
            threading.Thread(target=self._relay, args=(host, board, True), daemon=True).start()
            threading.Thread(target=self._relay, args=(board, host, False), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, faulty: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                target.sendall(self._spoil(data) if faulty and self._faults else data)
        self._cut(source, target)

    def _spoil(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            self._count += 1
            due = self._faults and self._count >= self._faults[0][0] and 0x20 <= byte < 0x80
            kind = self._faults.pop(0)[1] if due else ""
            if kind == "cut":
                self.cut()
                raise OSError("cut")
            if kind == "flip":
                byte ^= 1
            if kind == "noise":
                out += b"\x00noise on the line\x7f"
            if kind != "drop":
                out.append(byte)
        return bytes(out)

    def cut(self) -> None:
        """As if the plug had been pulled: the port is gone, until the next connection."""
        self._cut(*self._links)

    @staticmethod
    def _cut(*links: socket.socket) -> None:
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def close(self) -> None:
        self._server.close()
        self.cut()


def subprocess_command(*words: object) -> list[str]:
    return [sys.executable, "-m", "kpupy", *map(str, words)]
