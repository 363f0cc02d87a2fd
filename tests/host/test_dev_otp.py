"""OTP (spec soc.md 10.11)."""

from __future__ import annotations

import random

import pytest
from dev_support import OTP, SRAM, Board

ID, KEY = 0x3D90, 0x3FF0
READ, READ_CHECKED = 0x8800453C, 0x8800476C


def prepare(board: Board) -> None:
    """The known initialisation."""
    for offset, value in ((0x78, 0), (0x5C, 0), (0x0C, 0), (0x28, 0), (0x7C, 1), (0x80, 1), (0xA0, 1), (0x44, 21),
                          (0x58, 0), (0x08, 0), (0x60, 0), (0x00, 0)):
        board.put(OTP + offset, value)


def read(board: Board, offset: int, length: int) -> bytes:
    prepare(board)
    data = b""
    for at in range(offset, offset + length):
        assert board.get(OTP + 0x3C) != 0
        if at == offset + length - 1:
            board.put(OTP + 0x20, 1)
        board.put(OTP + 0x30, 8 * at)
        assert board.get(OTP + 0xAC) != 0
        if board.get(OTP + 0x60) == 1:
            raise PermissionError(hex(at))
        data += bytes([board.get(OTP + 0x24)])
    return data


def test_contents(board: Board) -> None:
    content = random.Random(4).randbytes(64)
    board.otp[0x100:0x140] = content
    assert read(board, 0x100, 64) == content
    assert read(board, ID, 32) == bytes(board.otp[ID:ID + 32])
    assert any(read(board, ID, 32))
    assert board.reports == []


def test_the_key_is_protected(board: Board) -> None:
    board.otp[KEY:KEY + 16] = bytes(range(16))
    assert read(board, KEY - 1, 1) == b"\x00"
    with pytest.raises(PermissionError, match="0x3ff0"):
        read(board, KEY - 1, 2)
    board.put(OTP + 0x60, 0)
    assert board.get(OTP + 0x60) == 0


def test_fuses(board: Board) -> None:
    board.fuses[0], board.fuses[1] = 2, 1 << 63 | 1 << 7
    assert board.get(OTP + 0x68) == 2
    assert board.get(OTP + 0xB8) | board.get(OTP + 0xBC) << 32 == 1 << 63 | 1 << 7


def test_it_outlives_a_reset_and_other_accesses_are_reported(board: Board) -> None:
    board.otp[0] = 0x52
    board.put(0x50440030, 1)
    board.run_us(10)
    assert read(board, 0, 1) == b"\x52"
    board.put(OTP + 0x30, 8 * 0x4000)
    assert board.warned("byte 0x4000")
    board.get(OTP + 0x10)
    assert board.warned("otp: read of offset 0x10")


@pytest.mark.parametrize(("entry", "offset", "size", "status"), [
    (READ, 0x3D90, 32, 0), (READ, 0x3FE0, 16, 0), (READ, 0x3FE1, 16, 1), (READ_CHECKED, 0x3DB0, 32, 0),
    (READ_CHECKED, 0x3DB1, 32, 1), (READ, 0xFFFFFFFF, 2, 1)])
def test_rom_functions(board: Board, entry: int, offset: int, size: int, status: int) -> None:
    board.otp[0x3000:0x3FF0] = random.Random(6).randbytes(0xFF0)
    program = bytes.fromhex(
        "97120000"  # auipc t0, 1
        "03b50200"  # ld a0, 0(t0)
        "83b58200"  # ld a1, 8(t0)
        "03b60201"  # ld a2, 16(t0)
        "03b38201"  # ld t1, 24(t0)
        "e7000300"  # jalr ra, t1
        "97120000"  # auipc t0, 1
        "23b0a202"  # sd a0, 32(t0)
        "73005010"  # wfi
        "6ff0dfff")  # j wfi
    board.load(SRAM, program)
    values = (offset, SRAM + 0x4000, size, entry)
    board.write(SRAM + 0x1000, b"".join(value.to_bytes(8, "little") for value in values))
    board.write(SRAM + 0x4000, bytes(64))
    board.start(SRAM)
    board.run_us(10)
    assert board.read_u64(SRAM + 0x1018 + 32) == status
    assert board.read(SRAM + 0x4000, size) == (bytes(size) if status else bytes(board.otp[offset:offset + size]))
