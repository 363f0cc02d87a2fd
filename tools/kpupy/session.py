"""A board in serial programming mode: found, reset into it, asked who it is, and let go in a known state."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Any

from kpupy import isp, lines, ports
from kpupy.boards import Board, Wiring
from kpupy.errors import Exit, PortGone, ToolError
from kpupy.progress import Reporter
from kpupy.reader import Reader

FAST_ROM = ("goE", "maixduino", "trainer")  # bridges that follow the ROM to another speed (spec isp-flash.md 3.1)
# kflash's name for a wiring found by trying: those that leave the ROM's speed alone
KFLASH_NAME = {Wiring.RTS_RESET: "dan", Wiring.DTR_RESET: "kd233", Wiring.GO_DAP: "goD"}


HELD_TRIES = 6


class Session:
    """Use as a context manager: leaving it resets the board to its firmware and frees the port, whatever happened.

    `manual`: the user holds BOOT and presses RESET, the lines are not moved.
    """

    def __init__(self, port: str = ports.AUTO, board: Board | None = None, *, manual: bool = False,
                 reporter: Reporter | None = None) -> None:
        self.board, self.manual = board, manual
        self.reporter = reporter or Reporter()
        self.wiring = board.wiring if board else None
        self._fast_rom = not manual and board is not None and board.kflash in FAST_ROM
        self._fresh = False
        self.port: Any = None
        self.name = ""
        self._names = ports.candidates(port, board)

    def __enter__(self) -> Session:
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    @property
    def kflash_board(self) -> str | None:
        if self.board and self.board.kflash:
            return self.board.kflash
        return KFLASH_NAME[self.wiring] if self.wiring else None

    def rom(self) -> isp.Rom:
        """Reset into the boot ROM; it has answered."""
        rom = isp.Rom(self.port)
        if self._fast_rom and self._in_rom(rom):
            if rom.speed_up():
                return rom
            self._fast_rom = False
        if self._in_rom(rom):
            return rom
        raise self._no_answer([self.name])

    def _in_rom(self, rom: isp.Rom) -> bool:
        """The first time the ROM has just answered."""
        fresh, self._fresh = self._fresh, False
        if fresh or self.manual:
            return fresh or self._greet_held(rom)
        return self.wiring is not None and rom.enter(self.wiring)

    def reader(self, baud: int) -> Reader:
        """The flash reader, started anew, at the highest speed up to `baud` that works."""
        reader = Reader.start(self.rom(), lambda done, total: self.reporter.progress("load flash reader", done, total))
        for speed in speeds(baud):
            try:
                reader.set_baud(speed)
                return reader
            except PortGone:
                raise
            except ToolError as error:
                self.reporter.warn(f"{error}; trying slower")
                reader = Reader.start(self.rom())
        return reader

    def reboot(self) -> None:
        """Reset to the firmware in flash."""
        if not self.manual and self.wiring:
            lines.play(self.port, lines.BOOT[self.wiring])

    def close(self) -> None:
        if self.port is None:
            return
        with contextlib.suppress(ToolError, OSError):
            self.reboot()
        with contextlib.suppress(OSError):
            self.port.close()
        self.port = None

    # ---- finding it

    def _connect(self) -> None:
        for name in self._names:
            self._open(name)
            self._fresh = self._find_wiring()
            if self._fresh:
                return
            if name != self._names[-1]:
                self.close()
        raise self._no_answer(self._names)

    def _open(self, name: str) -> None:
        self.port, self.name = ports.open_port(name), name
        self.reporter.note(f"{name}: resetting the board into serial programming mode")

    def _find_wiring(self) -> bool:
        rom = isp.Rom(self.port)
        if self.manual:
            return self._greet_held(rom)
        given = self.wiring
        for wiring in [given] if given else list(Wiring):
            if rom.enter(wiring, tries=3 if given else 2):
                self.wiring = wiring
                return True
        if given:
            self._try_other_wirings(rom, given)
        return False

    def _try_other_wirings(self, rom: isp.Rom, given: Wiring) -> None:
        for wiring in Wiring:
            if wiring is not given and rom.enter(wiring, tries=1):
                self.wiring = wiring
                assert self.board
                raise ToolError(
                    Exit.NO_ANSWER, f"the board answers, but not to the reset lines of {self.board.id} "
                                    f"({given.value}): it is wired like {wiring.value}",
                    [f"use --board {wiring.value}, or the board's own name: kpupy ls-boards --known",
                     "or leave --board away: the wiring is then found by trying"])

    def _greet_held(self, rom: isp.Rom) -> bool:
        rom.set_baud(isp.START_BAUD)
        return any(rom.greet() for _ in range(HELD_TRIES))

    def _no_answer(self, names: list[str]) -> ToolError:
        where = ", ".join(names)
        if self.manual:
            return ToolError(Exit.NO_ANSWER, f"no boot ROM answered on {where}",
                             ["hold BOOT (IO16 low), press and release RESET, then start the command"])
        given = self.wiring
        tried = ", ".join(w.value for w in ([given] if given else Wiring))
        button = self.board.button if self.board else None
        return ToolError(
            Exit.NO_ANSWER, f"no boot ROM answered on {where}; tried reset lines: {tried}",
            [
                "is it this port? kpupy ls-boards lists them; two-channel bridges have the K210 on one of the two",
                "the cable: one that carries data, no hub",
                f"the board: --board NAME (now: {self.board.id if self.board else 'found by trying'})",
                f"by hand: hold {button or 'BOOT (IO16 to ground)'}, press RESET, and add --manual-boot",
            ],
            "as it was, reset once or more",
        )


def speeds(baud: int) -> list[int]:
    """`baud` and the slower ones worth trying after it."""
    return [baud, *(slower for slower in (1500000, 921600, 460800, 115200) if slower < baud)]
