"""UARTHS and UART1 to UART3: bytes in virtual time, FIFOs, interrupts, DMA requests (spec soc.md 6.3, 6.4)."""

from __future__ import annotations

import pytest
from dev_support import ACLK, SYSCTL, UARTHS, Board

TXDATA, RXDATA, TXCTRL, RXCTRL, IE, IP, DIV = (UARTHS + offset for offset in range(0, 0x1C, 4))
IRQ_HS = 33
APB0 = ACLK // 2


def output_times_us(board: Board, count: int, uart: int = 0, step_us: float = 0.5) -> list[float]:
    """When each of the next `count` bytes has left, to within a step."""
    start, times = board.now_ms, []
    seen = len(board.uart_output(uart))
    while len(times) < count:
        board.run_us(step_us)
        elapsed = (board.now_ms - start) * 1000
        assert elapsed < 5000
        times += [elapsed] * (len(board.uart_output(uart)) - seen - len(times))
    return times


class TestUarths:
    def test_entry_state_is_115200(self, board: Board) -> None:
        assert round(ACLK / (board.get(DIV) + 1) / 115200, 2) == 1

    @pytest.mark.parametrize(("div", "nstop", "bits"), [(3384, 0, 10), (3384, 1, 11), (389, 0, 10)])
    def test_a_byte_takes_its_frame(self, board: Board, div: int, nstop: int, bits: int) -> None:
        board.put(DIV, div)
        board.put(TXCTRL, 1 | nstop << 1)
        for byte in b"abc":
            board.put(TXDATA, byte)
        frame = bits * (div + 1) / ACLK * 1e6
        times = output_times_us(board, 3)
        assert times == pytest.approx([frame, 2 * frame, 3 * frame], abs=1)
        assert board.output == b"abc"

    def test_fifo_holds_eight_and_ignores_more(self, board: Board) -> None:
        for byte in b"0123456789":  # the first goes straight to the wire
            board.put(TXDATA, byte)
        assert board.get(TXDATA) == 0x80000000
        board.run(ms=2)
        assert board.output == b"012345678"
        assert board.get(TXDATA) == 0

    def test_nothing_leaves_while_disabled(self, board: Board) -> None:
        board.put(TXCTRL, 0)
        board.put(TXDATA, 0x41)
        board.run(ms=1)
        assert board.output == b""
        board.put(TXCTRL, 1)
        board.run(ms=1)
        assert board.output == b"A"

    def test_received_bytes_are_paced_and_none_is_lost(self, board: Board) -> None:
        frame_us = 10 * 3385 / ACLK * 1e6
        data = bytes(range(1, 41))
        board.send(data)
        board.run_us(frame_us * 0.9)
        assert board.get(RXDATA) == 0x80000000
        board.run_us(frame_us * 0.2)
        assert board.get(RXDATA) == 1
        board.run(ms=10)
        received = []
        while len(received) < 39:
            value = board.get(RXDATA)
            if value & 0x80000000:
                board.run_us(frame_us)
            else:
                received.append(value)
        assert bytes(received) == data[1:]

    def test_receiver_off_keeps_the_bytes_outside(self, board: Board) -> None:
        board.put(RXCTRL, 0)
        board.send(b"x")
        board.run(ms=1)
        assert board.get(RXDATA) == 0x80000000
        board.put(RXCTRL, 1)
        board.run(ms=1)
        assert board.get(RXDATA) == ord("x")

    def test_receive_watermark_interrupt(self, board: Board) -> None:
        board.put(IE, 2)
        board.put(RXCTRL, 1 | 2 << 16)  # more than two
        board.send(b"ab")
        board.run(ms=1)
        assert not board.pending(IRQ_HS)
        board.send(b"c")
        board.run(ms=1)
        assert board.get(IP) & 2
        assert board.pending(IRQ_HS)
        board.get(RXDATA)
        assert not board.get(IP) & 2

    def test_transmit_watermark(self, board: Board) -> None:
        board.put(IE, 1)
        assert not board.get(IP) & 1, "txcnt 0 never raises txwm"
        assert not board.pending(IRQ_HS)
        board.put(TXCTRL, 1 | 2 << 16)
        assert board.get(IP) & 1
        assert board.pending(IRQ_HS)
        for byte in b"0123":
            board.put(TXDATA, byte)
        assert not board.get(IP) & 1, "three wait in the FIFO"

    def test_rate_follows_aclk(self, board: Board) -> None:
        board.put(SYSCTL + 0x20, 0x248)  # from IN0: 26 MHz
        board.put(TXDATA, 0x55)
        assert output_times_us(board, 1)[0] == pytest.approx(10 * 3385 / 26e6 * 1e6, abs=1)

    def test_unknown_register_is_reported(self, board: Board) -> None:
        board.get(UARTHS + 0x1C)
        assert board.warned("uarths")


