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
SHA256, AES, FFT = 0x502C0000, 0x50450000, 0x42000000
I2S, APU = [0x50250000, 0x50260000, 0x50270000], 0x50250200
OTP, SPI2 = 0x50420000, 0x50240000
DVP = 0x50430000
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

    def program_dma(self, channel: int, source: int, target: int, items: int, width: int, burst: int = 1,
                    line: int | None = None) -> None:
        """Starts a DMAC channel as the vendor does; the side that is not RAM is a peripheral at a fixed address."""
        memory = [address < 0x40800000 or 0x80000000 <= address < 0x80800000 for address in (source, target)]
        select = SYSCTL + 0x64 + 4 * (channel // 5)
        if line is not None:
            low = 6 * (channel % 5)
            self.put(select, self.get(select) & ~(0x3F << low) | line << low)
        msize = {1: 0, 4: 1, 8: 2, 16: 3}[burst]
        code = {1: 0, 2: 1, 4: 2, 8: 3}[width]
        flow = 0 if line is None else {(True, False): 1, (False, True): 2, (True, True): 0}[memory[0], memory[1]]
        base = DMAC + 0x100 + 0x100 * channel
        self.put64(DMAC + 0x10, 3)
        for offset, value in ((0x98, 0xFFFFFFFF), (0x00, source), (0x08, target), (0x10, items - 1),
                              (0x18, (not memory[0]) << 4 | (not memory[1]) << 6 | code << 8 | code << 11 |
                               msize << 14 | msize << 18),
                              (0x20, flow << 32 | channel << 39 | channel << 44)):
            self.put64(base + offset, value)
        self.put64(DMAC + 0x18, 1 << channel | 1 << 8 + channel)

    def dma_busy(self, channel: int) -> bool:
        return bool(self.get64(DMAC + 0x18) >> channel & 1)

    def run_us(self, microseconds: float) -> None:
        self.run(ms=microseconds / 1000)

    def warned(self, text: str) -> bool:
        return any(text in report for report in self.reports)

