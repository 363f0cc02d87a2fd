"""Finding and opening the serial port of a board; every way to fail says what to check."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]
from serial.tools import list_ports  # type: ignore[import-untyped]

from kpupy import boards
from kpupy.boards import Board
from kpupy.errors import Exit, ToolError

AUTO = "auto"
WRITE_S = 30  # the longest wait for a device that takes no more bytes
# bridges of K210 boards whose exact id is not published (spec isp-flash.md 7): WCH, FTDI, Prolific, Silicon Labs, DAP
VENDORS = (0x1A86, 0x0403, 0x067B, 0x10C4, 0xC251)


@dataclass(frozen=True)
class Found:
    """A port that may lead to a K210."""

    device: str
    usb_id: str
    description: str
    serial_number: str
    channel: int  # of a bridge with several: 0, 1 in order of enumeration
    channels: int
    boards: tuple[str, ...]  # ids of boards with this bridge


def scan() -> list[Found]:
    """All ports with a bridge that K210 boards use, channels of one bridge side by side."""
    ports = [p for p in list_ports.comports() if p.vid in VENDORS]
    bridges: dict[tuple[str, str], list[Any]] = {}
    for port in sorted(ports, key=lambda p: _natural(p.device)):
        location = re.sub(r":\d+\.\d+$", "", port.location or port.device)
        bridges.setdefault((_usb_id(port), location), []).append(port)
    found = []
    for (usb_id, _), channels in bridges.items():
        names = tuple(b.id for b in boards.load_all().values() if b.usb_id == usb_id)
        for channel, port in enumerate(channels):
            found.append(Found(port.device, usb_id, port.description or "", port.serial_number or "", channel,
                               len(channels), names))
    return found


def _usb_id(port: Any) -> str:
    return f"{port.vid:04x}:{port.pid:04x}"


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def candidates(name: str = AUTO, board: Board | None = None) -> list[str]:
    """The port named, or those that may lead to the board, the likeliest first."""
    if name != AUTO:
        return [name]
    found = scan()
    if board and board.usb_id:
        found = [f for f in found if f.usb_id == board.usb_id]
        if board.k210_port in ("first", "second"):
            wanted = ("first", "second").index(board.k210_port)
            found = [f for f in found if f.channels == 1 or f.channel == wanted]
    if not found:
        raise _none_found(board)
    return [f.device for f in found]


def choose(name: str = AUTO, board: Board | None = None) -> str:
    """The one port to use; several possible ones are an error that lists them."""
    names = candidates(name, board)
    if len(names) > 1:
        listed = ", ".join(names)
        raise ToolError(Exit.PORT, f"several ports may lead to a board: {listed}",
                        ["name one with --port", "or name the board with --board", "kpupy ls-boards shows them"])
    return names[0]


def _none_found(board: Board | None) -> ToolError:
    what = f"no {board.product} (USB id {board.usb_id})" if board and board.usb_id else "no board"
    others = [p.device for p in list_ports.comports()]
    hints = [
        "is the cable plugged in, and is it one that carries data?",
        "is the driver there? CH340: built into Linux, a download for old macOS and Windows",
        f"other serial ports here: {', '.join(others)}" if others else "there is no serial port at all",
        "name the port with --port or KPUPY_PORT; without a board: kpupy emu --serve",
    ]
    if sys.platform == "linux" and Path("/.dockerenv").exists():
        hints.append("in a container: start it with --device /dev/ttyUSB0")
    return ToolError(Exit.PORT, f"{what} found among the serial ports", hints)


def open_port(name: str, baud: int = 115200, *, timeout: float = 0.05) -> Any:
    """An open pyserial port, exclusive. `name` is a device or a pyserial URL.

    Opening asserts DTR and RTS, which leaves cross-coupled reset circuits alone; releasing them one after the other
    would pulse the reset of one kind of board or the other (spec isp-flash.md 2.1).
    """
    try:
        port = serial.serial_for_url(name, do_not_open=True)
        port.baudrate, port.timeout = baud, timeout
        if "://" not in name:
            port.write_timeout = WRITE_S
            port.exclusive = True if os.name == "posix" else None
        port.open()
    except (OSError, ValueError) as error:
        raise explain_open(name, error) from error
    return port


def explain_open(name: str, error: Exception) -> ToolError:
    """Why a port could not be opened, in the user's terms."""
    text = str(error)
    number = getattr(error, "errno", None)
    if number is None and (match := re.search(r"\[Errno (\d+)\]", text)):
        number = int(match[1])
    if number in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        return _no_permission(name)
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text or "Access is denied" in text:
        holders = _holders(name)
        who = f" by {', '.join(holders)}" if holders else ""
        return ToolError(Exit.PORT, f"{name} is in use{who}",
                         ["close the terminal, IDE or other program that has it open"])
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV) or "FileNotFoundError" in text:
        there = ", ".join(p.device for p in list_ports.comports()) or "none"
        return ToolError(Exit.PORT, f"{name} does not exist", [f"serial ports here: {there}", "check the cable"])
    if number == errno.ECONNREFUSED:
        return ToolError(Exit.PORT, f"nobody listens at {name}", ["is the server or the emulated board running?"])
    return ToolError(Exit.PORT, f"{name} cannot be opened: {text}", ["check the name: kpupy ls-boards lists ports"])


def _no_permission(name: str) -> ToolError:
    hints = ["or it is open in another program that allows no second one"]
    if sys.platform == "linux":
        group = _group_of(name)
        hints = [f"add yourself to its group: sudo usermod -aG {group} $USER, then log in again",
                 "or give the device away until it is unplugged: sudo chmod a+rw " + name]
    return ToolError(Exit.PORT, f"no permission to open {name}", hints)


def _group_of(name: str) -> str:
    try:
        import grp

        return grp.getgrgid(os.stat(name).st_gid).gr_name
    except (ImportError, OSError, KeyError):
        return "dialout"


def _holders(name: str) -> list[str]:
    """Programs of this user that have the device open, where /proc tells."""
    proc = Path("/proc")
    if not proc.is_dir():
        return []
    real = os.path.realpath(name)
    return [_program(pid) for pid in proc.iterdir() if pid.name.isdigit() and _has_open(pid, real)]


def _has_open(pid: Path, real: str) -> bool:
    if pid.name == str(os.getpid()):
        return False
    try:
        links: Iterable[Path] = (pid / "fd").iterdir()
        return any(os.path.realpath(link) == real for link in links)
    except OSError:
        return False


def _program(pid: Path) -> str:
    try:
        return f"{(pid / 'comm').read_text().strip()} (process {pid.name})"
    except OSError:
        return f"process {pid.name}"
