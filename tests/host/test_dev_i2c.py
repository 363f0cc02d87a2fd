"""I2C as master and slave (spec soc.md 10.1)."""

from __future__ import annotations

import pytest
from dev_support import DMAC, FPIOA, GPIOHS, I2C, SRAM, SYSCTL, Board
from k210emu.i2c import RegisterFile

CON, TAR, SAR, DATA, HCNT, LCNT, STAT, MASK, RAW, RX_TL, TX_TL = (
    0x00, 0x04, 0x08, 0x10, 0x14, 0x18, 0x2C, 0x30, 0x34, 0x38, 0x3C)
CLR_INTR, CLR_RD_REQ, CLR_ABRT, CLR_RX_DONE, CLR_STOP, CLR_START = 0x40, 0x50, 0x54, 0x58, 0x60, 0x64
ENABLE, STATUS, TXFLR, RXFLR, ABRT, DMA_CR, TDLR, RDLR = 0x6C, 0x70, 0x74, 0x78, 0x80, 0x88, 0x8C, 0x90
RX_UNDER, RX_OVER, RX_FULL, TX_EMPTY, RD_REQ, TX_ABRT, RX_DONE, STOP_DET, START_DET = (
    1, 2, 4, 16, 32, 64, 128, 512, 1024)
ACTIVITY, TFE, RFNE = 1, 4, 8
READ = 0x100
SCL, SDA, ADDRESS = 30, 31, 0x34
BYTE_US = 9 * 10  # at 100 kHz


def route(board: Board, n: int, scl: int = SCL, sda: int = SDA) -> None:
    board.put(FPIOA + 4 * scl, 0x00991000 | 126 + 2 * n)
    board.put(FPIOA + 4 * sda, 0x00991000 | 127 + 2 * n)


def init(board: Board, n: int, address: int = ADDRESS, con: int = 0x63) -> int:
    """As the vendor does: I2C clock PLL0 / 8, 100 kHz."""
    base = I2C[n]
    board.put(SYSCTL + 0x4C, 3 << 8 | 3 << 16 | 3 << 24)
    board.put(base + ENABLE, 0)
    board.put(base + CON, con)
    board.put(base + TAR, address)
    half = 780_000_000 // 8 // 200_000
    board.put(base + HCNT, half)
    board.put(base + LCNT, half)
    for offset, value in ((MASK, 0), (RX_TL, 0), (TX_TL, 0), (TDLR, 4), (RDLR, 0), (DMA_CR, 3), (ENABLE, 1)):
        board.put(base + offset, value)
    return base


def wait(board: Board, base: int, limit_us: int = 5000) -> float:
    begin = board.now_ms
    while board.get(base + STATUS) & (ACTIVITY | TFE) != TFE:
        board.run_us(1)
        assert (board.now_ms - begin) * 1000 < limit_us
    return (board.now_ms - begin) * 1000


def send(board: Board, base: int, data: bytes) -> float:
    for byte in data:
        board.put(base + DATA, byte)
    return wait(board, base)


@pytest.mark.parametrize("n", range(3))
def test_register_write_and_read(board: Board, n: int) -> None:
    part = RegisterFile({0x10: 0xAB, 0x11: 0xCD})
    board.attach_i2c(SCL, SDA, ADDRESS, part)
    route(board, n)
    base = init(board, n)
    send(board, base, bytes([0x20, 1, 2, 3]))
    assert part.registers[0x20:0x23] == bytes([1, 2, 3])
    for command in (0x10, READ, READ):  # write phase, repeated START, two bytes
        board.put(base + DATA, command)
    wait(board, base)
    assert board.get(base + RXFLR) == 2
    assert [board.get(base + DATA) for _ in range(2)] == [0xAB, 0xCD]
    assert board.get(base + ABRT) == 0
    assert board.get(base + RAW) & (START_DET | STOP_DET) == START_DET | STOP_DET
    assert board.reports == []


def test_time_on_the_wire(board: Board) -> None:
    board.attach_i2c(SCL, SDA, ADDRESS, RegisterFile())
    route(board, 0)
    base = init(board, 0)
    took = send(board, base, bytes(5))
    assert took == pytest.approx(6 * BYTE_US + 20, rel=0.02)  # address and five bytes, START and STOP


