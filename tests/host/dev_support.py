"""Registers of the emulated chip, poked from outside while both harts sleep."""

from __future__ import annotations

from k210emu import Machine

SRAM = 0x80000000
PLIC_PENDING = 0x0C001000
SYSCTL, FPIOA, GPIO, GPIOHS, UARTHS = 0x50440000, 0x502B0000, 0x50200000, 0x38001000, 0x38000000
SPI = {0: 0x52000000, 1: 0x53000000, 3: 0x54000000}
DMAC = 0x50000000
TIMER = [0x502D0000, 0x502E0000, 0x502F0000]
WDT = [0x50400000, 0x50410000]
I2C = [0x50280000, 0x50290000, 0x502A0000]
RTC = 0x50460000
ACLK = 390_000_000  # at entry, spec soc.md 4.9


class Board(Machine):
    """A machine whose harts never start: time passes only in run()."""

    def get(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def put(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(4, "little"))

    def get64(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def put64(self, address: int, value: int) -> None:
        self.write(address, value.to_bytes(8, "little"))

    def pending(self, source: int) -> bool:
        return bool(self.get(PLIC_PENDING + 4 * (source // 32)) >> source % 32 & 1)

    def run_us(self, microseconds: float) -> None:
        self.run(ms=microseconds / 1000)

    def warned(self, text: str) -> bool:
        return any(text in report for report in self.reports)

