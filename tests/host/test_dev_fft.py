"""FFT accelerator (spec soc.md 10.8) against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dev_support import FFT, SRAM, SYSCTL, Board
from numpy.typing import NDArray

CTRL, FIFO_CTRL, MASK, CLEAR, STATUS, RAW, OUTPUT = 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38
SIZES = [64, 128, 256, 512]
ENABLE, DMA, NARROW = 1 << 13, 1 << 14, 1 << 17
IRQ = 26
Complex = NDArray[np.complex128]


def ctrl(points: int, forward: bool, shift: int, flags: int = 0) -> int:
    return SIZES[::-1].index(points) | forward << 3 | shift << 4 | ENABLE | flags


def pack(values: Complex) -> bytes:
    pairs = np.empty((len(values), 2), "<i2")
    pairs[:, 0], pairs[:, 1] = values.imag, values.real
    return pairs.tobytes()


def unpack(data: bytes) -> Complex:
    pairs = np.frombuffer(data, "<i2").reshape(-1, 2).astype(float)
    result: Complex = pairs[:, 1] + 1j * pairs[:, 0]
    return result


def signal(points: int, amplitude: int, seed: int = 1) -> Complex:
    random = np.random.default_rng(seed)
    result: Complex = (random.integers(-amplitude, amplitude + 1, points)
                       + 1j * random.integers(-amplitude, amplitude + 1, points)).astype(complex)
    return result


def run(board: Board, values: Complex, forward: bool, shift: int) -> Complex:
    """As the vendor: reset, both directions by DMA."""
    points = len(values)
    board.put(SYSCTL + 0x34, 1 << 4)
    board.put(SYSCTL + 0x34, 0)
    board.put64(FFT + FIFO_CTRL, 7)
    board.put64(FFT + CTRL, ctrl(points, forward, shift, DMA))
    board.write(SRAM + 0x1000, pack(values))
    board.program_dma(1, FFT + OUTPUT, SRAM + 0x4000, points // 2, 8, 4, line=23)
    board.program_dma(0, SRAM + 0x1000, FFT, points // 2, 8, 4, line=24)
    board.run_us(100)
    assert not board.dma_busy(0)
    assert not board.dma_busy(1)
    return unpack(board.read(SRAM + 0x4000, 4 * points))


@pytest.mark.parametrize("points", SIZES)
def test_forward_is_an_unnormalised_fft(board: Board, points: int) -> None:
    values = signal(points, 20)
    error = np.abs(run(board, values, True, 0) - np.fft.fft(values))
    # Roundings of variance 1/12 from the third layer on (the twiddle factors before are exact), each spread by the
    # layers behind it: rms sqrt(points / 24). Four times that is hardly ever met.
    assert error.max() <= 4 * math.sqrt(points / 24)
    assert board.reports == []


@pytest.mark.parametrize("points", SIZES)
def test_backward_with_every_shift_is_the_inverse(board: Board, points: int) -> None:
    values = signal(points, 10000)
    error = np.abs(run(board, values, False, 0x1FF) - np.fft.ifft(values))
    assert error.max() <= 2


@pytest.mark.parametrize("points", SIZES)
def test_there_and_back(board: Board, points: int) -> None:
    values = signal(points, 12)
    spectrum = run(board, values, True, 0)
    assert np.abs(run(board, spectrum, False, 0x1FF) - values).max() <= 2


def test_each_shift_halves_once(board: Board) -> None:
    values = np.full(64, 400 + 0j)
    for layers in range(7):
        result = run(board, values, True, (1 << layers) - 1)
        assert result[0] == 400 * 64 >> layers
        assert np.abs(result[1:]).max() == 0


@pytest.mark.parametrize("bin_", [1, 5, 63])
def test_tone_lands_in_its_bin(board: Board, bin_: int) -> None:
    values = np.round(200 * np.exp(2j * np.pi * bin_ * np.arange(128) / 128))
    result = run(board, values, True, 0)
    assert int(np.argmax(np.abs(result))) == bin_
    assert abs(result[bin_] - np.fft.fft(values)[bin_]) < 8


def test_polled_with_interrupt(board: Board) -> None:
    values = signal(64, 100)
    board.put64(FFT + CTRL, ctrl(64, True, 0))
    for i in range(0, 256, 8):
        assert board.get64(FFT + RAW) == 0
        board.write(FFT, pack(values)[i:i + 8])
    assert board.get64(FFT + RAW) == 2
    board.run_us(1)
    assert board.get64(FFT + RAW) == board.get64(FFT + STATUS) == 1
    assert board.pending(IRQ)
    board.put64(FFT + MASK, 1)
    assert not board.pending(IRQ)
    assert board.get64(FFT + STATUS) == 0
    board.put64(FFT + MASK, 0)
    board.put64(FFT + CLEAR, 1)
    assert not board.pending(IRQ)
    data = b"".join(board.read(FFT + OUTPUT, 8) for _ in range(32))
    assert np.abs(unpack(data) - np.fft.fft(values)).max() <= 6


def test_halves_of_64_bit_words(board: Board) -> None:
    values = signal(64, 100)
    board.put(FFT + CTRL, ctrl(64, True, 0))
    for i in range(0, 256, 4):
        board.write(FFT + i % 8, pack(values)[i:i + 4])
    board.run_us(1)
    data = b"".join(board.read(FFT + OUTPUT + i % 8, 4) for i in range(0, 256, 4))
    assert np.abs(unpack(data) - np.fft.fft(values)).max() <= 6


@pytest.mark.parametrize("mode", [1, 2])
def test_input_modes(board: Board, mode: int) -> None:
    values = signal(64, 100)
    reals, imaginaries = values.real.astype("<i2").tobytes(), values.imag.astype("<i2").tobytes()
    data = reals if mode == 1 else reals + imaginaries
    board.put64(FFT + CTRL, ctrl(64, True, 0, mode << 15))
    for i in range(0, len(data), 8):
        board.write(FFT, data[i:i + 8])
    board.run_us(1)
    result = unpack(b"".join(board.read(FFT + OUTPUT, 8) for _ in range(32)))
    assert np.abs(result - np.fft.fft(values.real if mode == 1 else values)).max() <= 6


def test_narrow_data(board: Board) -> None:
    values = signal(64, 100)
    board.put64(FFT + CTRL, ctrl(64, True, 0, NARROW))
    for i in range(0, 256, 4):
        board.write(FFT, pack(values)[i:i + 4])
    board.run_us(1)
    result = unpack(b"".join(board.read(FFT + OUTPUT, 4) for _ in range(64)))
    assert np.abs(result - np.fft.fft(values)).max() <= 6


def test_overflow_saturates_and_is_reported(board: Board) -> None:
    result = run(board, np.full(64, 30000 + 0j), True, 0)
    assert result[0] == 32767
    assert board.warned("leaves 16 bits")
