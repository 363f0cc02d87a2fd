"""Writing and erasing the flash. The interface is `Engine`; the work is done by kflash, used as a library.

kflash talks to a `GuardedPort` instead of a serial port. The guard hands it only whole replies that answer its last
command, repeats a frame whose checksum failed, gives every wait an end, and keeps the failure that kflash would hide
(spec isp-flash.md 9 lists what it does on its own). kflash so also works on rfc2217:// ports.
"""

from __future__ import annotations

import re
import struct
import sys
import tempfile
import time
import types
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from kpupy import isp, kfpkg, lines
from kpupy.errors import Exit, ToolError, gone
from kpupy.plan import Part
from kpupy.progress import Reporter

BLOCK = 65536
RESENDS = 3
DAMAGED, BUSY = (0xE1, 0xE2), 0xE7  # a lost byte makes the length wrong, a flipped bit the checksum
WRITE_S = 15.0  # two 64 KiB blocks erased and programmed by a slow part
ERASE_S = 200.0  # a 16 MiB part's own limit for a whole erase

GREET, STUB_GREET, STUB_WRITE, STUB_BOOT, STUB_BAUD, STUB_INIT, STUB_ERASE, STUB_STATUS = (
    0xC2, 0xD2, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9)
SILENT = (isp.BOOT, isp.BAUD, STUB_BAUD)  # commands whose reply kflash does not read
ATTEMPTS = {GREET: 60, STUB_GREET: 10, STUB_INIT: 5, STUB_ERASE: 5, STUB_BOOT: 3}
REPLY_OPCODES = {GREET, isp.WRITE, STUB_GREET, STUB_WRITE, STUB_BOOT, STUB_INIT, STUB_ERASE, STUB_STATUS}
STAGES = {GREET: "greeting the boot ROM", isp.WRITE: "loading kflash's program", isp.BOOT: "starting kflash's program",
          STUB_GREET: "greeting kflash's program", STUB_BAUD: "changing the speed", STUB_INIT: "initialising the flash",
          STUB_WRITE: "writing", STUB_ERASE: "erasing", STUB_STATUS: "erasing", STUB_BOOT: "rebooting"}


class Engine(Protocol):
    """One session with a board in serial programming mode; `port` is open and stays open."""

    def write(self, port: Any, parts: Sequence[Part], baud: int, reporter: Reporter) -> None: ...
    def erase(self, port: Any, start: int, length: int | None, baud: int, reporter: Reporter) -> None: ...


