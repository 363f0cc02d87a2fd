"""FPIOA, GPIOHS and GPIO (spec soc.md 5, 6.1, 6.2)."""

from __future__ import annotations

import pytest
from dev_support import FPIOA, GPIO, GPIOHS, SYSCTL, Board

OUTPUT, BOTH_WAYS, INPUT = 0x00001F00, 0x00901F00, 0x00900000
PU, PD, OE_INV, DO_SEL, DO_INV, DI_INV = 1 << 16, 1 << 17, 1 << 13, 1 << 14, 1 << 15, 1 << 22
HS0, GPIO0, RESV0 = 24, 56, 120
INPUT_VAL, INPUT_EN, OUTPUT_EN, OUTPUT_VAL = (GPIOHS + offset for offset in (0x00, 0x04, 0x08, 0x0C))
RISE, FALL, HIGH, LOW = 0x18, 0x20, 0x28, 0x30  # ie; ip is 4 above
IRQ_HS0, IRQ_GPIO = 34, 23


def pad_register(pad: int) -> int:
    return FPIOA + 4 * pad


def test_reset_map(board: Board) -> None:
    functions = [board.get(pad_register(pad)) & 0xFF for pad in range(48)]
    assert functions == [0, 1, 2, 3, 18, 19, RESV0, RESV0, *range(56, 64), *range(24, 56)]


def test_registers_read_back_with_the_level(board: Board) -> None:
    board.put(pad_register(10), 0xFFFFFFFF)
    assert board.get(pad_register(10)) & 0x7FFFFFFF == 0x7FFFFFFF
    board.put(pad_register(10), RESV0)
    board.pad(10).drive(True)
    assert board.get(pad_register(10)) == 0x80000000 | RESV0
    board.pad(10).drive(False)
    assert board.get(pad_register(10)) == RESV0


def test_pulls_and_outside_drive(board: Board) -> None:
    pad = board.pad(20)
    board.put(pad_register(20), INPUT | PU | HS0)
    assert pad.level
    pad.drive(False)
    assert not pad.level
    pad.release()
    assert pad.level
    board.put(pad_register(20), INPUT | PD | HS0)
    assert not pad.level
    pad.drive(True)
    assert pad.level


def test_gpiohs_output_inversions_and_enable_as_data(board: Board) -> None:
    pad = board.pad(13)
    board.put(pad_register(13), OUTPUT | HS0 + 3)
    board.put(OUTPUT_EN, 8)
    assert not pad.level
    board.put(OUTPUT_VAL, 8)
    assert pad.level
    board.put(pad_register(13), OUTPUT | HS0 + 3 | DO_INV)
    assert not pad.level
    board.put(GPIOHS + 0x40, 8)  # output_xor inverts again
    assert pad.level
    board.put(pad_register(13), OUTPUT | HS0 + 3 | DO_SEL)
    assert pad.level, "the enable is driven as data"
    board.put(pad_register(13), OUTPUT | HS0 + 3 | OE_INV | PU)
    board.put(GPIOHS + 0x40, 0)
    board.put(OUTPUT_VAL, 0)
    assert pad.level, "output off: pull-up"
    board.put(OUTPUT_EN, 0)
    assert not pad.level, "inverted enable: output on"


def test_one_function_on_two_pads(board: Board) -> None:
    for pad in (21, 22):
        board.put(pad_register(pad), OUTPUT | HS0 + 31)
    board.put(OUTPUT_EN, 1 << 31)
    board.put(OUTPUT_VAL, 1 << 31)
    assert board.pad(21).level
    assert board.pad(22).level


@pytest.mark.parametrize("n", range(32))
def test_each_gpiohs_pin_routes_both_ways(board: Board, n: int) -> None:
    for pad in range(48):
        board.put(pad_register(pad), RESV0)
    board.put(pad_register(7), BOTH_WAYS | HS0 + n)
    board.put(INPUT_EN, 1 << n)
    board.pad(7).drive(True)
    assert board.get(INPUT_VAL) == 1 << n
    board.put(INPUT_EN, 0)
    assert board.get(INPUT_VAL) == 0, "gated by input_en"
    board.pad(7).release()
    board.put(OUTPUT_EN, 1 << n)
    board.put(OUTPUT_VAL, 1 << n)
    assert board.pad(7).level
    assert board.get(INPUT_VAL) == 0, "an output reads 0 unless input_en is set"
    board.put(INPUT_EN, 1 << n)
    assert board.get(INPUT_VAL) == 1 << n


