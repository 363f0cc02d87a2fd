"""SPI2, the slave (spec soc.md 7.10)."""

from __future__ import annotations

import pytest
from dev_support import FPIOA, SPI, SPI2, SRAM, SYSCTL, Board

CTRLR0, SSIENR, SER, BAUDR, TXFTLR, RXFTLR, TXFLR, RXFLR, SR, IMR, ISR, RISR, RXOICR, DMACR, DMATDLR, DMARDLR, DR = (
    0x00, 0x08, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x3C, 0x4C, 0x50, 0x54, 0x60)
SLV_OE_OFF = 1 << 10
SS_PAD = 20


def prepare(board: Board, bits: int = 8, flags: int = 0) -> None:
    """As the vendor's slave: 4 and 3 as DMA levels."""
    board.put(FPIOA + 4 * SS_PAD, 0x00900000 | 85)
    board.put(FPIOA + 4 * 21, 0x00900000 | 86)
    board.put(FPIOA + 4 * 22, 0x00B03F00 | 84)
    board.put(SPI2 + SSIENR, 0)
    board.put(SPI2 + CTRLR0, bits - 1 << 16 | flags)
    for offset, value in ((DMATDLR, 4), (DMARDLR, 3), (TXFTLR, 0), (RXFTLR, 8 // (bits // 8) - 1), (SSIENR, 1)):
        board.put(SPI2 + offset, value)
    board.pad(SS_PAD).drive(False)


def test_receives_a_command(board: Board) -> None:
    prepare(board)
    board.put(SPI2 + IMR, 16)
    for byte in range(7):
        board.spi_slave_exchange(0x10 + byte, 8)
    assert not board.pending(3)
    board.spi_slave_exchange(0x17, 8)
    assert board.pending(3)
    assert board.get(SPI2 + RXFLR) == 8
    assert [board.get(SPI2 + DR) for _ in range(8)] == list(range(0x10, 0x18))
    assert not board.pending(3)
    assert board.reports == []


def test_sends_what_is_queued_then_zeros(board: Board) -> None:
    prepare(board)
    for value in (0xA5, 0x3C):
        board.put(SPI2 + DR, value)
    assert [board.spi_slave_exchange(0, 8) for _ in range(3)] == [0xA5, 0x3C, 0]
    prepare(board, flags=SLV_OE_OFF)
    board.put(SPI2 + DR, 0xA5)
    assert board.spi_slave_exchange(0, 8) == 0xFF


def test_bytes_make_up_a_longer_frame(board: Board) -> None:
    prepare(board, 32)
    board.put(SPI2 + DR, 0x12345678)
    assert [board.spi_slave_exchange(byte, 8) for byte in (0xDE, 0xAD, 0xBE, 0xEF)] == [0x12, 0x34, 0x56, 0x78]
    assert board.get(SPI2 + DR) == 0xDEADBEEF
    board.spi_slave_exchange(0x11, 8)
    assert board.get(SPI2 + SR) & 1
    board.pad(SS_PAD).drive(True)  # the frame breaks off
    board.pad(SS_PAD).drive(False)
    for byte in (1, 2, 3, 4):
        board.spi_slave_exchange(byte, 8)
    assert board.get(SPI2 + DR) == 0x01020304


@pytest.mark.parametrize("why", ["disabled", "not selected", "not routed"])
def test_not_for_it(board: Board, why: str) -> None:
    prepare(board)
    if why == "disabled":
        board.put(SPI2 + SSIENR, 0)
    elif why == "not selected":
        board.pad(SS_PAD).drive(True)
    else:
        board.put(FPIOA + 4 * 21, 120)
    assert board.spi_slave_exchange(0x55, 8) == 0xFF
    assert board.get(SPI2 + RXFLR) == 0


def test_receive_overrun(board: Board) -> None:
    prepare(board)
    for byte in range(32):
        board.spi_slave_exchange(byte, 8)
    assert board.get(SPI2 + RXFLR) == 31
    assert board.get(SPI2 + RISR) & 8
    board.get(SPI2 + RXOICR)
    assert board.get(SPI2 + RISR) & 8 == 0
    assert board.warned("found the FIFO full")


def test_blocks_by_dma(board: Board) -> None:
    prepare(board, 32)
    board.put(SPI2 + DMACR, 3)
    board.write(SRAM + 0x1000, b"".join((0x1000 + i).to_bytes(4, "little") for i in range(64)))
    board.program_dma(0, SPI2 + DR, SRAM + 0x2000, 64, 4, 4, line=4)
    board.program_dma(1, SRAM + 0x1000, SPI2 + DR, 64, 4, 4, line=5)
    back = []
    for i in range(64):
        board.run_us(1)
        back.append(board.spi_slave_exchange(0x2000 + i, 32))
    board.run_us(1)
    assert back == [0x1000 + i for i in range(64)]
    assert not board.dma_busy(0)
    assert not board.dma_busy(1)
    data = board.read(SRAM + 0x2000, 256)
    assert [int.from_bytes(data[i:i + 4], "little") for i in range(0, 256, 4)] == [0x2000 + i for i in range(64)]


def test_over_wires_from_spi0(board: Board) -> None:
    prepare(board)
    board.pad(SS_PAD).release()
    board.put(FPIOA + 4 * 25, 0x1F00 | 13)  # SPI0_SS1
    board.jumper(25, SS_PAD)
    board.wire_spi_slave(0, 1)
    board.put(FPIOA + 0xC0, 1 << 16)
    board.put(FPIOA + 0xE0, 1 << 16)
    master = SPI[0]
    for value in (0x81, 0x42, 0x24):
        board.put(SPI2 + DR, value)
    for offset, value in ((SSIENR, 0), (CTRLR0, 7 << 16), (BAUDR, 40), (SSIENR, 1)):
        board.put(master + offset, value)
    for value in (1, 2, 3):
        board.put(master + DR, value)
    board.put(master + SER, 2)
    board.run_us(20)
    assert [board.get(master + DR) for _ in range(3)] == [0x81, 0x42, 0x24]
    assert [board.get(SPI2 + DR) for _ in range(3)] == [1, 2, 3]
    board.put(SYSCTL + 0x34, 1 << 8)
    board.put(SYSCTL + 0x34, 0)
    assert board.get(SPI2 + SSIENR) == 0
    board.get(SPI2 + 0x120)
    assert board.warned("spi2")
