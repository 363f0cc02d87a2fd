"""SYSCTL: clocks against the table and formulas of spec soc.md 4, PLL lock, gates, resets, DMA routing."""

from __future__ import annotations

import pytest
from dev_support import GPIOHS, SYSCTL, Board

PLL0, PLL1, PLL2, PLL_LOCK = SYSCTL + 0x08, SYSCTL + 0x0C, SYSCTL + 0x10, SYSCTL + 0x18
CLK_SEL0, EN_CENT, EN_PERI, SOFT_RESET, PERI_RESET = (SYSCTL + offset for offset in (0x20, 0x28, 0x2C, 0x30, 0x34))
RESET_STATUS, DMA_SEL0, DMA_SEL1 = SYSCTL + 0x60, SYSCTL + 0x64, SYSCTL + 0x68
POWER, OUT_EN, RESET, BYPASS = 1 << 21, 1 << 25, 1 << 20, 1 << 23


def factors(r: int, f: int, od: int) -> int:
    return r | f << 4 | od << 10 | f << 14


def clock(board: Board, name: str) -> int:
    return board.state()["devices"]["sysctl"]["clocks"][name]


def test_state_at_entry(board: Board) -> None:
    assert board.get(PLL0) == 0x022EC7B0
    assert clock(board, "pll0") == 780_000_000
    assert clock(board, "cpu") == 390_000_000
    assert clock(board, "apb0") == 195_000_000
    assert clock(board, "pll1") == 0, "its output is off until software enables it"
    assert clock(board, "ai") == 0
    assert board.get(PLL_LOCK) & 3 == 3
    assert board.get(SYSCTL) == 0
    assert board.get(RESET_STATUS) == 2


@pytest.mark.parametrize(("r", "f", "od", "hz"), [
    (0, 59, 1, 780_000_000), (0, 59, 3, 390_000_000), (0, 22, 1, 299_000_000), (0, 61, 1, 806_000_000),
    (0, 45, 2, 398_666_666), (0, 25, 14, 45_066_666), (0, 63, 1, 832_000_000), (0, 45, 3, 299_000_000),
    (1, 59, 0, 780_000_000)])
def test_pll_factors(board: Board, r: int, f: int, od: int, hz: int) -> None:
    for register, name in ((PLL1, "pll1"), (PLL2, "pll2")):
        board.put(register, factors(r, f, od) | POWER | OUT_EN)
        assert clock(board, name) == hz


def test_pll_states_without_output(board: Board) -> None:
    for control in (POWER, OUT_EN, POWER | OUT_EN | RESET):
        board.put(PLL1, factors(0, 22, 1) | control)
        assert clock(board, "pll1") == 0
    board.put(PLL1, factors(0, 22, 1) | BYPASS | OUT_EN)
    assert clock(board, "pll1") == 26_000_000


def test_pll2_takes_another_pll_as_input(board: Board) -> None:
    board.put(PLL1, factors(0, 22, 1) | POWER | OUT_EN)
    board.put(PLL2, factors(14, 0, 0) | POWER | OUT_EN | 1 << 26)
    assert clock(board, "pll2") == 780_000_000 // 15
    board.put(PLL2, factors(12, 0, 0) | POWER | OUT_EN | 2 << 26)
    assert clock(board, "pll2") == 299_000_000 // 13


def test_vendor_sequence_locks_after_a_delay(board: Board) -> None:
    """Spec 4.10, at PLL1, with the loop that software spins in."""
    board.put(PLL1, factors(0, 45, 2) | POWER | RESET)
    board.run_us(1)
    board.put(PLL1, factors(0, 45, 2) | POWER)
    assert board.get(PLL_LOCK) >> 8 & 3 == 0
    waited = 0
    while board.get(PLL_LOCK) >> 8 & 3 != 3:
        board.put(PLL_LOCK, board.get(PLL_LOCK) | 1 << 10)
        board.run_us(1)
        waited += 1
        assert waited < 1000
    assert 5 <= waited <= 100, "lock takes tens of microseconds"
    assert board.get(PLL_LOCK) & 3 == 3, "PLL0 keeps its lock"
    board.put(PLL1, factors(0, 45, 2))
    assert board.get(PLL_LOCK) >> 8 & 3 == 0


