"""How a board's USB bridge wires DTR and RTS to the reset pin and IO16 (spec isp-flash.md 2.1)."""

from __future__ import annotations

from enum import Enum


class Wiring(Enum):
    """Cross-coupled transistors, so that both lines equal leave the chip alone; or a bridge with a mind of its own."""

    RTS_RESETS = "dan"
    DTR_RESETS = "goE"
    OLD_DAP = "goD"


# The values of kflash -B, which is how boards are told apart in the field.
WIRINGS = {
    "dan": Wiring.RTS_RESETS, "bit": Wiring.RTS_RESETS, "trainer": Wiring.RTS_RESETS,
    "kd233": Wiring.DTR_RESETS, "bit_mic": Wiring.DTR_RESETS, "goE": Wiring.DTR_RESETS,
    "maixduino": Wiring.DTR_RESETS, "goD": Wiring.OLD_DAP,
}

# open-ec bridges run at these rates when asked for the alias (spec isp-flash.md 3.2).
FAST_RATES = {300: 4_500_000, 250: 6_000_000, 350: 7_500_000}


class Pins:
    """The state of reset and IO16 as the lines change. `step` says what to do to the chip, in order."""

    def __init__(self, board: str) -> None:
        if board not in WIRINGS:
            raise ValueError(f"wiring {board!r} is not known; known are {', '.join(WIRINGS)}")
        self.wiring = WIRINGS[board]
        self.reset = self.boot_low = False
        self._lines = (False, False)

    def step(self, dtr: bool, rts: bool) -> list[tuple[bool, bool]]:
        """(reset active, IO16 low) after the change, before it a pulse where the bridge makes one."""
        before, self._lines = self._lines, (dtr, rts)
        if self.wiring is Wiring.OLD_DAP:
            return self._old_dap(before, (dtr, rts))
        resets, boots = (rts, dtr) if self.wiring is Wiring.RTS_RESETS else (dtr, rts)
        return self._to([(resets and not boots, boots and not resets)])

    def _old_dap(self, before: tuple[bool, bool], after: tuple[bool, bool]) -> list[tuple[bool, bool]]:
        both, dtr_only = (True, True), (True, False)
        if (before, after) == (both, dtr_only):
            return self._to([(True, True), (False, True)])
        if (before, after) == (dtr_only, both):
            return self._to([(True, False), (False, False)])
        return self._to([(False, self.boot_low and after == dtr_only)])

    def _to(self, states: list[tuple[bool, bool]]) -> list[tuple[bool, bool]]:
        self.reset, self.boot_low = states[-1]
        return states

    def rate(self, rate: int) -> int:
        return FAST_RATES.get(rate, rate) if self.wiring is Wiring.DTR_RESETS else rate
