"""RTC (spec soc.md 10.5)."""

from __future__ import annotations

import calendar
import datetime

import pytest
from dev_support import PLIC_PENDING, RTC, Board

DATE, TIME, ALARM_DATE, ALARM_TIME, INITIAL, CURRENT, INTERRUPT, CONTROL, EXTENDED = (
    0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x28)
MASKS = 0xFF << 13 | 0xFF << 21 | 3 << 29
RUNNING, SETTING, PAUSED = MASKS | 1, MASKS | 2, MASKS
PLIC_ENABLE, PLIC_CLAIM = 0x0C002000, 0x0C200004


def date_word(when: datetime.datetime) -> int:
    return when.isoweekday() % 7 | when.day << 8 | when.month << 16 | when.year % 100 << 20


def time_word(when: datetime.datetime) -> int:
    return when.second << 10 | when.minute << 16 | when.hour << 24


def set_clock(board: Board, when: datetime.datetime, per_second: int = 26_000_000) -> None:
    board.put(RTC + CONTROL, SETTING)
    board.put(RTC + DATE, date_word(when))
    board.put(RTC + TIME, time_word(when))
    board.put(RTC + EXTENDED, when.year // 100)
    board.put(RTC + INITIAL, per_second)
    board.put(RTC + CURRENT, 0)
    board.put(RTC + CONTROL, RUNNING)


def get_clock(board: Board) -> datetime.datetime:
    date, time, extended = (board.get(RTC + offset) for offset in (DATE, TIME, EXTENDED))
    when = datetime.datetime((extended & 31) * 100 + (date >> 20), date >> 16 & 15, date >> 8 & 31,
                             time >> 24 & 31, time >> 16 & 63, time >> 10 & 63)
    assert date & 7 == when.isoweekday() % 7
    assert extended >> 5 & 1 == calendar.isleap(when.year)
    return when


@pytest.fixture
def ticking(board: Board) -> Board:
    board.put(PLIC_ENABLE, 1 << 20)
    board.put(0x0C000000 + 4 * 20, 1)
    return board


def took_interrupt(board: Board) -> bool:
    """Claims and completes interrupt 20 if it is pending."""
    claimed = board.get(PLIC_CLAIM)
    if claimed:
        board.put(PLIC_CLAIM, claimed)
    assert claimed in (0, 20)
    return claimed == 20


@pytest.mark.parametrize("before", ["2024-02-28 23:59:58", "2023-02-28 23:59:58", "2000-02-28 23:59:58",
                                    "2100-02-28 23:59:58", "2024-12-31 23:59:58", "1999-12-31 23:59:58",
                                    "2024-04-30 23:59:58", "2024-07-31 12:34:58"])
def test_calendar_rolls_over(board: Board, before: str) -> None:
    when = datetime.datetime.fromisoformat(before)
    set_clock(board, when)
    assert get_clock(board) == when
    board.run(ms=1900)
    assert get_clock(board) == when + datetime.timedelta(seconds=1)
    board.run(ms=200)
    assert get_clock(board) == when + datetime.timedelta(seconds=2)


def test_a_year_of_short_seconds(board: Board) -> None:
    when = datetime.datetime(2023, 11, 25, 10, 20, 30)
    set_clock(board, when, per_second=26)  # a microsecond each
    board.run(ms=40_000)
    passed = get_clock(board) - when
    assert passed.total_seconds() == pytest.approx(40_000_000, abs=2)


def test_prescaler_counts_in0(board: Board) -> None:
    set_clock(board, datetime.datetime(2024, 1, 1))
    board.run(ms=250)
    assert board.get(RTC + CURRENT) == pytest.approx(6_500_000, abs=2)


def test_pause_holds_and_running_protects(board: Board) -> None:
    when = datetime.datetime(2024, 5, 6, 7, 8, 9)
    set_clock(board, when)
    board.run(ms=500)
    board.put(RTC + CONTROL, PAUSED)
    board.run(ms=5000)
    board.put(RTC + CONTROL, RUNNING)
    board.run(ms=400)
    assert get_clock(board) == when
    board.run(ms=200)
    assert get_clock(board) == when + datetime.timedelta(seconds=1)
    board.put(RTC + DATE, 0)
    assert get_clock(board).date() == when.date()
    assert board.warned("date written while the clock runs")


def test_write_masks_select_fields(board: Board) -> None:
    set_clock(board, datetime.datetime(2024, 5, 6, 7, 8, 9))
    board.put(RTC + CONTROL, 1 << (13 + 2) | 2)  # minute only
    board.put(RTC + TIME, 0x3FFFFFFF)
    assert board.get(RTC + TIME) == 9 << 10 | 63 << 16 | 7 << 24
    board.put(RTC + INITIAL, 5)
    assert board.get(RTC + INITIAL) == 26_000_000


@pytest.mark.parametrize(("mode", "times"), [(0, ["23:59:58", "23:59:59", "00:00:00", "00:00:01"]),
                                             (1, ["00:00:00"]), (2, ["00:00:00"]), (3, ["00:00:00"])])
def test_tick_interrupt(ticking: Board, mode: int, times: list[str]) -> None:
    set_clock(ticking, datetime.datetime(2024, 12, 31, 23, 59, 57))
    ticking.put(RTC + INTERRUPT, 1 | mode << 2)
    seen = []
    for _ in range(44):
        ticking.run(ms=100)
        if took_interrupt(ticking):
            seen.append(str(get_clock(ticking).time()))
    assert seen == times


def test_minute_tick(ticking: Board) -> None:
    set_clock(ticking, datetime.datetime(2024, 1, 1, 10, 0, 59))
    ticking.put(RTC + INTERRUPT, 1 | 1 << 2)
    ticking.run(ms=1100)
    assert took_interrupt(ticking)
    ticking.run(ms=59_000)
    assert not took_interrupt(ticking)
    ticking.run(ms=1000)
    assert took_interrupt(ticking)


@pytest.mark.parametrize(("mask", "delay"), [(0xFE, 3), (1 << 1, 3), (1 << 2, 1)])
def test_alarm(ticking: Board, mask: int, delay: int) -> None:
    start = datetime.datetime(2024, 2, 28, 23, 59, 59)
    alarm = datetime.datetime(2024, 2, 29, 0, 0, 2)
    set_clock(ticking, start)
    ticking.put(RTC + ALARM_DATE, date_word(alarm))
    ticking.put(RTC + ALARM_TIME, time_word(alarm))
    ticking.put(RTC + INTERRUPT, 2 | mask << 24)
    ticking.run(ms=delay * 1000 - 100)
    assert not took_interrupt(ticking)
    ticking.run(ms=200)
    assert took_interrupt(ticking)
    assert not ticking.get(PLIC_PENDING) >> 20 & 1
    assert ticking.reports == []
