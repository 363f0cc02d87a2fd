"""SHA256 accelerator (spec soc.md 10.6) against hashlib."""

from __future__ import annotations

import hashlib
import random
import struct

import pytest
from dev_support import SHA256, SRAM, SYSCTL, Board

DATA_IN, NUM, FUNCTION_0, FUNCTION_1 = 0x20, 0x28, 0x2C, 0x34
BIG_ENDIAN, START, OVERFLOW = 1 << 16, 1, 1 << 8
MESSAGE = random.Random(5).randbytes(1000)


def padded(message: bytes) -> bytes:
    return message + b"\x80" + bytes(-(len(message) + 9) % 64) + struct.pack(">Q", 8 * len(message))


def start(board: Board, blocks: int, flags: int = BIG_ENDIAN) -> None:
    board.put(SYSCTL + 0x34, 1 << 26)
    board.put(SYSCTL + 0x34, 0)
    board.put(SHA256 + NUM, blocks)
    board.put(SHA256 + FUNCTION_1, 0)
    board.put(SHA256 + FUNCTION_0, flags)
    board.put(SHA256 + FUNCTION_0, flags | START)


def finished(board: Board) -> bool:
    return bool(board.get(SHA256 + FUNCTION_0) & 1)


def digest(board: Board) -> bytes:
    return b"".join(board.get(SHA256 + 4 * i).to_bytes(4, "little") for i in range(7, -1, -1))


@pytest.mark.parametrize("length", [0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000])
def test_digest(board: Board, length: int) -> None:
    data = padded(MESSAGE[:length])
    start(board, (length + 72) // 64)
    for i, (word,) in enumerate(struct.iter_unpack("<I", data)):
        assert not finished(board), f"after {i} words"
        assert not board.get(SHA256 + FUNCTION_1) >> 8 & 1
        board.put(SHA256 + DATA_IN, word)
    assert finished(board)
    assert digest(board) == hashlib.sha256(MESSAGE[:length]).digest()
    assert board.reports == []


def test_other_byte_order(board: Board) -> None:
    start(board, 1, 0)
    for (word,) in struct.iter_unpack(">I", padded(b"abc")):
        board.put(SHA256 + DATA_IN, word)
    words = [board.get(SHA256 + 4 * i) for i in range(7, -1, -1)]
    assert struct.pack(">8I", *words) == hashlib.sha256(b"abc").digest()


def test_by_dma(board: Board) -> None:
    data = padded(MESSAGE)
    board.write(SRAM + 0x1000, data)
    board.program_dma(2, SRAM + 0x1000, SHA256 + DATA_IN, len(data) // 4, 4, 16, line=21)
    board.run_us(100)
    assert board.dma_busy(2), "nothing asks for data"
    start(board, len(data) // 64)
    board.put(SHA256 + FUNCTION_1, 1)
    board.run_us(100)
    assert not board.dma_busy(2)
    assert finished(board)
    assert digest(board) == hashlib.sha256(MESSAGE).digest()


def test_too_much_data_is_reported(board: Board) -> None:
    start(board, 1)
    for _ in range(17):
        board.put(SHA256 + DATA_IN, 0)
    assert board.get(SHA256 + FUNCTION_0) & OVERFLOW
    assert board.warned("after the last block")
