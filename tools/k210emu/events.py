"""What the client of a serial port does, as its links report it."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_RATE = 115200


@dataclass(frozen=True)
class Rate:
    """The client has set its baud rate; 0 is not known."""

    baud: int


@dataclass(frozen=True)
class Lines:
    """The client has set DTR and RTS; True is asserted."""

    dtr: bool
    rts: bool


Event = bytes | Rate | Lines