THR, IER, FCR, LCR, MCR, LSR, MSR, USR, DLF = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x7C, 0xC0
TFL, RFL, SRR, SRT, HTX = 0x80, 0x84, 0x88, 0x9C, 0xA4


class Uart:
    def __init__(self, board: Board, index: int) -> None:
        self.board, self.index, self.base, self.irq = board, index, 0x50200000 + 0x10000 * index, 10 + index

    def get(self, offset: int) -> int:
        return self.board.get(self.base + offset)

    def put(self, offset: int, value: int) -> None:
        self.board.put(self.base + offset, value)

    def configure(self, baud: int, lcr: int = 3, fcr: int = 0x39, ier: int = 0x80) -> None:
        """The vendor's order, spec 6.4."""
        divisor = APB0 // baud
        self.put(LCR, 0x80)
        self.put(IER, divisor >> 12)
        self.put(THR, divisor >> 4 & 0xFF)
        self.put(DLF, divisor & 0xF)
        self.put(LCR, 0)
        self.put(LCR, lcr)
        self.put(IER, ier)
        self.put(FCR, fcr)
        self.board.run_us(12 / baud * 1e6)  # bytes that wait outside come a character later

    def requested(self, direction: str) -> bool:
        """Whether a DMA channel that listens to the line would be served: it moves its only item."""
        board, source, target = self.board, 0x80100000, self.base
        select = 14 + 2 * (self.index - 1) + (direction == "tx")
        flow, ctl = (1, 1 << 6) if direction == "tx" else (2, 1 << 4)
        if direction == "rx":
            source, target = target, source
        board.put(SYSCTL + 0x64, select)
        board.put64(0x50000010, 1)
        board.put64(0x50000100, source)
        board.put64(0x50000108, target)
        board.put64(0x50000110, 0)
        board.put64(0x50000118, ctl | 2 << 8 | 2 << 11)
        board.put64(0x50000120, flow << 32)
        board.put64(0x50000018, 0x0101)
        board.run_us(0.2)
        served = not board.get64(0x50000018) & 1
        board.put64(0x50000018, 0x0100)
        return served


@pytest.fixture(params=[1, 2, 3])
def uart(board: Board, request: pytest.FixtureRequest) -> Uart:
    return Uart(board, request.param)