def test_input_inversion_and_ties(board: Board) -> None:
    board.put(INPUT_EN, 0xFFFFFFFF)
    board.put(pad_register(16), RESV0)
    board.put(pad_register(30), INPUT | DI_INV | HS0)
    board.pad(30).drive(True)
    assert not board.get(INPUT_VAL) & 1
    board.put(FPIOA + 0xE0, 1 << HS0)
    assert not board.get(INPUT_VAL) & 1
    board.put(FPIOA + 0xC0, 1 << HS0)
    assert board.get(INPUT_VAL) & 1
    board.put(FPIOA + 0xE0, 0)
    assert not board.get(INPUT_VAL) & 1
    assert board.get(FPIOA + 0xC0) == 1 << HS0


def test_input_off_without_enable(board: Board) -> None:
    board.put(INPUT_EN, 1)
    board.put(pad_register(16), OUTPUT | HS0)  # ie_en = 0
    board.pad(16).drive(True)
    assert board.get(INPUT_VAL) & 1 == 0


@pytest.fixture
def pin5(board: Board) -> Board:
    board.put(pad_register(21), RESV0)
    board.put(pad_register(40), INPUT | HS0 + 5)
    board.pad(40).drive(False)
    board.put(INPUT_EN, 1 << 5)
    for ip in (RISE, FALL, HIGH, LOW):
        board.put(GPIOHS + ip + 4, 0xFFFFFFFF)
    return board


def ip_bits(board: Board) -> str:
    return "".join(name for name, ie in (("r", RISE), ("f", FALL), ("h", HIGH), ("l", LOW))
                   if board.get(GPIOHS + ie + 4) >> 5 & 1)


def test_gpiohs_conditions_latch_without_enable(pin5: Board) -> None:
    assert ip_bits(pin5) == "l", "a level that lasts latches again at once"
    pin5.pad(40).drive(True)
    assert ip_bits(pin5) == "rhl"
    for ie in (RISE, FALL, HIGH, LOW):
        pin5.put(GPIOHS + ie + 4, 1 << 5)
    assert ip_bits(pin5) == "h"
    pin5.pad(40).drive(False)
    assert ip_bits(pin5) == "fhl"
    assert not pin5.pending(IRQ_HS0 + 5)


@pytest.mark.parametrize(("enable", "levels", "fires"), [
    (RISE, [True], True), (RISE, [True, False], True), (FALL, [True], False), (FALL, [True, False], True),
    (HIGH, [True], True), (HIGH, [], False), (LOW, [], True)])
def test_gpiohs_interrupts(pin5: Board, enable: int, levels: list[bool], fires: bool) -> None:
    pin5.put(GPIOHS + enable, 1 << 5)
    for level in levels:
        pin5.pad(40).drive(level)
    assert pin5.pending(IRQ_HS0 + 5) == fires
    assert not pin5.pending(IRQ_HS0 + 4)


def gpio_irq(board: Board) -> bool:
    return bool(board.get(GPIO + 0x40))


def test_gpio_routes_both_ways(board: Board) -> None:
    for n in range(8):
        pad = board.pad(8 + n)  # reset map: IO8..15 are GPIO0..7
        pad.drive(True)
        assert board.get(GPIO + 0x50) == 1 << n
        pad.release()
        board.put(GPIO + 0x04, 1 << n)
        board.put(GPIO + 0x00, 1 << n)
        assert pad.level
        board.put(GPIO + 0x00, 0)
        assert not pad.level
        board.put(GPIO + 0x04, 0)


@pytest.mark.parametrize(("edge", "polarity", "both", "levels", "fires"), [
    (1, 1, 0, [True], True), (1, 1, 0, [True, False], True), (1, 0, 0, [True], False), (1, 0, 0, [True, False], True),
    (1, 0, 1, [True], True), (0, 1, 0, [True], True), (0, 1, 0, [True, False], False), (0, 0, 0, [], True)])
def test_gpio_interrupts(board: Board, edge: int, polarity: int, both: int, levels: list[bool], fires: bool) -> None:
    board.put(pad_register(8), INPUT | GPIO0)
    board.put(GPIO + 0x38, edge)
    board.put(GPIO + 0x3C, polarity)
    board.put(GPIO + 0x68, both)
    board.put(GPIO + 0x30, 1)
    for level in levels:
        board.pad(8).drive(level)
    assert gpio_irq(board) == fires
    assert board.pending(IRQ_GPIO) == fires
    board.put(GPIO + 0x34, 1)
    assert not gpio_irq(board), "masked"
    assert bool(board.get(GPIO + 0x44)) == fires, "raw status is not"
    board.put(GPIO + 0x34, 0)
    board.put(GPIO + 0x4C, 1)
    assert gpio_irq(board) == (fires and not edge), "only an edge can be cleared"


def test_peripheral_reset_of_gpio(board: Board) -> None:
    board.put(GPIO + 0x04, 0xFF)
    board.put(SYSCTL + 0x34, 1 << 5)
    board.put(SYSCTL + 0x34, 0)
    assert board.get(GPIO + 0x04) == 0
