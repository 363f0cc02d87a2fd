"""I2S as transmitter and receiver (spec soc.md 10.9) and the APU's registers (10.10)."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from dev_support import APU, FPIOA, I2S, SRAM, SYSCTL, Board

IER, IRER, ITER, CER, CCR, RXDMA, RRXDMA, TXDMA, RTXDMA = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x1C0, 0x1C4, 0x1C8, 0x1CC
LEFT, RIGHT, RER, TER, RCR, TCR, ISR, IMR, ROR, TOR, RFCR, TFCR, RFF, TFF = range(0x20, 0x58, 4)
RXDA, RXFO, TXFE, TXFO = 1, 2, 16, 32
DMA_TX, DMA_RX, DIVIDE_16, SIGN, STANDARD, WORD_32 = 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 5, 2 << 3
PLL2 = 26_000_000 * 26 // 15  # spec 4.2: MaixPy's 45.067 MHz
RATE = PLL2 / 16 / 64  # threshold 7, 64 clocks a frame
FRAME_US = 1e6 / RATE


def clocks(board: Board) -> None:
    board.put(SYSCTL + 0x10, 25 << 4 | 14 << 10 | 25 << 14 | 1 << 21 | 1 << 25)
    board.put(SYSCTL + 0x44, 7 | 7 << 16)
    board.put(SYSCTL + 0x48, 7)


def lines(board: Board, base: int, register: int, mask: int) -> None:
    for n in range(4):
        board.put(base + 0x40 * n + register, mask >> n & 1)


def transmitter(board: Board, n: int, ccr: int = 0, bits: int = 2, trigger: int = 3, mask: int = 1) -> int:
    base = I2S[n]
    clocks(board)
    board.put(base + IER, 1)
    lines(board, base, TER, mask)
    board.put(base + TCR, bits)
    board.put(base + TFCR, trigger)
    board.put(base + CCR, WORD_32 | STANDARD | ccr)
    board.put(base + ITER, 1)
    board.put(base + CER, 1)
    return base


def receiver(board: Board, n: int, ccr: int = 0, bits: int = 2, trigger: int = 3, mask: int = 1) -> int:
    base = I2S[n]
    clocks(board)
    board.put(base + IER, 1)
    lines(board, base, RER, mask)
    board.put(base + RCR, bits)
    board.put(base + RFCR, trigger)
    board.put(base + CCR, WORD_32 | STANDARD | ccr)
    board.put(base + IRER, 1)
    board.put(base + CER, 1)
    return base


@pytest.mark.parametrize("n", range(3))
def test_polled_output(board: Board, n: int) -> None:
    base = transmitter(board, n)
    wanted = [(i, -i) for i in range(1, 60)]
    for left, right in wanted:
        while not board.get(base + ISR) & TXFE:
            board.run_us(FRAME_US / 2)
        board.put(base + LEFT, left & 0xFFFF)
        board.put(base + RIGHT, right & 0xFFFF)
    board.run_us(20 * FRAME_US)
    sent = board.audio(n).recorded()
    assert [frame for frame in sent if frame != (0, 0)] == [(left << 16, right << 16) for left, right in wanted]
    assert board.reports == []


def test_sample_rate(board: Board) -> None:
    base = transmitter(board, 0, trigger=0)
    for _ in range(16):
        board.put(base + LEFT, 1)
        board.put(base + RIGHT, 1)
    begin = board.now_ms
    while not board.get(base + ISR) & TXFE:
        board.run_us(2)
    assert (board.now_ms - begin) * 1000 == pytest.approx(16 * FRAME_US, abs=5)


def test_output_interrupt_and_overrun(board: Board) -> None:
    base = transmitter(board, 1, trigger=3)
    board.put(base + IMR, 0x33 & ~TXFE)
    assert board.pending(6)
    for _ in range(17):
        board.put(base + LEFT, 1)
        board.put(base + RIGHT, 1)
    assert not board.pending(6)
    assert board.get(base + ISR) & TXFO
    assert board.get(base + TOR) == 1
    assert board.get(base + ISR) & TXFO == 0
    board.run_us(12.5 * FRAME_US)
    assert not board.pending(6)
    board.run_us(FRAME_US)
    assert board.pending(6)


@pytest.mark.parametrize(("divide", "bits"), [(False, 2), (False, 4), (True, 2)])
def test_output_by_dma(board: Board, divide: bool, bits: int) -> None:
    size = {2: 16, 4: 24}[bits]
    frames = [(3 * i, 5 * i + 1) for i in range(1, 101)]
    if divide:
        data = b"".join((left | right << 16).to_bytes(4, "little") for left, right in frames)
    else:
        data = b"".join(sample.to_bytes(4, "little") for frame in frames for sample in frame)
    board.write(SRAM + 0x1000, data)
    base = transmitter(board, 2, DMA_TX | (DIVIDE_16 if divide else 0), bits)
    board.put(base + RTXDMA, 1)
    board.program_dma(4, SRAM + 0x1000, base + TXDMA, len(data) // 4, 4, 4, line=29)
    board.run_us(110 * FRAME_US)
    assert not board.dma_busy(4)
    shift = 32 - size
    assert board.audio(2).recorded() == [(left << shift, right << shift) for left, right in frames]


def test_two_lines_take_turns_at_the_port(board: Board) -> None:
    base = transmitter(board, 0, DMA_TX, mask=0b1010)
    for n in (1, 3):
        board.put(base + 0x40 * n + TCR, 2)
    for value in range(1, 9):
        board.put(base + TXDMA, value)
    board.run_us(5 * FRAME_US)
    assert board.audio(0, 1).recorded() == [(1 << 16, 2 << 16), (5 << 16, 6 << 16)]
    assert board.audio(0, 3).recorded() == [(3 << 16, 4 << 16), (7 << 16, 8 << 16)]
    assert board.audio(0, 0).recorded() == []


@pytest.mark.parametrize("sign", [False, True])
def test_polled_input(board: Board, sign: bool) -> None:
    wanted = [(1000 - i, i - 500) for i in range(50)]
    board.audio(1).feed([(left << 16, right << 16) for left, right in wanted])
    base = receiver(board, 1, SIGN if sign else 0, trigger=0)
    mask = 0xFFFFFFFF if sign else 0xFFFF
    for left, right in wanted:
        while not board.get(base + ISR) & RXDA:
            board.run_us(1)
        assert (board.get(base + LEFT), board.get(base + RIGHT)) == (left & mask, right & mask)


def test_input_interrupt_and_overrun(board: Board) -> None:
    base = receiver(board, 0, trigger=7)
    board.put(base + IMR, 0x33 & ~RXDA)
    board.run_us(7.5 * FRAME_US)
    assert not board.pending(5)
    board.run_us(FRAME_US)
    assert board.pending(5)
    board.put(base + IMR, 0x33 & ~RXFO)
    assert not board.pending(5)
    board.run_us(9 * FRAME_US)
    assert board.pending(5)
    board.get(base + ROR)
    assert not board.get(base + ISR) & RXFO


@pytest.mark.parametrize("divide", [False, True])
def test_input_by_dma(board: Board, divide: bool) -> None:
    frames = [(i + 1, 0x7000 - i) for i in range(64)]
    board.audio(0, 2).feed([(left << 16, right << 16) for left, right in frames])
    base = receiver(board, 0, DMA_RX | (DIVIDE_16 if divide else 0), mask=0b100)
    board.put(base + 0x80 + RCR, 2)
    board.put(base + 0x80 + RFCR, 3)
    items = 64 if divide else 128
    board.program_dma(5, base + RXDMA, SRAM + 0x2000, items, 4, 4, line=26)
    board.run_us(70 * FRAME_US)
    assert not board.dma_busy(5)
    data = board.read(SRAM + 0x2000, 4 * items)
    if divide:
        wanted = b"".join((left | right << 16).to_bytes(4, "little") for left, right in frames)
    else:
        wanted = b"".join(sample.to_bytes(4, "little") for frame in frames for sample in frame)
    assert data == wanted


def test_over_a_wire_between_two_units(board: Board) -> None:
    board.put(FPIOA + 4 * 10, 0x1F00 | 94)  # I2S0_OUT_D0
    board.put(FPIOA + 4 * 11, 0x00900000 | 102)  # I2S1_IN_D1
    board.jumper(10, 11)
    transmitter(board, 0)
    receiver(board, 1, trigger=0, mask=0b10)
    board.put(I2S[1] + 0x40 + RCR, 2)
    heard = []
    for i in range(1, 41):
        board.put(I2S[0] + LEFT, i)
        board.put(I2S[0] + RIGHT, 2 * i)
        board.run_us(FRAME_US)
        while board.get(I2S[1] + 0x40 + ISR) & RXDA:
            heard.append((board.get(I2S[1] + 0x40 + LEFT), board.get(I2S[1] + 0x40 + RIGHT)))
    board.run_us(3 * FRAME_US)
    heard = [frame for frame in heard if frame != (0, 0)]
    assert heard == [(i, 2 * i) for i in range(1, len(heard) + 1)]
    assert len(heard) >= 37


def test_wav_files(board: Board, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(b"".join(value.to_bytes(2, "little", signed=True) for value in (-5, 6, 700)))
    board.audio(0).play(tmp_path / "in.wav")
    base = receiver(board, 0, SIGN, trigger=0)
    board.run_us(3.5 * FRAME_US)
    assert [board.get(base + LEFT) for _ in range(3)] == [0xFFFFFFFB, 6, 700]
    assert [board.get(base + RIGHT) for _ in range(3)] == [0xFFFFFFFB, 6, 700]
    out = transmitter(board, 1)
    board.put(out + LEFT, 0x1234)
    board.put(out + RIGHT, 0x8001)
    board.run_us(3 * FRAME_US)
    board.audio(1).save(tmp_path / "out.wav", 44010)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44010)
        assert file.readframes(10) == bytes([0x34, 0x12, 0x01, 0x80])


def test_disabling_flushes_and_pll2_is_needed(board: Board) -> None:
    base = transmitter(board, 0)
    board.put(SYSCTL + 0x10, 0)
    board.put(base + LEFT, 1)
    board.put(base + RIGHT, 1)
    board.run_us(50 * FRAME_US)
    assert board.audio(0).recorded() == []
    board.put(base + IER, 0)
    board.put(base + IER, 1)
    clocks(board)
    board.run_us(50 * FRAME_US)
    assert board.audio(0).recorded() == []
    board.get(base + 0x18C)
    assert board.warned("i2s0")


def test_apu_registers(board: Board) -> None:
    board.put(APU, 0x0FFF_FFFF)  # no write enable
    assert board.get(APU) == 0
    board.put(APU, 1 << 28 | 0x5A | 0xF00)
    assert board.get(APU) == 0x5A
    board.put(APU, 1 << 30 | 1 << 12 | 0xFF)
    assert board.get(APU) == 0x105A
    for offset in (0x08, 0x84, 0x88, 0x114, 0x118, 0x11C, 0x12C, 0x134):
        board.put(APU + offset, 0x11 + offset)
        assert board.get(APU + offset) == 0x11 + offset
    assert board.reports == []
    board.put(APU + 4, 1 | 1 << 8)
    assert board.get(APU + 4) == 1
    assert board.warned("beam-forming is not modelled")