class TestUart:
    def test_identity(self, uart: Uart) -> None:
        assert uart.get(0xF8) == 0x3430312A
        assert uart.get(0xFC) == 0x44570110

    def test_rate_with_fraction(self, uart: Uart) -> None:
        """195 MHz / 115200 = 1692: DLL 0x69, DLF 0xC, 115248 baud (spec isp-flash.md 5.2)."""
        uart.configure(115200)
        uart.put(THR, 0x41)
        uart.put(THR, 0x42)
        frame = 10 / 115248 * 1e6
        assert output_times_us(uart.board, 2, uart.index) == pytest.approx([frame, 2 * frame], abs=1)
        assert uart.board.uart_output(uart.index) == b"AB"

    @pytest.mark.parametrize(("lcr", "bits"), [(0x03, 10), (0x0B, 11), (0x07, 11), (0x00, 7), (0x04, 7.5), (0x1E, 11)])
    def test_frame_length(self, board: Board, lcr: int, bits: float) -> None:
        uart = Uart(board, 1)
        uart.configure(195000, lcr=lcr)
        uart.put(THR, 0xFF)
        assert output_times_us(board, 1, 1)[0] == pytest.approx(bits / 195000 * 1e6, abs=1)
        assert board.uart_output(1) == bytes([0xFF >> 3 - (lcr & 3)])

    def test_line_status_bit_5_both_senses(self, uart: Uart) -> None:
        uart.configure(115200, ier=0)
        assert uart.get(LSR) & 0x60 == 0x60, "classic: empty"
        uart.put(IER, 0x80)
        assert uart.get(LSR) & 0x60 == 0x40, "programmable THRE mode: not full"
        for _ in range(17):
            uart.put(THR, 0x55)
        assert uart.get(LSR) & 0x60 == 0x20, "full"
        uart.put(IER, 0)
        assert uart.get(LSR) & 0x60 == 0, "not empty"
        uart.board.run(ms=3)
        assert uart.get(LSR) & 0x60 == 0x60
        assert uart.board.uart_output(uart.index) == b"U" * 17

    def test_vendor_putc_sends_everything(self, uart: Uart) -> None:
        uart.configure(1_500_000)
        data = bytes(range(200))
        for byte in data:
            for _ in range(100):
                if not uart.get(LSR) & 0x20:
                    break
                uart.board.run_us(1)
            uart.put(THR, byte)
        uart.board.run(ms=1)
        assert uart.board.uart_output(uart.index) == data

    def test_received_data_interrupt_as_the_flash_stub_uses_it(self, uart: Uart) -> None:
        uart.configure(115200)
        uart.put(SRT, 0)
        uart.put(IER, 0x81)
        uart.board.send(b"\xc0\x01", uart.index)
        uart.board.run_us(90)
        assert uart.board.pending(uart.irq)
        assert uart.get(FCR) & 0xF == 4
        assert uart.get(LSR) & 1
        assert uart.get(THR) == 0xC0
        assert uart.get(FCR) & 0xF == 1
        uart.board.run_us(90)
        assert uart.get(THR) == 0x01

    def test_trigger_and_character_timeout(self, uart: Uart) -> None:
        uart.configure(115200, fcr=0x81, ier=0x81)  # interrupt at half full
        uart.board.send(b"1234567", uart.index)
        uart.board.run_us(7 * 86.8 + 3 * 86.8)
        assert uart.get(FCR) & 0xF == 1
        uart.board.run_us(1.2 * 86.8)
        assert uart.get(FCR) & 0xF == 0xC, "four characters of silence"
        assert uart.get(THR) == ord("1")
        assert uart.get(FCR) & 0xF == 1, "a read ends the time-out"
        uart.board.send(b"89", uart.index)
        uart.board.run_us(2.1 * 86.8)
        assert uart.get(FCR) & 0xF == 4, "eight are half the FIFO"

    def test_no_byte_is_lost_when_the_fifo_is_full(self, uart: Uart) -> None:
        uart.configure(1_000_000)
        uart.board.send(bytes(range(100)), uart.index)
        uart.board.run(ms=5)
        assert uart.get(RFL) == 16
        received = []
        for _ in range(100):
            received.append(uart.get(THR))
            uart.board.run_us(11)
        assert bytes(received) == bytes(range(100))
        assert not uart.get(LSR) & 2

    def test_bytes_wait_until_the_divisor_is_programmed(self, uart: Uart) -> None:
        uart.board.send(b"hi", uart.index)
        uart.board.run(ms=1)
        assert not uart.get(LSR) & 1
        uart.configure(115200)
        uart.board.run(ms=1)
        assert uart.get(LCR) == 3
        assert [uart.get(THR), uart.get(THR)] == list(b"hi")

    def test_loop_back_and_overrun(self, uart: Uart) -> None:
        uart.configure(1_000_000)
        uart.put(MCR, 0x10)
        for byte in range(16):
            uart.put(THR, byte)
        uart.board.run_us(170)
        assert uart.board.uart_output(uart.index) == b""
        assert uart.get(RFL) == 16
        uart.put(THR, 0x77)
        uart.board.run_us(20)
        assert uart.get(LSR) & 2
        assert not uart.get(LSR) & 2, "reading clears it"
        assert [uart.get(THR) for _ in range(16)] == list(range(16))

    def test_modem_loop_back(self, uart: Uart) -> None:
        uart.put(MCR, 0x1F)
        assert uart.get(MSR) & 0xF0 == 0xF0
        uart.put(MCR, 0x12)
        assert uart.get(MSR) & 0xF0 == 0x10

    def test_line_control_is_ignored_while_busy(self, uart: Uart) -> None:
        uart.configure(115200)
        uart.put(THR, 0x55)
        assert uart.get(USR) == 1
        uart.put(LCR, 0x1B)
        assert uart.get(LCR) == 3
        assert uart.get(FCR) & 0xF == 7
        assert uart.get(USR) == 1
        assert uart.get(FCR) & 0xF == 1, "reading USR ends the interrupt"
        uart.board.run(ms=1)
        assert uart.get(USR) == 0
        uart.put(LCR, 0x1B)
        assert uart.get(LCR) == 0x1B

    def test_transmit_interrupts(self, uart: Uart) -> None:
        uart.configure(115200, fcr=0x01, ier=0x02)
        assert uart.get(FCR) & 0xF == 2
        assert uart.get(FCR) & 0xF == 1, "reading IIR clears the classic interrupt"
        uart.put(THR, 0x41)
        uart.put(THR, 0x42)
        assert uart.get(FCR) & 0xF == 1
        uart.board.run_us(100)
        assert uart.get(FCR) & 0xF == 2, "the FIFO has become empty"
        uart.put(FCR, 0x31)
        uart.put(IER, 0x82)
        assert uart.get(FCR) & 0xF == 2
        assert uart.get(FCR) & 0xF == 2, "programmable mode: a level"
        for _ in range(10):
            uart.put(THR, 0x43)
        assert uart.get(FCR) & 0xF == 1, "above half"
        uart.board.run_us(3 * 87)
        assert uart.get(FCR) & 0xF == 2, "at half"

    def test_resets(self, uart: Uart) -> None:
        uart.configure(115200)
        uart.board.send(b"abc", uart.index)
        uart.board.run(ms=1)
        uart.put(SRR, 2)
        assert uart.get(RFL) == 0
        uart.put(SRR, 1)
        assert uart.get(LCR) == 0
        uart.configure(115200)
        uart.board.put(SYSCTL + 0x34, 1 << 15 + uart.index)
        uart.board.put(SYSCTL + 0x34, 0)
        assert uart.get(LCR) == 0
        assert uart.get(IER) == 0

    def test_halt_and_full_fifo_warning(self, uart: Uart) -> None:
        uart.configure(115200)
        uart.put(HTX, 1)
        for _ in range(17):
            uart.put(THR, 0x41)
        assert uart.get(TFL) == 16
        assert uart.board.warned("full transmit FIFO")
        uart.put(HTX, 0)
        uart.board.run(ms=2)
        assert uart.board.uart_output(uart.index) == b"A" * 16

    def test_dma_requests_follow_the_triggers(self, uart: Uart) -> None:
        uart.configure(115200, fcr=0x79)  # RX at a quarter, TX at half
        uart.put(HTX, 1)
        assert uart.requested("tx")
        for _ in range(7):
            uart.put(THR, 0x41)
        assert uart.get(TFL) == 8
        assert uart.requested("tx")
        assert not uart.requested("tx"), "nine are above half"
        uart.board.send(b"123", uart.index)
        uart.board.run_us(3.5 * 87)
        assert not uart.requested("rx")
        uart.board.send(b"4", uart.index)
        uart.board.run_us(1.5 * 87)
        assert uart.requested("rx")
        assert uart.board.get(0x80100000) == ord("1")