class GuardedPort:
    """What kflash believes to be its serial port. `touched` is the flash that may have changed: start, end."""

    def __init__(self, port: Any, move_lines: bool) -> None:
        self._port, self._move_lines = port, move_lines
        self._unslip = isp.Unslip()
        self._ready = bytearray()
        self._open = True
        self._sent = b""
        self._opcode = 0
        self._resends = 0
        self._attempts = 0
        self._deadline = float("inf")
        self._erasing_since: float | None = None
        self.failure: BaseException | None = None
        self.touched: tuple[int, int] | None = None
        self.stage = "opening the port"

    # ---- what kflash calls

    def isOpen(self) -> bool:
        return self._open

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        """kflash closes after every time-out; the port itself stays open."""
        self._open = False

    def setDTR(self, level: bool) -> None:
        self._set_line("dtr", level)

    def setRTS(self, level: bool) -> None:
        self._set_line("rts", level)

    def flushInput(self) -> None:
        self._ready.clear()

    def flushOutput(self) -> None:
        """Nothing is left to send once a reply has come; discarding output could only cut a frame."""

    def inWaiting(self) -> int:
        return len(self._ready)

    @property
    def baudrate(self) -> int:
        return int(self._port.baudrate)

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        with self._keep_failure():
            isp.set_baud(self._port, baud)

    def write(self, data: bytes) -> int:
        with self._keep_failure():
            self._begin(data)
            self._port.write(data)
        return len(data)

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes of filtered replies; empty after 0.1 s."""
        with self._keep_failure():
            until = time.monotonic() + 0.1
            while not self._ready:
                for frame in self._unslip.feed(self._port.read(max(1, self._port.in_waiting))):
                    self._take(frame)
                if time.monotonic() > until:
                    break
            if not self._ready and time.monotonic() > self._deadline:
                raise self.failed("no reply")
            data = bytes(self._ready[:size])
            del self._ready[:size]
        return data

    # ---- what it does beyond a port

    @contextmanager
    def _keep_failure(self) -> Iterator[None]:
        """The first failure is kept and raised again by every later call: kflash swallows most exceptions."""
        if self.failure:
            raise self.failure
        try:
            yield
        except BaseException as error:
            self.failure = gone(error) if isinstance(error, OSError) else error
            raise self.failure from error

    def _set_line(self, line: str, level: bool) -> None:
        if not self._move_lines:
            return
        with self._keep_failure():
            lines.play(self._port, (((line, level),),), pause=0)

    def _begin(self, data: bytes) -> None:
        frames = isp.Unslip().feed(data)
        payload = frames[0] if frames else data
        opcode = payload[0]
        same = data == self._sent and opcode == self._opcode
        self._attempts = self._attempts + 1 if same else 1
        self._sent, self._opcode = data, opcode
        self._resends = 0
        self.stage = STAGES.get(opcode, f"command 0x{opcode:02X}")
        if self._attempts > ATTEMPTS.get(opcode, 200 if opcode == STUB_STATUS else RESENDS):
            raise self.failed(f"{self._attempts - 1} attempts")
        self._deadline = float("inf")
        if opcode == STUB_WRITE:
            self._begin_write(payload)
        elif opcode == STUB_ERASE:
            self._begin_erase(payload)
        elif opcode == STUB_STATUS and self._erasing_since and time.monotonic() - self._erasing_since > ERASE_S:
            raise self.failed(f"still busy after {ERASE_S:.0f} s")

    def _begin_write(self, payload: bytes) -> None:
        address, length = struct.unpack_from("<II", payload, 8)
        self.stage = f"writing {length} bytes at 0x{address:x}"
        self._touch(address, length)
        self._deadline = self._reply_deadline()

    def _begin_erase(self, payload: bytes) -> None:
        address, length = struct.unpack_from("<II", payload, 8)
        self.stage = f"erasing {length} bytes at 0x{address:x}" if length else "erasing the whole flash"
        self._touch(address, length or 1 << 26)
        self._erasing_since = time.monotonic()

    def _touch(self, address: int, length: int) -> None:
        """kflash's program rewrites whole 64 KiB blocks."""
        start, end = address // BLOCK * BLOCK, -(-(address + length) // BLOCK) * BLOCK
        old = self.touched or (start, end)
        self.touched = (min(old[0], start), max(old[1], end))

    def _take(self, frame: bytes) -> None:
        """Pass on a reply that is awaited; drop noise and late replies."""
        if len(frame) != 2 or frame[0] != self._opcode or frame[0] in SILENT or frame[0] not in REPLY_OPCODES:
            return
        opcode, status = frame
        if opcode in (isp.WRITE, STUB_WRITE):
            if status in DAMAGED:
                self._resend()
                return
            if status not in (*isp.OK_STATUS, BUSY):
                raise self.failed(isp.reason(status))
        self._deadline = float("inf")
        self._ready += isp.slip(frame)

    def _resend(self) -> None:
        self._resends += 1
        if self._resends > RESENDS:
            raise self.failed(f"damaged on the way {self._resends} times")
        self._deadline = self._reply_deadline()
        self._port.write(self._sent)

    def _reply_deadline(self) -> float:
        return time.monotonic() + WRITE_S + 2 * 11 * len(self._sent) / max(self.baudrate, 9600)

    def failed(self, why: str) -> ToolError:
        return ToolError(Exit.TRANSFER, f"{self.stage} failed: {why}",
                         ["a lower --baud", "another cable, no hub", "enough current for the board"])


