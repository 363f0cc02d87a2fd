"""Wires between pads: levels, serial bytes."""

from __future__ import annotations

import pytest
from dev_support import FPIOA, GPIOHS, Board

INPUT_EN, OUTPUT_EN, OUTPUT_VAL = GPIOHS + 0x04, GPIOHS + 0x08, GPIOHS + 0x0C
UART1, UART2 = 0x50210000, 0x50220000
PULL_UP = 1 << 16


def gpiohs(board: Board, pad: int, n: int, flags: int = 0) -> None:
    board.put(FPIOA + 4 * pad, 0x00901F00 | 24 + n | flags)


@pytest.fixture
def wired(board: Board) -> Board:
    """GPIOHS 20 on IO36 and GPIOHS 21 on IO37, where the reset map has them, and a wire."""
    board.put(INPUT_EN, 3 << 20)
    board.jumper(36, 37)
    return board


def levels(board: Board) -> tuple[int, int]:
    return board.get(GPIOHS) >> 20 & 1, board.get(GPIOHS) >> 21 & 1


@pytest.mark.parametrize("driver", [0, 1])
def test_levels_go_both_ways(wired: Board, driver: int) -> None:
    wired.put(OUTPUT_EN, 1 << 20 + driver)
    for level in (1, 0, 1):
        wired.put(OUTPUT_VAL, level << 20 + driver)
        assert levels(wired) == (level, level)
    wired.put(OUTPUT_EN, 0)
    assert levels(wired) == (0, 0)


def test_output_enable_alone_is_seen_at_the_other_end(wired: Board) -> None:
    gpiohs(wired, 36, 20, PULL_UP)
    assert levels(wired) == (1, 0), "a pull is too weak to be modelled over the wire"
    wired.put(OUTPUT_VAL, 1 << 20)
    wired.put(OUTPUT_EN, 1 << 20)  # the level at its own pad does not change
    assert levels(wired) == (1, 1)


def test_wire_before_and_after_routing(board: Board) -> None:
    board.put(INPUT_EN, 3 << 20)
    board.put(OUTPUT_EN, 1 << 20)
    board.put(OUTPUT_VAL, 1 << 20)
    board.jumper(36, 10)
    assert board.pad(10).level, "what is driven already arrives with the wire"
    board.put(FPIOA + 4 * 36, 120)
    assert not board.pad(10).level


def test_serial_bytes(board: Board) -> None:
    board.put(FPIOA + 4 * 6, 0x1F00 | 65)  # UART1_TX
    board.put(FPIOA + 4 * 7, 0x00900000 | 66)  # UART2_RX
    board.jumper(6, 7)
    for base in (UART1, UART2):
        board.put(base + 0x0C, 0x83)
        board.put(base, 106)  # 195 MHz / 16 / 106: 115 kbaud
        board.put(base + 0x0C, 0x03)
        board.put(base + 0x08, 0x01)
    for byte in b"wire":
        board.put(UART1, byte)
    board.run_us(500)
    assert bytes(board.get(UART2) & 0xFF for _ in range(4)) == b"wire"


@pytest.mark.parametrize(("a", "b"), [(36, 38), (5, 5), (48, 1), (1, 48)])
def test_refused_wires(wired: Board, a: int, b: int) -> None:
    with pytest.raises(ValueError, match=f"no jumper between pads {a} and {b}"):
        wired.jumper(a, b)
