"""Reset and boot lines: what to do with DTR and RTS, as tables (spec isp-flash.md 2.1, 2.2).

A step is a list of line settings in order; after each step the board gets STEP_S. True asserts a line.
"""

from __future__ import annotations

import errno
import time
from typing import Protocol

from kpupy.boards import Wiring
from kpupy.errors import Exit, ToolError, gone

STEP_S = 0.1  # kflash's; short enough, and survives the jitter of a port on the network

NO_LINES = (errno.ENOTTY, errno.EINVAL)  # what a pseudo-terminal and its like answer

Step = tuple[tuple[str, bool], ...]

ENTER_ISP: dict[Wiring, tuple[Step, ...]] = {
    Wiring.RTS_RESET: (
        (("dtr", False), ("rts", False)),
        (("dtr", False), ("rts", True)),
        (("rts", False), ("dtr", True)),
    ),
    Wiring.DTR_RESET: (
        (("dtr", False), ("rts", False)),
        (("dtr", True), ("rts", False)),
        (("rts", True), ("dtr", False)),
    ),
    Wiring.GO_DAP: (
        (("dtr", True), ("rts", True)),
        (("rts", False), ("dtr", True)),
        (("rts", False), ("dtr", True)),
    ),
}

BOOT: dict[Wiring, tuple[Step, ...]] = {
    Wiring.RTS_RESET: (
        (("dtr", False), ("rts", False)),
        (("dtr", False), ("rts", True)),
        (("rts", False), ("dtr", False)),
    ),
    Wiring.DTR_RESET: (
        (("dtr", False), ("rts", False)),
        (("dtr", True), ("rts", False)),
        (("rts", False), ("dtr", False)),
    ),
    Wiring.GO_DAP: (
        (("dtr", False), ("rts", False)),
        (("dtr", True), ("rts", False)),
        (("rts", True), ("dtr", True)),
    ),
}


class Lines(Protocol):
    """The part of a pyserial port that is needed here."""

    dtr: bool
    rts: bool


def play(port: Lines, steps: tuple[Step, ...], pause: float = STEP_S) -> None:
    """Apply a sequence. A port without modem lines is an error that says so."""
    for step in steps:
        try:
            for line, level in step:
                setattr(port, line, level)
        except (OSError, ValueError) as error:
            raise (no_lines(error) if getattr(error, "errno", None) in NO_LINES else gone(error)) from error
        time.sleep(pause)


def no_lines(error: Exception) -> ToolError:
    return ToolError(
        Exit.PORT,
        f"the port has no reset and boot lines ({error})",
        [
            "hold BOOT, press RESET, release BOOT, and add --manual-boot",
            "an emulated board: with the LD_PRELOAD that it printed, or at its rfc2217 port",
        ],
    )