def test_nobody_answers(board: Board) -> None:
    board.attach_i2c(SCL, SDA, 0x21, RegisterFile())
    route(board, 2)
    base = init(board, 2)
    board.put(base + MASK, TX_ABRT)
    took = send(board, base, bytes(8))
    assert took < 1.5 * BYTE_US
    assert board.get(base + ABRT) == 1
    assert board.get(base + RAW) & TX_ABRT
    assert board.pending(10)
    board.put(base + DATA, 1)  # held empty until the abort is cleared
    assert board.get(base + TXFLR) == 0
    assert board.get(base + ABRT) == 1
    board.put(base + CLR_ABRT, 1)  # writing does nothing
    assert board.get(base + ABRT) == 1
    board.get(base + CLR_ABRT)
    assert board.get(base + ABRT) == 0
    assert not board.pending(10)
    board.put(base + ENABLE, 0)
    board.put(base + TAR, 0x21)
    board.put(base + ENABLE, 1)
    send(board, base, b"\x00\x01")
    assert board.get(base + ABRT) == 0


def test_unrouted_pins_reach_nobody(board: Board) -> None:
    board.attach_i2c(SCL, SDA, ADDRESS, RegisterFile())
    base = init(board, 0)
    send(board, base, b"\x00")
    assert board.get(base + ABRT) == 1


def test_refused_data(board: Board) -> None:
    class Refuses(RegisterFile):
        def write(self, byte: int) -> bool:
            return byte != 3

    board.attach_i2c(SCL, SDA, ADDRESS, Refuses())
    route(board, 1)
    base = init(board, 1)
    send(board, base, bytes([1, 2, 3, 4]))
    assert board.get(base + ABRT) == 1 << 3


def test_empty_fifo_ends_the_transaction(board: Board) -> None:
    events: list[str] = []

    class Log(RegisterFile):
        def start(self, reading: bool) -> bool:
            events.append("read" if reading else "write")
            return super().start(reading)

        def stop(self) -> None:
            events.append("stop")

    board.attach_i2c(SCL, SDA, ADDRESS, Log())
    route(board, 0)
    base = init(board, 0)
    send(board, base, b"\x05")
    board.put(base + DATA, READ)
    wait(board, base)
    for command in (5, READ):
        board.put(base + DATA, command)
    wait(board, base)
    assert events == ["write", "stop", "read", "stop", "write", "read", "stop"]


def test_interrupts_follow_the_levels(board: Board) -> None:
    board.attach_i2c(SCL, SDA, ADDRESS, RegisterFile())
    route(board, 0)
    base = init(board, 0)
    board.put(base + RX_TL, 1)
    board.put(base + MASK, RX_FULL)
    for _ in range(2):
        board.put(base + DATA, READ)
    board.run_us(2.3 * BYTE_US)
    assert board.get(base + STAT) == 0
    board.run_us(BYTE_US)
    assert board.get(base + STAT) == RX_FULL
    assert board.pending(8)
    board.get(base + DATA)
    assert not board.pending(8)
    board.put(base + MASK, TX_EMPTY)
    assert board.pending(8)
    board.put(base + MASK, 0)
    board.get(base + DATA)
    board.get(base + DATA)
    assert board.get(base + RAW) & RX_UNDER


def test_receive_overrun(board: Board) -> None:
    board.attach_i2c(SCL, SDA, ADDRESS, RegisterFile())
    route(board, 0)
    base = init(board, 0)
    for _ in range(8):
        board.put(base + DATA, READ)
    board.run_us(3 * BYTE_US)
    board.put(base + DATA, READ)
    wait(board, base)
    assert board.get(base + RXFLR) == 8
    assert board.get(base + RAW) & RX_OVER


def test_ten_bit_address(board: Board) -> None:
    route(board, 0)
    base = init(board, 0, 0x155, 0x73)
    send(board, base, b"\x00")
    assert board.get(base + ABRT) == 1 << 1


