"""Watchdogs (spec soc.md 10.4)."""

from __future__ import annotations

import pytest
from dev_support import SRAM, SYSCTL, WDT, Board

CR, TORR, CCVR, CRR, STAT, EOI = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
ENABLE, INTERRUPT_FIRST, KICK = 1, 2, 0x76
RESET_STATUS, TH6 = SYSCTL + 0x60, SYSCTL + 0x50
TOP0_US = (1 << 16) / 13  # 13 MHz, spec: about 5 ms


def start(board: Board, n: int, mode: int, top: int = 0, top_init: int = 0) -> None:
    board.put(RESET_STATUS, 1)
    board.put(WDT[n] + TORR, top | top_init << 4)
    board.put(WDT[n] + CRR, KICK)
    board.put(WDT[n] + CR, ENABLE | mode)


@pytest.mark.parametrize("n", [0, 1])
def test_bite_resets_with_its_cause(board: Board, n: int) -> None:
    board.write(SRAM + 0x1000, b"kept")
    start(board, n, 0)
    board.run_us(TOP0_US - 10)
    assert board.get(RESET_STATUS) == 0
    assert board.get(WDT[n] + CR) == ENABLE
    board.run_us(20)
    assert board.get(RESET_STATUS) == 1 << (2 + n)
    assert board.get(WDT[n] + CR) == 0
    assert board.read(SRAM + 0x1000, 4) == b"kept"


@pytest.mark.parametrize("n", [0, 1])
def test_interrupt_first_then_reset(board: Board, n: int) -> None:
    start(board, n, INTERRUPT_FIRST)
    board.run_us(TOP0_US + 5)
    assert board.get(WDT[n] + STAT) == 1
    assert board.pending(21 + n)
    assert board.get(RESET_STATUS) == 0
    board.run_us(TOP0_US - 20)
    assert board.get(RESET_STATUS) == 0
    board.run_us(30)
    assert board.get(RESET_STATUS) == 1 << (2 + n)


@pytest.mark.parametrize("clear", ["eoi", "kick"])
def test_acknowledged_interrupt_does_not_bite(board: Board, clear: str) -> None:
    start(board, 0, INTERRUPT_FIRST)
    for _ in range(3):
        board.run_us(TOP0_US + 5)
        assert board.get(WDT[0] + STAT) == 1
        if clear == "eoi":
            board.get(WDT[0] + EOI)
        else:
            board.put(WDT[0] + CRR, KICK)
        assert board.get(WDT[0] + STAT) == 0
    assert board.get(RESET_STATUS) == 0


def test_feeding_keeps_it_quiet_and_a_wrong_key_does_not(board: Board) -> None:
    start(board, 1, 0)
    for _ in range(5):
        board.run_us(TOP0_US * 0.9)
        board.put(WDT[1] + CRR, KICK)
    assert board.get(RESET_STATUS) == 0
    board.run_us(TOP0_US * 0.9)
    board.put(WDT[1] + CRR, 0x77)
    board.run_us(TOP0_US * 0.2)
    assert board.get(RESET_STATUS) == 8


@pytest.mark.parametrize("top", [0, 3, 8])
@pytest.mark.parametrize("threshold", [0, 4])
def test_counter_and_time_out(board: Board, top: int, threshold: int) -> None:
    board.put(TH6, threshold)
    start(board, 0, INTERRUPT_FIRST, top, top)
    hz = 26e6 / (2 * (threshold + 1))
    board.run_us(1000)
    assert board.get(WDT[0] + CCVR) == pytest.approx((1 << 16 + top) - hz / 1000, abs=2)
    board.run_us((1 << 16 + top) / hz * 1e6 - 1010)
    assert board.get(WDT[0] + STAT) == 0
    board.run_us(20)
    assert board.get(WDT[0] + STAT) == 1


def test_first_period_uses_top_init(board: Board) -> None:
    start(board, 0, INTERRUPT_FIRST, top=0, top_init=2)
    board.run_us(3 * TOP0_US)
    assert board.get(WDT[0] + STAT) == 0
    board.run_us(1.1 * TOP0_US)
    assert board.get(WDT[0] + STAT) == 1


def test_stop_and_block_reset(board: Board) -> None:
    start(board, 0, 0)
    board.put(WDT[0] + CR, 0)
    board.run_us(3 * TOP0_US)
    assert board.get(RESET_STATUS) == 0
    start(board, 1, INTERRUPT_FIRST)
    board.run_us(1.1 * TOP0_US)
    board.put(SYSCTL + 0x34, 1 << 25)
    board.put(SYSCTL + 0x34, 0)
    assert board.get(WDT[1] + STAT) == 0
    board.run_us(3 * TOP0_US)
    assert board.get(RESET_STATUS) == 0
    assert board.get(WDT[0] + 0xFC) == 0x44570120
    assert board.reports == []
