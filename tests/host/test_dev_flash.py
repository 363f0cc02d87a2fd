"""SPI3 with its serial flash: every command, lane count, status, timing, protection and fault (spec soc.md 7)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from dev_support import SPI, SYSCTL, Board
from k210emu import Stop

CTRLR0, CTRLR1, SSIENR, SER, BAUDR, TXFLR, RXFLR, SR = 0x00, 0x04, 0x08, 0x10, 0x14, 0x20, 0x24, 0x28
DR, SPI_CTRLR0, ENDIAN = 0x60, 0xF4, 0x118
TX_ONLY, RX_ONLY, EEPROM = 1, 2, 3
DUAL, QUAD = 1, 2
SIZE = 16 << 20
CONTENT = random.Random(1).randbytes(1 << 16)


class Flash:
    """SPI3 driven by polling, as firmware does it."""

    def __init__(self, board: Board) -> None:
        self.board, self.base = board, SPI[3]
        self.put(BAUDR, 2)

    def get(self, offset: int) -> int:
        return self.board.get(self.base + offset)

    def put(self, offset: int, value: int) -> None:
        self.board.put(self.base + offset, value)

    def finish(self) -> None:
        self.put(SER, 0)
        self.put(SSIENR, 0)

    def wait(self) -> None:
        for _ in range(100000):
            if self.get(SR) & 5 == 4:
                return
            self.board.run_us(1)
        raise AssertionError("SPI stays busy")

    def receive(self, count: int) -> bytes:
        data = bytearray()
        for _ in range(1000 * count):
            for _ in range(self.get(RXFLR)):
                data.append(self.get(DR))
            if len(data) >= count:
                return bytes(data)
            self.board.run_us(0.5)
        raise AssertionError(f"{len(data)} of {count} bytes came")

    def send(self, *data: int) -> None:
        """Transmit-only, FIFO filled before chip select as the flash stub does."""
        self.put(CTRLR0, 7 | TX_ONLY << 10)
        self.put(SSIENR, 1)
        rest = list(data)
        for byte in rest[:32]:
            self.put(DR, byte)
        self.put(SER, 1)
        for byte in rest[32:]:
            while self.get(TXFLR) >= 32:
                self.board.run_us(1)
            self.put(DR, byte)
        self.wait()
        self.finish()

    def ask(self, *command: int, count: int) -> bytes:
        """EEPROM read: command, then `count` bytes."""
        self.put(CTRLR0, 7 | EEPROM << 10)
        self.put(CTRLR1, count - 1)
        self.put(SSIENR, 1)
        for byte in command:
            self.put(DR, byte)
        self.put(SER, 1)
        data = self.receive(count)
        self.finish()
        return data

    def enhanced(self, lanes: int, instruction: int, address: int, address_bits: int, wait: int, aitm: int,
                 count: int) -> bytes:
        self.put(CTRLR0, 7 | EEPROM << 10 | lanes << 22)
        self.put(SPI_CTRLR0, aitm | address_bits // 4 << 2 | 2 << 8 | wait << 11)
        self.put(CTRLR1, count - 1)
        self.put(SSIENR, 1)
        self.put(DR, instruction)
        self.put(DR, address)
        self.put(SER, 1)
        data = self.receive(count)
        self.finish()
        self.put(SPI_CTRLR0, 0)
        return data

    def enhanced_write(self, lanes: int, instruction: int, address: int, data: bytes) -> None:
        self.put(CTRLR0, 7 | TX_ONLY << 10 | lanes << 22)
        self.put(SPI_CTRLR0, 6 << 2 | 2 << 8)
        self.put(SSIENR, 1)
        self.put(DR, instruction)
        self.put(DR, address)
        self.put(SER, 1)
        for byte in data:
            while self.get(TXFLR) >= 32:
                self.board.run_us(0.1)
            self.put(DR, byte)
        self.wait()
        self.finish()
        self.put(SPI_CTRLR0, 0)

    def status(self, n: int = 1) -> int:
        return self.ask((0x05, 0x35, 0x15)[n - 1], count=1)[0]

    def until_ready(self, limit_ms: float = 1000) -> float:
        """How long the part stays busy, in milliseconds, to within half a percent."""
        start = self.board.now_ms
        while self.status() & 1:
            elapsed = self.board.now_ms - start
            assert elapsed < limit_ms
            self.board.run_us(max(5, 5 * elapsed))
        return self.board.now_ms - start


@pytest.fixture
def flash() -> Iterator[Flash]:
    with Board(harts=1, flash=CONTENT) as board:
        yield Flash(board)


def address_bytes(address: int) -> tuple[int, int, int]:
    return address >> 16 & 0xFF, address >> 8 & 0xFF, address & 0xFF


class TestReading:
    def test_identity(self, flash: Flash) -> None:
        jedec = flash.ask(0x9F, count=3)
        assert jedec[0] == 0xEF
        assert jedec[2] == 0x18
        assert flash.ask(0x90, 0, 0, 0, count=4) == bytes([0xEF, 0x17, 0xEF, 0x17])
        assert flash.ask(0x90, 0, 0, 1, count=2) == bytes([0x17, 0xEF])
        assert flash.ask(0xAB, 0, 0, 0, count=1) == b"\x17"
        unique = flash.ask(0x4B, 0, 0, 0, 0, count=16)
        assert unique[:8] == unique[8:]
        assert len(set(unique)) > 2

    @pytest.mark.parametrize("address", [0, 1, 0x1234, 0xFFF0])
    def test_single_line_reads(self, flash: Flash, address: int) -> None:
        want = (CONTENT + b"\xff" * 64)[address:address + 40]
        assert flash.ask(0x03, *address_bytes(address), count=40) == want
        assert flash.ask(0x0B, *address_bytes(address), 0, count=40) == want

    @pytest.mark.parametrize(("lanes", "instruction", "bits", "wait", "aitm", "shift"), [
        (DUAL, 0x3B, 24, 8, 0, 0), (QUAD, 0x6B, 24, 8, 0, 0), (DUAL, 0xBB, 32, 0, 1, 8), (QUAD, 0xEB, 32, 4, 1, 8),
        (QUAD, 0xEB, 24, 6, 1, 0)])
    def test_multi_line_reads(self, flash: Flash, lanes: int, instruction: int, bits: int, wait: int, aitm: int,
                              shift: int) -> None:
        data = flash.enhanced(lanes, instruction, 0x1235 << shift, bits, wait, aitm, 100)
        assert data == CONTENT[0x1235:0x1235 + 100]

    @pytest.mark.parametrize(("instruction", "bits", "wait", "aitm", "shift"), [
        (0xEB, 32, 3, 1, 8), (0xEB, 32, 5, 1, 8), (0xEB, 24, 4, 1, 0), (0xEB, 32, 4, 0, 8), (0x6B, 24, 7, 0, 0)])
    def test_wrong_dummy_or_lanes_give_wrong_data(self, flash: Flash, instruction: int, bits: int, wait: int, aitm: int,
                                                  shift: int) -> None:
        assert flash.enhanced(QUAD, instruction, 0x1235 << shift, bits, wait, aitm, 50) != CONTENT[0x1235:0x1235 + 50]

    def test_wraps_at_the_end(self, flash: Flash) -> None:
        assert flash.ask(0x03, 0xFF, 0xFF, 0xFE, count=6) == b"\xff\xff" + CONTENT[:4]

    def test_words_in_both_byte_orders(self, flash: Flash) -> None:
        for endian, order in ((0, "big"), (1, "little")):
            flash.put(ENDIAN, endian)
            flash.put(CTRLR0, 31 | EEPROM << 10 | QUAD << 22)
            flash.put(SPI_CTRLR0, 1 | 8 << 2 | 2 << 8 | 4 << 11)
            flash.put(CTRLR1, 3)
            flash.put(SSIENR, 1)
            flash.put(DR, 0xEB)
            flash.put(DR, 0x100 << 8)
            flash.put(SER, 1)
            flash.board.run_us(20)
            words = [flash.get(DR) for _ in range(4)]
            flash.finish()
            assert b"".join(word.to_bytes(4, order) for word in words) == CONTENT[0x100:0x110]

    def test_continuous_read_mode_and_its_end(self, flash: Flash) -> None:
        mode = 0x20
        assert flash.enhanced(QUAD, 0xEB, 0x100 << 8 | mode, 32, 4, 1, 8) == CONTENT[0x100:0x108]
        # The next read begins with the address, on four lines.
        flash.put(CTRLR0, 7 | RX_ONLY << 10 | QUAD << 22)
        flash.put(SPI_CTRLR0, 1 | 8 << 2 | 4 << 11)
        flash.put(CTRLR1, 7)
        flash.put(SSIENR, 1)
        flash.put(DR, 0x200 << 8 | mode)
        flash.put(SER, 1)
        assert flash.receive(8) == CONTENT[0x200:0x208]
        flash.finish()
        assert flash.ask(0x9F, count=3)[0] != 0xEF
        flash.send(0xFF)
        assert flash.ask(0x9F, count=3)[0] == 0xEF

    def test_quad_io_needs_quad_enable(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x31, 0x00)
        flash.until_ready()
        assert flash.status(2) & 2 == 0
        assert flash.enhanced(QUAD, 0xEB, 0, 32, 4, 1, 16) == b"\xff" * 16
        assert flash.board.warned("quad enable")
        assert flash.enhanced(DUAL, 0xBB, 0, 32, 0, 1, 16) == CONTENT[:16]

    def test_qpi(self, flash: Flash) -> None:
        flash.send(0x38)
        assert flash.ask(0x9F, count=3)[0] != 0xEF
        flash.put(CTRLR0, 7 | EEPROM << 10 | QUAD << 22)
        flash.put(SPI_CTRLR0, 2 | 2 << 8)
        flash.put(CTRLR1, 2)
        flash.put(SSIENR, 1)
        flash.put(DR, 0x9F)
        flash.put(SER, 1)
        assert flash.receive(3)[0] == 0xEF
        flash.finish()
        flash.put(CTRLR0, 7 | TX_ONLY << 10 | QUAD << 22)
        flash.put(SSIENR, 1)
        flash.put(DR, 0xFF)
        flash.put(SER, 1)
        flash.wait()
        flash.finish()
        assert flash.ask(0x9F, count=3)[0] == 0xEF

    def test_power_down(self, flash: Flash) -> None:
        flash.send(0xB9)
        assert flash.ask(0x9F, count=3) == b"\xff\xff\xff"
        flash.send(0xAB)
        assert flash.ask(0x9F, count=3)[0] == 0xEF

    def test_unknown_opcode_is_reported(self, flash: Flash) -> None:
        assert flash.ask(0xAF, count=2) == b"\xff\xff"
        assert flash.board.warned("0xaf")


class TestWriting:
    def erase(self, flash: Flash, opcode: int, address: int = 0) -> float:
        flash.send(0x06)
        flash.send(opcode, *address_bytes(address))
        return flash.until_ready()

    def test_write_enable_latch(self, flash: Flash) -> None:
        assert flash.status() & 2 == 0
        flash.send(0x06)
        assert flash.status() & 2
        flash.send(0x04)
        assert flash.status() & 2 == 0
        flash.send(0x02, 0, 0, 0, 0)
        flash.send(0x20, 0, 0, 0)
        flash.send(0x01, 0xFC)
        assert flash.board.flash[:16] == CONTENT[:16]
        assert flash.status() == 0
        assert flash.board.warned("without write enable")

    def test_program_only_clears_bits_and_takes_time(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x02, 0, 0x10, 0x00, *range(32))
        assert flash.status() == 3
        assert flash.ask(0x03, 0, 0x10, 0, count=1) == b"\xff", "no read while busy"
        assert 0.02 < flash.until_ready() < 0.2
        assert flash.status() == 0
        want = bytes(a & b for a, b in zip(CONTENT[0x1000:0x1020], range(32), strict=True))
        assert flash.ask(0x03, 0, 0x10, 0, count=32) == want

    def test_page_program_wraps_in_its_page(self, flash: Flash) -> None:
        self.erase(flash, 0x20)
        flash.send(0x06)
        flash.send(0x02, 0, 0, 0xFE, 1, 2, 3, 4)
        flash.until_ready()
        data = bytes(flash.board.flash[:0x200])
        assert data == b"\x03\x04" + b"\xff" * 252 + b"\x01\x02" + b"\xff" * 256

    def test_more_than_a_page_keeps_the_last_256_bytes(self, flash: Flash) -> None:
        self.erase(flash, 0x20)
        flash.send(0x06)
        flash.send(0x02, 0, 0, 0, *[0x11] * 20, *range(256))
        flash.until_ready()
        page = bytes(flash.board.flash[:256])
        assert page == bytes(range(236, 256)) + bytes(range(236))

    def test_quad_page_program(self, flash: Flash) -> None:
        self.erase(flash, 0x20)
        flash.send(0x06)
        data = bytes(range(256))
        flash.enhanced_write(QUAD, 0x32, 0x300, data)
        assert 0.5 < flash.until_ready() < 1.0
        assert bytes(flash.board.flash[0x300:0x400]) == data
        assert bytes(flash.board.flash[0x200:0x300]) == b"\xff" * 256

    @pytest.mark.parametrize(("opcode", "size", "ms"), [(0x20, 0x1000, 45), (0x52, 0x8000, 120), (0xD8, 0x10000, 150)])
    def test_erases_align_down_and_take_time(self, flash: Flash, opcode: int, size: int, ms: float) -> None:
        address = size if size < 0x10000 else 0
        took = self.erase(flash, opcode, address + 0x123)
        assert took == pytest.approx(ms, rel=0.02)
        want = bytearray(CONTENT)
        want[address:address + size] = b"\xff" * size
        assert bytes(flash.board.flash[:0x10000]) == want

    def test_chip_erase(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0xC7)
        assert flash.status() & 1
        flash.board.run(ms=41_000)
        assert flash.status() == 0
        assert bytes(flash.board.flash[:0x10000]) == b"\xff" * 0x10000

    def test_commands_while_busy_are_ignored(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x20, 0, 0, 0)
        flash.send(0x06)
        flash.send(0x20, 0, 0x10, 0)
        assert flash.ask(0x9F, count=3) == b"\xff\xff\xff"
        flash.until_ready()
        assert bytes(flash.board.flash[0x1000:0x2000]) == CONTENT[0x1000:0x2000]
        assert flash.board.warned("busy")

    def test_incomplete_commands_do_nothing(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x20, 0, 0)        # address cut short
        flash.send(0x20, 0, 0, 0, 0)  # a byte too many
        flash.send(0x02, 0, 0, 0)     # no data
        assert flash.status() == 2
        assert bytes(flash.board.flash[:256]) == CONTENT[:256]

    def test_status_registers(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x01, 0xFF, 0xFF)
        assert flash.until_ready() == pytest.approx(10, rel=0.02)
        assert flash.status(1) == 0xFC
        assert flash.status(2) == 0x7B
        flash.send(0x06)
        flash.send(0x01, 0x00)
        flash.until_ready()
        assert (flash.status(1), flash.status(2)) == (0, 0x7B), "one byte leaves register 2 alone"
        flash.send(0x50)
        flash.send(0x31, 0x02)
        assert (flash.status(1), flash.status(2)) == (0, 2), "a volatile write is immediate"
        flash.send(0x06)
        flash.send(0x11, 0x20)
        flash.until_ready()
        assert flash.status(3) == 0x20

    @pytest.mark.parametrize(("status1", "status2", "low", "high"), [
        (1 << 2, 0, SIZE - SIZE // 64, SIZE), (3 << 2 | 0x20, 0, 0, SIZE // 16), (6 << 2, 0, SIZE // 2, SIZE),
        (1 << 2 | 0x40, 0, SIZE - 4096, SIZE), (4 << 2 | 0x60, 0, 0, 32768), (7 << 2, 0, 0, SIZE),
        (1 << 2 | 0x20, 0x40, SIZE // 64, SIZE), (0, 0x40, 0, SIZE)])
    def test_block_protection(self, flash: Flash, status1: int, status2: int, low: int, high: int) -> None:
        flash.send(0x06)
        flash.send(0x01, status1, status2)
        flash.until_ready()
        for address in (low, high - 4096, low - 4096, high):
            if not 0 <= address < SIZE:
                continue
            flash.board.write_flash(address, b"\x5a")
            flash.send(0x06)
            flash.send(0x20, *address_bytes(address))
            flash.until_ready()
            protected = low <= address < high
            assert (flash.board.flash[address] == 0x5A) == protected, hex(address)

    def test_suspend_and_resume(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x20, 0, 0, 0)
        flash.board.run(ms=20)
        flash.send(0x75)
        assert flash.status() & 1 == 0
        assert flash.status(2) & 0x80
        assert flash.ask(0x03, 0, 0x10, 0, count=4) == CONTENT[0x1000:0x1004]
        flash.board.run(ms=100)
        flash.send(0x7A)
        assert flash.status() & 1
        assert flash.until_ready() == pytest.approx(25, rel=0.05)
        assert flash.status(2) & 0x80 == 0

    def test_reset_needs_its_enable(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x99)
        assert flash.status() == 2
        flash.send(0x66)
        flash.send(0x04)
        flash.send(0x06)
        flash.send(0x99)
        assert flash.status() == 2
        flash.send(0x66)
        flash.send(0x99)
        flash.until_ready()
        assert flash.status() == 0

    def test_state_survives_a_soc_reset(self, flash: Flash) -> None:
        flash.send(0x06)
        flash.send(0x20, 0, 0, 0)
        flash.board.start()
        flash.put(BAUDR, 2)
        assert flash.status() & 1, "the part is not on the reset line"


@pytest.mark.parametrize("operation", [1, 2, 3])
def test_power_cut_half_way(flash: Flash, operation: int) -> None:
    flash.board.cut_power_after(operation)
    steps = [(0x20, 0, 0, 0), (0x02, 0, 0, 0, *[0] * 16), (0xD8, 0, 0, 0)]
    for step in steps[:operation]:
        flash.send(0x06)
        flash.send(*step)
        stop = flash.board.run(ms=200)
    assert stop is Stop.POWER_CUT
    data = bytes(flash.board.flash[:0x10000])
    if operation == 1:
        assert data == b"\xff" * 0x800 + CONTENT[0x800:]
    elif operation == 2:
        assert data[:0x1000] == b"\x00" * 8 + b"\xff" * (0x1000 - 8)
    else:
        assert data == b"\xff" * 0x8000 + CONTENT[0x8000:]


class TestEngine:
    """Of the controller rather than the part."""

    def set_clock(self, flash: Flash, baudr: int) -> float:
        flash.board.put(SYSCTL + 0x20, 0x249 | 1 << 12)  # SPI3 from PLL0 / 2
        flash.put(BAUDR, baudr)
        return 390 / baudr  # MHz

    def test_transfer_time(self, flash: Flash) -> None:
        mhz = self.set_clock(flash, 16)
        flash.put(CTRLR0, 7 | EEPROM << 10)
        flash.put(CTRLR1, 9)
        flash.put(SSIENR, 1)
        for byte in (0x03, 0, 0, 0):
            flash.put(DR, byte)
        flash.put(SER, 1)
        for frames in range(10):
            flash.board.run_us((5 if frames == 0 else 1) * 8 / mhz - (0.1 if frames == 0 else 0))
            assert flash.get(RXFLR) == frames
        assert flash.get(SR) & 1
        flash.board.run_us(0.2)
        assert flash.get(RXFLR) == 10
        assert flash.get(SR) & 1 == 0

    def test_odd_divider_and_none(self, flash: Flash) -> None:
        flash.put(BAUDR, 17)
        assert flash.get(BAUDR) == 16
        flash.put(BAUDR, 0)
        flash.put(CTRLR0, 7 | TX_ONLY << 10)
        flash.put(SSIENR, 1)
        flash.put(DR, 0x06)
        flash.put(SER, 1)
        flash.board.run(ms=1)
        assert flash.get(TXFLR) == 1
        flash.put(BAUDR, 2)
        flash.wait()
        flash.finish()
        assert flash.status() & 2

    def test_nothing_moves_without_chip_select(self, flash: Flash) -> None:
        flash.put(CTRLR0, 7 | TX_ONLY << 10)
        flash.put(SSIENR, 1)
        flash.put(DR, 0x06)
        flash.board.run(ms=1)
        assert flash.get(TXFLR) == 1
        assert flash.get(SR) == 2
        flash.put(SSIENR, 0)
        assert flash.get(TXFLR) == 0

    def test_chip_select_holds_while_the_fifo_is_dry(self, flash: Flash) -> None:
        flash.put(CTRLR0, 7 | TX_ONLY << 10)
        flash.put(SSIENR, 1)
        flash.put(SER, 1)
        for byte in (0x06,):
            flash.put(DR, byte)
        flash.wait()
        flash.finish()
        flash.put(SSIENR, 1)
        flash.put(SER, 1)
        for byte in (0x20, 0, 0x20, 0):
            flash.put(DR, byte)
            flash.board.run_us(50)
        flash.finish()
        flash.until_ready()
        assert bytes(flash.board.flash[0x2000:0x3000]) == b"\xff" * 0x1000

    def test_full_duplex(self, flash: Flash) -> None:
        flash.put(CTRLR0, 7)
        flash.put(SSIENR, 1)
        for byte in (0x9F, 0, 0, 0):
            flash.put(DR, byte)
        flash.put(SER, 1)
        data = flash.receive(4)
        flash.finish()
        assert data[1] == 0xEF
        assert data[3] == 0x18

    def test_receive_only_starts_with_a_dummy_word(self, flash: Flash) -> None:
        flash.put(CTRLR0, 7 | RX_ONLY << 10)
        flash.put(CTRLR1, 5)
        flash.put(SSIENR, 1)
        flash.put(SER, 1)
        flash.board.run_us(100)
        assert flash.get(RXFLR) == 0
        flash.put(DR, 0x03030303)
        assert len(flash.receive(6)) == 6
        assert flash.get(SR) & 1 == 0

    def test_a_new_burst_begins_a_new_command(self, flash: Flash) -> None:
        flash.put(CTRLR0, 7 | EEPROM << 10)
        flash.put(CTRLR1, 2)
        flash.put(SSIENR, 1)
        flash.put(SER, 1)
        for _ in range(2):
            flash.put(DR, 0x9F)
            assert flash.receive(3)[0] == 0xEF

    def test_receive_overrun_and_its_flags(self, flash: Flash) -> None:
        flash.put(0x2C, 0x3F)
        flash.put(CTRLR0, 7 | EEPROM << 10)
        flash.put(CTRLR1, 63)
        flash.put(SSIENR, 1)
        for byte in (0x03, 0, 0, 0):
            flash.put(DR, byte)
        flash.put(SER, 1)
        flash.board.run(ms=1)
        assert flash.get(RXFLR) == 31, "usable depth, spec 7.1"
        assert flash.get(0x34) & 8
        assert flash.board.pending(4)
        assert bytes(flash.get(DR) for _ in range(31)) == CONTENT[:31]
        assert flash.get(0x3C) == 1
        assert flash.get(0x34) & 8 == 0

    def test_fifo_faults(self, flash: Flash) -> None:
        flash.put(SSIENR, 1)
        assert flash.get(DR) == 0
        assert flash.get(0x34) & 4
        for _ in range(33):
            flash.put(DR, 0)
        assert flash.get(TXFLR) == 32
        assert flash.get(0x34) & 2
        assert flash.get(0x48) == 1
        assert flash.get(0x34) & 6 == 0

    def test_thresholds_interrupt(self, flash: Flash) -> None:
        flash.put(0x1C, 3)
        flash.put(0x2C, 0x10)
        flash.put(CTRLR0, 7 | EEPROM << 10)
        flash.put(CTRLR1, 7)
        flash.put(SSIENR, 1)
        flash.put(DR, 0x9F)
        flash.put(SER, 1)
        bit_us = 2 / 13
        flash.board.run_us((1 + 3) * 8 * bit_us + 0.5)
        assert not flash.board.pending(4)
        flash.board.run_us(8 * bit_us)
        assert flash.board.pending(4)

    def test_control_is_locked_while_enabled(self, flash: Flash) -> None:
        flash.put(CTRLR0, 0x407)
        flash.put(SSIENR, 1)
        flash.put(CTRLR0, 0xC07)
        assert flash.get(CTRLR0) == 0x407

    def test_layouts_differ(self, board: Board) -> None:
        for index, reads in ((0, 0x001F0FF0), (1, 0x001F0FF0), (3, 0x001F0FFF)):
            board.put(SPI[index], 0x001F0FFF)
            assert board.get(SPI[index]) == reads

    @pytest.mark.parametrize(("index", "arbiter", "select"), [(0, 16, 12), (1, 82, 78)])
    def test_spi0_and_1_need_their_arbiter_and_drive_their_selects(self, board: Board, index: int, arbiter: int,
                                                                   select: int) -> None:
        base = SPI[index]
        board.put(0x502B0000 + 4 * 20, 0x1F00 | select + 1)
        for offset, value in ((BAUDR, 2), (CTRLR0, 7 << 16), (SSIENR, 1), (DR, 0xA5), (SER, 2)):
            board.put(base + offset, value)
        board.run_us(10)
        assert board.get(base + TXFLR) == 1, "not granted"
        assert board.pad(20).level
        board.put(0x502B00C0 + 4 * (arbiter // 32), 1 << arbiter % 32)
        board.put(0x502B00E0 + 4 * (arbiter // 32), 1 << arbiter % 32)
        board.run_us(10)
        assert board.get(base + TXFLR) == 0
        assert not board.pad(20).level
        assert board.get(base + DR) == 0xFF, "an open line reads ones"
        board.put(base + SER, 0)
        assert board.pad(20).level

    def test_shift_register_loop(self, board: Board) -> None:
        board.put(0x502B00C0, 1 << 16)
        board.put(0x502B00E0, 1 << 16)
        base = SPI[0]
        for bits in (4, 8, 13, 16, 32):
            for offset, value in ((SSIENR, 0), (BAUDR, 2), (CTRLR0, bits - 1 << 16 | 1 << 11), (SSIENR, 1),
                                  (DR, 0x9ABCDEF1), (SER, 1)):
                board.put(base + offset, value)
            board.run_us(1)
            assert board.get(base + DR) == 0x9ABCDEF1 & (1 << bits) - 1

    def test_execute_in_place_window(self, flash: Flash) -> None:
        flash.put(0x100, 0xEB)
        flash.put(0xFC, 0x00)
        flash.put(0x108, 2 | 1 << 2 | 6 << 4 | 2 << 9 | 1 << 12 | 4 << 13 | 1 << 22)
        flash.put(0x10C, 1)
        flash.board.put(SYSCTL + 0x58, 1 << 15)
        assert flash.board.read(SPI[3] + 0x100, 64) == CONTENT[0x100:0x140]
        flash.board.put(SYSCTL + 0x58, 0)
        assert flash.get(0x100) == 0xEB


def test_flash_speed_divides_the_time_of_erase_and_program() -> None:
    with Board(harts=1, flash=CONTENT, flash_speed=10) as board:
        flash = Flash(board)
        flash.send(0x06)
        flash.send(0x20, *address_bytes(0))
        assert flash.until_ready() == pytest.approx(4.5, rel=0.02)
        flash.send(0x06)
        flash.send(0x02, *address_bytes(0), *bytes(16))
        assert flash.until_ready() < 0.03 < 0.0675  # what 16 bytes take
    for speed in (0, 1001):
        with pytest.raises(ValueError, match=f"flash_speed {speed} is not in"):
            Board(flash_speed=speed)