def dma(board: Board, channel: int, source: int, target: int, items: int, fixed: int, flow: int, line: int) -> None:
    base = DMAC + 0x100 + 0x100 * channel
    selects = board.get(SYSCTL + 0x64)
    board.put(SYSCTL + 0x64, selects & ~(0x3F << 6 * channel) | line << 6 * channel)
    board.put64(DMAC + 0x10, 3)
    for offset, value in ((0, source), (8, target), (0x10, items - 1), (0x18, fixed | 2 << 8 | 2 << 11),
                          (0x20, flow << 32 | channel << 39 | channel << 44)):
        board.put64(base + offset, value)
    board.put64(DMAC + 0x18, 1 << channel | 1 << 8 + channel)


def test_write_and_read_by_dma(board: Board) -> None:
    part = RegisterFile({0x40 + i: 0x80 + i for i in range(20)})
    board.attach_i2c(SCL, SDA, ADDRESS, part)
    route(board, 1)
    base = init(board, 1)
    commands = [0x40] + [READ] * 20
    board.write(SRAM + 0x1000, b"".join(c.to_bytes(4, "little") for c in commands))
    dma(board, 1, base + DATA, SRAM + 0x2000, 20, 1 << 4, 2, 10)
    dma(board, 0, SRAM + 0x1000, base + DATA, 21, 1 << 6, 1, 11)
    board.run_us(25 * BYTE_US)
    assert board.get64(DMAC + 0x18) & 3 == 0
    words = board.read(SRAM + 0x2000, 80)
    assert list(words[::4]) == [0x80 + i for i in range(20)]


class TestSlave:
    """I2C0 as master and I2C1 as slave over two wires."""

    @pytest.fixture
    def pair(self, board: Board) -> Board:
        route(board, 0)
        route(board, 1, 34, 35)
        board.jumper(SCL, 34)
        board.jumper(SDA, 35)
        init(board, 0, 0x5A)
        board.put(I2C[1] + ENABLE, 0)
        for offset, value in ((CON, 1 << 1 | 1 << 7), (SAR, 0x5A), (HCNT, 37), (LCNT, 40), (DMA_CR, 0), (RX_TL, 0),
                              (MASK, START_DET | STOP_DET | RX_FULL | RD_REQ), (ENABLE, 1)):
            board.put(I2C[1] + offset, value)
        return board

    def test_receives(self, pair: Board) -> None:
        master, slave = I2C[0], I2C[1]
        pair.put(master + DATA, 0x77)
        pair.run_us(1.5 * BYTE_US)
        assert pair.get(slave + STAT) == START_DET
        pair.get(slave + CLR_START)
        assert pair.get(slave + STAT) == 0
        pair.run_us(BYTE_US)
        assert pair.get(slave + STAT) & RX_FULL
        assert pair.pending(9)
        assert pair.get(slave + DATA) == 0x77
        wait(pair, master)
        assert pair.get(slave + STAT) == STOP_DET
        pair.get(slave + CLR_STOP)
        assert not pair.pending(9)
        assert pair.get(master + ABRT) == 0

    def test_sends_when_asked_and_holds_the_clock_meanwhile(self, pair: Board) -> None:
        master, slave = I2C[0], I2C[1]
        pair.put(master + DATA, READ)
        pair.put(master + DATA, READ)
        pair.run_us(20 * BYTE_US)
        assert pair.get(slave + STAT) & RD_REQ
        assert pair.get(master + RXFLR) == 0
        assert pair.get(slave + STATUS) & 64
        for value in (0x11, 0x22):
            pair.run_us(3 * BYTE_US)
            assert pair.get(slave + RAW) & RD_REQ
            pair.get(slave + CLR_RD_REQ)
            pair.put(slave + DATA, value)
        pair.run_us(3 * BYTE_US)
        wait(pair, master)
        assert [pair.get(master + DATA) for _ in range(2)] == [0x11, 0x22]
        assert pair.get(slave + RAW) & RX_DONE
        assert pair.get(slave + STATUS) & 64 == 0

    def test_other_addresses_are_not_for_it(self, pair: Board) -> None:
        pair.put(I2C[0] + ENABLE, 0)
        pair.put(I2C[0] + TAR, 0x5B)
        pair.put(I2C[0] + ENABLE, 1)
        send(pair, I2C[0], b"\x01")
        assert pair.get(I2C[0] + ABRT) == 1
        assert pair.get(I2C[1] + RAW) & START_DET == 0