def test_cpu_from_in0_ignores_the_divider(board: Board) -> None:
    board.put(CLK_SEL0, 0x248 | 3 << 1)
    assert clock(board, "cpu") == 26_000_000
    board.put(CLK_SEL0, 0x249 | 3 << 1)
    assert clock(board, "cpu") == 780_000_000 // 16


def test_bus_and_peripheral_dividers(board: Board) -> None:
    board.put(PLL1, factors(0, 45, 2) | POWER | OUT_EN)
    board.put(PLL2, factors(0, 25, 14) | POWER | OUT_EN)
    board.put(CLK_SEL0, 1 | 2 << 3 | 3 << 6 | 4 << 9 | 1 << 12 | 1 << 14)
    for offset, value in ((0x38, 0x43521), (0x3C, 0x04030201), (0x40, 0x060504), (0x44, 0x00080007), (0x48, 9),
                          (0x4C, 0x0C0B0A00), (0x50, 0x0E0D)):
        board.put(SYSCTL + offset, value)
    pll0, pll2 = 780_000_000, 45_066_666
    apb1 = 390_000_000 // 4
    expected = {
        "apb0": 130_000_000, "apb1": apb1, "apb2": 78_000_000, "sram0": 195_000_000, "sram1": 130_000_000,
        "ai": 398_666_666 // 6, "dvp": apb1 // 4, "rom": 390_000_000 // 5,
        "spi0": pll0 // 4, "spi1": pll0 // 6, "spi2": pll0 // 8, "spi3": pll0 // 10,
        "timer0": 26_000_000 // 10, "timer1": pll0 // 12, "timer2": 26_000_000 // 14,
        "i2s0": pll2 // 16, "i2s1": pll2 // 18, "i2s2": pll2 // 20,
        "i2c0": pll0 // 22, "i2c1": pll0 // 24, "i2c2": pll0 // 26, "wdt0": 26_000_000 // 28, "wdt1": 26_000_000 // 30,
    }
    assert {name: clock(board, name) for name in expected} == expected


def test_gates_and_resets_stop_clocks(board: Board) -> None:
    assert clock(board, "spi3") == 13_000_000
    board.put(EN_PERI, board.get(EN_PERI) & ~(1 << 9))
    assert clock(board, "spi3") == 0
    board.put(EN_PERI, 0xFFFFFFFF)
    board.put(PERI_RESET, 1 << 9)
    assert clock(board, "spi3") == 0
    board.put(PERI_RESET, 0)
    assert clock(board, "spi3") == 13_000_000
    board.put(EN_CENT, 0x3F & ~(1 << 5))
    assert clock(board, "spi3") == 0
    assert clock(board, "apb2") == 0
    assert clock(board, "apb0") != 0


def test_block_reset_restores_only_that_block(board: Board) -> None:
    board.put(0x502B0000, 0x1234)        # FPIOA pad 0
    board.put(GPIOHS + 0x0C, 0x55)
    board.put(PERI_RESET, 1 << 20)
    board.put(PERI_RESET, 0)
    assert board.get(0x502B0000) & 0xFF == 0
    assert board.get(GPIOHS + 0x0C) == 0x55


def test_soft_reset_and_its_status(board: Board) -> None:
    board.put(0x80001000, 0xCAFE)
    board.put(PLL1, POWER)
    board.put(RESET_STATUS, board.get(RESET_STATUS) | 1)
    assert board.get(RESET_STATUS) == 0
    board.put(SOFT_RESET, 1)
    board.run_us(1)
    assert board.get(RESET_STATUS) == 1 << 4
    assert board.get(PLL1) == 0x00058560
    assert board.get(0x80001000) == 0xCAFE, "SRAM survives"


def test_dma_selectors(board: Board) -> None:
    board.put(DMA_SEL0, sum((k + 10) << 6 * k for k in range(5)))
    board.put(DMA_SEL1, 33)
    channels = board.state()["devices"]["dmac"]
    assert [channels[f"channel{k}"]["request"] for k in range(6)] == [10, 11, 12, 13, 14, 33]


def test_switching_the_cpu_pll_off_is_reported(board: Board) -> None:
    board.put(PLL0, board.get(PLL0) & ~OUT_EN)
    assert board.warned("PLL0 switched off")


def test_unknown_register_is_reported(board: Board) -> None:
    assert board.get(SYSCTL + 0x70) == 0
    assert board.warned("sysctl")
