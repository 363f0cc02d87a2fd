"""The board of a test session: opened once, the firmware put on it once, handed to each test in a known state."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from kpupy import boards

from .dut import Dut, DutError, ExecError
from .link import EmulatedLink, SerialLink
from .targets import Target

HASH_SIZE = 32
PROBE_MS = 5_000  # a firmware that has not started by then is not the one under test
PUT_LIMIT = 64 << 10  # bytes of files that go over the console (about 8 KB/s); more are flashed
BLOCK = 4096  # of the firmware's littlefs

# Removes everything from /flash; prints whether there was anything.
_WIPE = """def _f(d):
    import os
    n = 0
    for e in os.ilistdir(d):
        n += 1
        p = d + '/' + e[0]
        if e[1] == 0x4000:
            _f(p)
            os.rmdir(p)
        else:
            os.remove(p)
    return n
print(_f('/flash'))
del _f
"""
# Overwrites both superblocks of the file system, so that the next start makes a new one.
_FORGET = "import kpupy\n_f = kpupy.Flash()\nfor _i in (0, 1): _f.writeblocks(_i, b'\\xff' * 4096)\ndel _f, _i"
_FIRMWARE_HASH = """def _f():
    import kpupy, binascii
    f = kpupy.Flash(0, {area})
    b = bytearray(37)
    f.readblocks(0, b, 0)
    n = int.from_bytes(b[1:5], 'little')
    if n + 37 > {area}: return ''
    h = bytearray(32)
    f.readblocks((n + 5) // 4096, h, (n + 5) % 4096)
    return binascii.hexlify(h).decode()
print(_f())
del _f
"""


class SessionBoard(Protocol):
    """What the session's tests share."""

    target: Target
    duts: list[Dut]

    def started(self, models: Mapping[int, bytes] | None = None, files: Mapping[str, bytes] | None = None) -> Any:
        """Context manager: a board at its prompt, /flash has only these files; `models` are at flash addresses."""
        ...

    def blank(self) -> Any:
        """Context manager: a board with the firmware and no file system, not yet started."""
        ...

    def served(self) -> Any:
        """Context manager: the name of a serial port with a started board, for other programs to open."""
        ...

    def close(self) -> None: ...


class EmulatedBoard:
    """Every test gets a board of its own."""

    def __init__(self, target: Target, firmware: bytes) -> None:
        self.target, self.firmware = target, firmware
        self.duts: list[Dut] = []
        self._formatted: bytes | None = None

    @contextlib.contextmanager
    def powered(self, flash: bytes | None) -> Iterator[Dut]:
        """An emulated board with these flash contents, not started."""
        from k210emu import Machine

        machine = Machine(board=self.target.board, flash=flash)
        if flash is None:
            machine.write_flash(0, self.firmware)
        dut = Dut(EmulatedLink(machine, self.target.name))
        self.duts.append(dut)
        try:
            yield dut
        finally:
            dut.close()

    @property
    def formatted(self) -> bytes:
        """A flash as the first start leaves it: firmware and an empty file system."""
        if self._formatted is None:
            with self.blank() as dut:
                dut.boot(timeout_ms=20_000)
                self._formatted = bytes(dut.machine.flash)
            self.duts.remove(dut)
        return self._formatted

    @contextlib.contextmanager
    def started(self, models: Mapping[int, bytes] | None = None,
                files: Mapping[str, bytes] | None = None) -> Iterator[Dut]:  # fmt: skip
        flash = bytearray(self.formatted)
        for address, data in (models or {}).items():
            flash[address : address + len(data)] = data
        if files:
            area = _file_area(self.target)
            flash[area.start : area.end] = _file_system(area, files)
        with self.powered(bytes(flash)) as dut:
            dut.boot()
            yield dut

    def blank(self) -> contextlib.AbstractContextManager[Dut]:
        return self.powered(None)

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        with self.started() as dut:
            yield dut.machine.serve("pty")
            dut.machine.stop_serving()
            dut.log += dut.machine.read_new()

    def close(self) -> None:
        pass


def _file_system(area: boards.Area, files: Mapping[str, bytes]) -> bytes:
    """The contents of an area with a new littlefs that holds these files."""
    from littlefs import LittleFS

    fs = LittleFS(block_size=BLOCK, block_count=area.length // BLOCK, prog_size=256, read_size=64)
    for name, data in files.items():
        with fs.open(name, "wb") as file:
            file.write(data)
    return bytes(fs.context.buffer)


def _used_parts(area: boards.Area, contents: bytes) -> dict[int, bytes]:
    """The runs of blocks that are not erased, by flash address."""
    used = [contents[i : i + BLOCK] != b"\xff" * BLOCK for i in range(0, area.length, BLOCK)]
    parts = {}
    for is_used, run in itertools.groupby(range(len(used)), key=lambda block: used[block]):
        if is_used:
            blocks = list(run)
            parts[area.start + blocks[0] * BLOCK] = contents[blocks[0] * BLOCK : (blocks[-1] + 1) * BLOCK]
    return parts


class Access(Protocol):
    """How to get at a board from outside."""

    def connect(self) -> SerialLink:
        """Open the console."""
        ...

    def flash(self, parts: Mapping[int, bytes]) -> None:
        """Write by flash address. No link is open meanwhile."""
        ...

    def url(self) -> str:
        """The port's name for other programs."""
        ...


class PortAccess:
    """A serial port that this computer opens."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def connect(self) -> SerialLink:
        target = self._target
        return SerialLink(target.port, target.baud, target.wiring, target.by_line)

    def flash(self, parts: Mapping[int, bytes]) -> None:
        from . import flashing

        flashing.write(self._target.port, self._target.board, parts)

    def url(self) -> str:
        return self._target.port


class PortBoard:
    """One board at a port, which all tests share: before each it is reset and its /flash is emptied."""

    def __init__(self, target: Target, firmware: bytes, access: Access) -> None:
        self.target, self._firmware, self._access = target, firmware, access
        self.duts: list[Dut] = []
        self.flashed = False
        self._checked = False
        self._dut: Dut | None = None
        self._models: dict[int, str] = {}

    def _open(self) -> Dut:
        if self._dut is None:
            self._dut = Dut(self._access.connect())
        if not self._checked:
            self._ensure_firmware(self._dut)
            self._checked = True
        return self._dut

    def _drop(self) -> None:
        if self._dut:
            with contextlib.suppress(Exception):
                self._dut.close()
        self._dut = None

    def _ensure_firmware(self, dut: Dut) -> None:
        """Flash the firmware unless the board says that it runs this one. Asking costs one reset, flashing minutes."""
        wanted = self._firmware[-HASH_SIZE:].hex()
        try:
            dut.boot_without_user_files(timeout_ms=PROBE_MS)
            area = boards.find(self.target.board).area("firmware")
            assert area
            have = dut.exec(_FIRMWARE_HASH.format(area=area.length)).strip()
        except (DutError, ExecError):
            have = ""
        if have != wanted:
            self._flash({0: self._firmware})
            self.flashed = True

    def _flash(self, parts: Mapping[int, bytes]) -> None:
        self._drop()
        self._access.flash(parts)
        self._dut = Dut(self._access.connect())

    def _lend(self) -> Dut:
        dut = self._open()
        dut.mark = len(dut.log)
        dut.pending = b""
        self.duts.append(dut)
        return dut

    @contextlib.contextmanager
    def started(self, models: Mapping[int, bytes] | None = None,
                files: Mapping[str, bytes] | None = None) -> Iterator[Dut]:  # fmt: skip
        self._open()
        large = sum(map(len, (files or {}).values())) > PUT_LIMIT
        wanted = {at: data for at, data in (models or {}).items() if self._models.get(at) != _digest(data)}
        self._models.update({at: _digest(data) for at, data in wanted.items()})
        if files and large:
            area = _file_area(self.target)
            wanted.update(_used_parts(area, _file_system(area, files)))
        if wanted:
            self._flash(wanted)
        dut = self._lend()
        dut.boot_without_user_files()
        if not large:
            if int(dut.exec(_WIPE, timeout_ms=60_000)):
                dut.boot()
            for name, data in (files or {}).items():
                dut.put(data, f"/flash/{name}")
        dut.exit_raw()
        yield dut

    @contextlib.contextmanager
    def blank(self) -> Iterator[Dut]:
        dut = self._lend()
        dut.boot_without_user_files()
        dut.exec(_FORGET)
        yield dut

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        with self.started():
            pass
        self._drop()
        yield self._access.url()

    def close(self) -> None:
        self._drop()


def _file_area(target: Target) -> boards.Area:
    area = boards.find(target.board).area("filesystem")
    assert area, f"boards/{target.board}/board.json has no file system"
    return area


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def open_board(target: Target, firmware: bytes) -> EmulatedBoard | PortBoard:
    """The target's board. A port is opened by the first test that uses it."""
    if target.emulated:
        return EmulatedBoard(target, firmware)
    if target.farm:
        from .farm import FarmAccess

        return PortBoard(target, firmware, FarmAccess(target))
    return PortBoard(target, firmware, PortAccess(target))