class KflashEngine:
    """kflash 1.1.6 behind a guarded port. `board` is a kflash -B name; `move_lines` False: BOOT is held by hand."""

    def __init__(self, board: str | None, move_lines: bool = True) -> None:
        self._board, self._move_lines = board, move_lines
        self.guard: GuardedPort | None = None

    def write(self, port: Any, parts: Sequence[Part], baud: int, reporter: Reporter) -> None:
        names = {f"part{i}.bin": part for i, part in enumerate(parts)}

        def tell(kind: str, done: int, total: int, _: str) -> None:
            part = names.get(kind)
            reporter.progress(f"write {part.name}" if part else "load kflash's program", done, total)

        with tempfile.TemporaryDirectory(prefix="kpupy") as folder:
            package = Path(folder) / "parts.kfpkg"
            kfpkg.write(package, [kfpkg.Member(name, p.address, False, False, p.data) for name, p in names.items()],
                        zipfile.ZIP_STORED)
            self._run(port, tell, reporter, file=str(package), baudrate=baud)

    def erase(self, port: Any, start: int, length: int | None, baud: int, reporter: Reporter) -> None:
        def tell(kind: str, done: int, total: int, _: str) -> None:
            reporter.progress("load kflash's program", done, total)

        size = "all" if length is None else str(length)
        self._run(port, tell, reporter, file="erase", addr=str(start), length=size, baudrate=baud)

    def _run(self, port: Any, tell: Callable[[str, int, int, str], None], reporter: Reporter, **options: Any) -> None:
        self.guard = guard = GuardedPort(port, self._move_lines)
        import kflash  # type: ignore[import-untyped]

        with _serial_replaced(guard), _log_to(kflash.KFlash, reporter):
            try:
                kflash.KFlash().process(terminal=False, dev=str(port.name), board=self._board, callback=tell,
                                        noansi=True, slow_mode=self._board is None or not self._move_lines, **options)
            except Exception as error:
                raise self._explain(guard, error) from error
        if guard.failure:
            raise guard.failure

    def _explain(self, guard: GuardedPort, error: Exception) -> BaseException:
        if guard.failure:
            return guard.failure
        return guard.failed(_plain(str(error)))


def _plain(text: str) -> str:
    """kflash's message without colours and labels."""
    return re.sub(r"\x1b\[\d+m|\[(ERROR|WARN|INFO)\]", "", text).strip() or "kflash gave no reason"


@contextmanager
def _serial_replaced(guard: GuardedPort) -> Iterator[None]:
    """`import serial` in kflash's process() gets a module whose Serial() is the guard."""
    import serial  # type: ignore[import-untyped]
    import serial.tools.list_ports  # type: ignore[import-untyped]

    stand_in = types.ModuleType("serial")
    stand_in.__dict__.update({k: v for k, v in vars(serial).items() if not k.startswith("__")})
    stand_in.__path__ = serial.__path__

    def open_guard(*_: Any, baudrate: int = isp.START_BAUD, **__: Any) -> GuardedPort:
        guard.baudrate = baudrate
        return guard

    stand_in.Serial = open_guard  # type: ignore[attr-defined]
    sys.modules["serial"] = stand_in
    try:
        yield
    finally:
        sys.modules["serial"] = serial


@contextmanager
def _log_to(kflash_class: Any, reporter: Reporter) -> Iterator[None]:
    """kflash logs through a class attribute; only its warnings are of interest."""

    def log(*words: object, **_: object) -> None:
        text = " ".join(str(word) for word in words)
        if "WARN" in text:
            reporter.warn(f"kflash: {_plain(text)}")

    before, kflash_class.print_callback = kflash_class.print_callback, log
    try:
        yield
    finally:
        kflash_class.print_callback = before


