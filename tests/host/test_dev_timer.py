"""TIMER0 to TIMER2 and PWM (spec soc.md 10.2, 10.3)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from dev_support import FPIOA, GPIOHS, SYSCTL, TIMER, Board

LOAD, VALUE, CONTROL, EOI, STAT = 0x00, 0x04, 0x08, 0x0C, 0x10
ALL_STAT, ALL_EOI, RAW, LOAD2 = 0xA0, 0xA4, 0xA8, 0xB0
ENABLE, USER, MASKED, PWM = 1, 2, 4, 8
HZ = 13_000_000  # IN0 / 2, spec soc.md 4.6 with threshold 0
CLK_SEL0, TH2, PERI = SYSCTL + 0x20, SYSCTL + 0x40, SYSCTL + 0x58
TOGGLE = 190


def start(board: Board, timer: int, n: int, load: int, control: int = USER | ENABLE) -> int:
    base = TIMER[timer] + 0x14 * n
    board.put(base + LOAD, load)
    board.put(base + CONTROL, control)
    return base


@pytest.mark.parametrize("timer", range(3))
@pytest.mark.parametrize("n", range(4))
def test_each_channel_has_its_interrupt(board: Board, timer: int, n: int) -> None:
    base = start(board, timer, n, 1300)
    board.run_us(99)
    assert not board.pending(14 + 2 * timer + n // 2)
    board.run_us(2)
    assert [board.pending(source) for source in range(14, 20)] == [
        source == 14 + 2 * timer + n // 2 for source in range(14, 20)]
    assert board.get(TIMER[timer] + ALL_STAT) == board.get(TIMER[timer] + RAW) == 1 << n
    assert board.get(base + STAT) == 1
    board.get(base + EOI)
    assert board.get(base + STAT) == 0
    assert not board.pending(14 + 2 * timer + n // 2)


def test_period_is_load_count_plus_one_without_drift(board: Board) -> None:
    base = start(board, 0, 0, 99)
    times: list[float] = []
    begin = board.now_ms
    while len(times) < 200:
        board.run(cycles=13)
        if board.pending(14):
            board.get(base + EOI)
            times.append((board.now_ms - begin) * 1000)
    for k, time in enumerate(times):
        assert time == pytest.approx((99 + 100 * k) / 13, abs=0.05)  # 13 cycles of 390 MHz are 0.033 us


def test_counter_counts_down_and_reloads(board: Board) -> None:
    base = start(board, 1, 2, 1000)
    assert board.get(base + VALUE) == 1000
    board.run_us(10)
    assert board.get(base + VALUE) == pytest.approx(1000 - 130, abs=1)
    board.run_us(100)
    assert board.get(base + VALUE) == pytest.approx(1001 - (1430 - 1000), abs=1)
    board.put(base + LOAD, 50)  # taken at the next reload
    assert board.get(base + VALUE) > 500
    board.run_us(60)
    assert board.get(base + VALUE) <= 50


def test_stopping_holds_and_starting_loads(board: Board) -> None:
    base = start(board, 0, 1, 5000)
    board.run_us(100)
    board.put(base + CONTROL, MASKED)
    held = board.get(base + VALUE)
    assert held == pytest.approx(3700, abs=1)
    board.run_us(100)
    assert board.get(base + VALUE) == held
    board.put(base + CONTROL, USER | ENABLE)
    assert board.get(base + VALUE) == 5000


def test_free_running_wraps_to_the_largest_value(board: Board) -> None:
    base = start(board, 0, 0, 130, ENABLE)
    board.run_us(11)
    assert board.get(base + VALUE) == pytest.approx(0xFFFFFFFF - 12, abs=2)
    assert board.get(base + STAT) == 1


def test_masked_channel_sets_only_the_raw_status(board: Board) -> None:
    start(board, 2, 3, 13, USER | ENABLE | MASKED)
    board.run_us(5)
    assert board.get(TIMER[2] + RAW) == 8
    assert board.get(TIMER[2] + ALL_STAT) == 0
    assert not board.pending(19)
    board.get(TIMER[2] + ALL_EOI)
    assert board.get(TIMER[2] + RAW) == 0


@pytest.mark.parametrize(("threshold", "pll"), [(0, False), (3, False), (9, True)])
def test_clock_selection(board: Board, threshold: int, pll: bool) -> None:
    board.put(TH2, threshold << 8)
    board.put(CLK_SEL0, board.get(CLK_SEL0) | pll << 14)
    hz = (780e6 if pll else 26e6) / (2 * (threshold + 1))
    base = start(board, 1, 0, 1_000_000)
    board.run_us(1000)
    assert 1_000_000 - board.get(base + VALUE) == pytest.approx(hz / 1000, abs=2)


def test_clock_change_and_pause_keep_the_count(board: Board) -> None:
    base = start(board, 0, 2, 100_000)
    board.run_us(1000)
    board.put(TH2, 9)  # 1.3 MHz
    board.run_us(1000)
    assert board.get(base + VALUE) == pytest.approx(100_000 - 13_000 - 1300, abs=2)
    board.put(PERI, 1 << 2)
    paused = board.get(base + VALUE)
    board.run_us(1000)
    assert board.get(base + VALUE) == paused
    board.put(PERI, 0)
    board.run_us(1000)
    assert board.get(base + VALUE) == pytest.approx(paused - 1300, abs=2)


@pytest.mark.parametrize(("timer", "n"), [(0, 0), (1, 3), (2, 1)])
def test_pwm_read_back_by_gpiohs_over_a_wire(board: Board, timer: int, n: int) -> None:
    board.put(FPIOA + 4 * 21, 0x1F00 | TOGGLE + 4 * timer + n)
    board.put(FPIOA + 4 * 22, 0x00901F00 | 24 + 5)  # GPIOHS5
    board.jumper(21, 22)
    board.put(GPIOHS + 0x04, 1 << 5)
    board.put(TIMER[timer] + LOAD2 + 4 * n, 389)  # high 390 clocks, low 910: 10 kHz, 30 %
    start(board, timer, n, 909, PWM | MASKED | USER | ENABLE)
    levels = []
    for _ in range(4000):
        board.run(cycles=39)  # 0.1 us
        levels.append(board.get(GPIOHS) >> 5 & 1)
    assert sum(levels) / len(levels) == pytest.approx(0.3, abs=0.003)
    rises = [i for i in range(1, len(levels)) if levels[i] > levels[i - 1]]
    assert [b - a for a, b in pairwise(rises)] == pytest.approx([1000] * (len(rises) - 1), abs=1)
    assert len(rises) == 4
    board.get(GPIOHS + 0x1C)
    board.put(GPIOHS + 0x1C, 0xFFFFFFFF)
    board.put(GPIOHS + 0x18, 1 << 5)
    board.run_us(101)
    assert board.pending(34 + 5), "the edge interrupts"


def test_toggle_output_without_pwm_changes_at_every_zero(board: Board) -> None:
    board.put(FPIOA + 4 * 8, 0x1F00 | TOGGLE)
    start(board, 0, 0, 129)
    levels = []
    for _ in range(10):
        board.run_us(10)
        levels.append(board.pad(8).level)
    assert levels == [True, False] * 5


def test_reset_stops_all(board: Board) -> None:
    base = start(board, 0, 0, 1300)
    board.run_us(200)
    board.put(SYSCTL + 0x34, 1 << 21)
    board.put(SYSCTL + 0x34, 0)
    assert [board.get(base + offset) for offset in (LOAD, VALUE, CONTROL, STAT)] == [0, 0, 0, 0]
    assert not board.pending(14)
    assert board.reports == []


def test_holes_are_reported(board: Board) -> None:
    board.get(TIMER[0] + 0x60)
    board.put(TIMER[1] + 0xC0, 1)
    assert board.warned("timer0")
    assert board.warned("timer1")