def test_disable_flushes_and_reset_restores(board: Board) -> None:
    board.attach_i2c(SCL, SDA, ADDRESS, RegisterFile())
    route(board, 0)
    base = init(board, 0)
    for _ in range(4):
        board.put(base + DATA, READ)
    board.run_us(2.5 * BYTE_US)
    board.put(base + ENABLE, 0)
    assert board.get(base + STATUS) & (ACTIVITY | TFE | RFNE) == TFE
    board.put(SYSCTL + 0x34, 1 << 13)
    board.put(SYSCTL + 0x34, 0)
    assert board.get(base + RAW) == 0
    assert board.get(base + 0xFC) == 0x44570140
    board.get(base + 0xA4)
    assert board.warned("i2c0")


class TestSoftware:
    """A master that moves the pins itself: GPIOHS0 and 1 as open drains."""

    def lines(self, board: Board, scl: bool, sda: bool) -> None:
        board.put(GPIOHS + 0x08, (not scl) | (not sda) << 1)  # output enable: pulled low

    def clock(self, board: Board, sda: bool) -> bool:
        """One bit; what SDA reads while the clock is high."""
        self.lines(board, False, sda)
        self.lines(board, True, sda)
        level = bool(board.get(GPIOHS) >> 1 & 1)
        self.lines(board, False, sda)
        return level

    def send(self, board: Board, byte: int) -> bool:
        for n in range(7, -1, -1):
            self.clock(board, bool(byte >> n & 1))
        return not self.clock(board, True)

    def receive(self, board: Board, acknowledge: bool) -> int:
        bits = [self.clock(board, True) for _ in range(8)]
        self.clock(board, not acknowledge)
        return int("".join(str(int(level)) for level in bits), 2)

    def start(self, board: Board) -> None:
        for scl, sda in ((False, True), (True, True), (True, False), (False, False)):
            self.lines(board, scl, sda)

    def stop(self, board: Board) -> None:
        for scl, sda in ((False, False), (True, False), (True, True)):
            self.lines(board, scl, sda)

    @pytest.fixture
    def part(self, board: Board) -> RegisterFile:
        part = RegisterFile({0x10: 0xA5, 0x11: 0x3C})
        board.attach_i2c(SCL, SDA, ADDRESS, part)
        for n, pad in enumerate((SCL, SDA)):
            board.put(FPIOA + 4 * (16 + n), 120)  # where the reset map has them
            board.put(FPIOA + 4 * pad, 0x00911F00 | 24 + n)  # with pull-up
        board.put(GPIOHS + 0x04, 3)
        return part

    def test_write_and_read(self, board: Board, part: RegisterFile) -> None:
        self.start(board)
        assert [self.send(board, byte) for byte in (ADDRESS << 1, 0x20, 7, 8)] == [True] * 4
        self.stop(board)
        assert part.registers[0x20:0x22] == b"\x07\x08"
        self.start(board)
        assert self.send(board, ADDRESS << 1)
        assert self.send(board, 0x10)
        self.start(board)
        assert self.send(board, ADDRESS << 1 | 1)
        assert [self.receive(board, True), self.receive(board, False)] == [0xA5, 0x3C]
        self.stop(board)
        assert board.pad(SDA).level

    def test_other_address(self, board: Board, part: RegisterFile) -> None:
        self.start(board)
        assert not self.send(board, 0x50 << 1)
        self.stop(board)
        self.start(board)
        assert self.send(board, ADDRESS << 1)
        self.stop(board)

    def test_hardware_afterwards(self, board: Board, part: RegisterFile) -> None:
        self.test_write_and_read(board, part)
        route(board, 0)
        base = init(board, 0)
        send(board, base, bytes([0x30, 0x99]))
        assert part.registers[0x30] == 0x99
