"""AES accelerator (spec soc.md 10.7) against FIPS 197, SP 800-38A, the GCM test cases and another implementation."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from dev_support import AES, SRAM, SYSCTL, Board

KEY, SEL, MODE, IV, ENDIAN, FINISH, DMA_SEL, AAD_NUM, PC_NUM, TEXT, AAD, TAG_CHK, IN_FLAG, IN_TAG, OUT, ENABLE = (
    0x00, 0x10, 0x14, 0x18, 0x28, 0x2C, 0x30, 0x34, 0x3C, 0x40, 0x44, 0x48, 0x4C, 0x50, 0x60, 0x64)
OUT_FLAG, TAG_IN_FLAG, TAG_CLEAR, OUT_TAG, KEY_EXT = 0x68, 0x6C, 0x70, 0x74, 0x84
ECB, CBC, GCM = 0, 1, 2

KEYS = {16: "2b7e151628aed2a6abf7158809cf4f3c", 24: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        32: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"}
PLAIN = ("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
         "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
# SP 800-38A, F.1 and F.2: first two blocks.
ECB_CIPHER = {16: "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
              24: "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef",
              32: "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"}
CBC_CIPHER = {16: "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
              24: "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
              32: "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"}
CBC_IV = bytes(range(16))


def words(data: bytes) -> list[int]:
    data += bytes(-len(data) % 4)
    return [int.from_bytes(data[i:i + 4], "little") for i in range(0, len(data), 4)]


def start(board: Board, mode: int, decrypt: bool, key: bytes, iv: bytes, length: int, aad: bytes = b"") -> None:
    """As the vendor's aes_init()."""
    board.put(SYSCTL + 0x34, 1 << 19)
    board.put(SYSCTL + 0x34, 0)
    board.put(AES + ENDIAN, 1)
    for i, word in enumerate(reversed(words(key))):
        board.put(AES + (KEY + 4 * i if i < 4 else KEY_EXT + 4 * (i - 4)), word)
    for i, word in enumerate(reversed(words(iv))):
        board.put(AES + IV + 4 * i, word)
    board.put(AES + MODE, mode | (len(key) // 8 - 2) << 3)
    board.put(AES + SEL, decrypt)
    board.put(AES + AAD_NUM, (len(aad) - 1) & 0xFFFFFFFF)
    board.put(AES + PC_NUM, (length - 1) & 0xFFFFFFFF)
    board.put(AES + ENABLE, 1)
    for word in words(aad):
        assert board.get(AES + IN_FLAG)
        board.put(AES + AAD, word)


def process(board: Board, data: bytes) -> bytes:
    """As the vendor's aes_process(): pieces of 80 bytes, written and read back."""
    result = b""
    for at in range(0, len(data), 80):
        piece = words(data[at:at + 80])
        for word in piece:
            assert board.get(AES + IN_FLAG)
            board.put(AES + TEXT, word)
        for _ in piece:
            assert board.get(AES + OUT_FLAG)
            result += board.get(AES + OUT).to_bytes(4, "little")
    assert not board.get(AES + OUT_FLAG)
    assert board.get(AES + FINISH) == 1
    return result[:len(data)]


def tag(board: Board) -> bytes:
    return b"".join(board.get(AES + OUT_TAG + 4 * i).to_bytes(4, "big") for i in (3, 2, 1, 0))


@pytest.mark.parametrize("length", [16, 24, 32])
@pytest.mark.parametrize("decrypt", [False, True])
@pytest.mark.parametrize("mode", [ECB, CBC])
def test_sp800_38a(board: Board, mode: int, decrypt: bool, length: int) -> None:
    plain = bytes.fromhex(PLAIN)[:32]
    cipher = bytes.fromhex((ECB_CIPHER if mode == ECB else CBC_CIPHER)[length])
    start(board, mode, decrypt, bytes.fromhex(KEYS[length]), CBC_IV if mode == CBC else bytes(16), 32)
    assert process(board, cipher if decrypt else plain) == (plain if decrypt else cipher)
    assert board.reports == []


@pytest.mark.parametrize(("length", "cipher"), [(16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
                                                (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
                                                (32, "8ea2b7ca516745bfeafc49904b496089")])
def test_fips_197(board: Board, length: int, cipher: str) -> None:
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    start(board, ECB, False, bytes(range(length)), bytes(16), 16)
    assert process(board, plain).hex() == cipher
    start(board, ECB, True, bytes(range(length)), bytes(16), 16)
    assert process(board, bytes.fromhex(cipher)) == plain


def test_gcm_test_case_4(board: Board) -> None:
    """The GCM specification's case with 60 bytes of text and 20 of AAD."""
    key, iv = bytes.fromhex("feffe9928665731c6d6a8f9467308308"), bytes.fromhex("cafebabefacedbaddecaf888")
    plain = bytes.fromhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
                          "b525b16aedf5aa0de657ba637b39")
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    start(board, GCM, False, key, iv, len(plain), aad)
    cipher = bytes.fromhex("42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac"
                           "84aa051ba30b396a0aac973d58e091")
    assert process(board, plain) == cipher
    assert tag(board).hex() == "5bc94fbc3221a5db94fae95ae7121a47"


@pytest.mark.parametrize("key_length", [16, 24, 32])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 33, 80, 81, 250])
@pytest.mark.parametrize("aad_length", [0, 7, 16, 37])
def test_gcm_both_ways(board: Board, key_length: int, length: int, aad_length: int) -> None:
    draw = random.Random(length * 100 + aad_length)
    key, iv, plain, aad = (draw.randbytes(n) for n in (key_length, 12, length, aad_length))
    encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(aad)
    cipher = encryptor.update(plain) + encryptor.finalize()
    for decrypt, given, wanted in ((False, plain, cipher), (True, cipher, plain)):
        start(board, GCM, decrypt, key, iv, length, aad)
        assert board.get(AES + TAG_IN_FLAG) == 0
        assert process(board, given) == wanted
        assert tag(board) == encryptor.tag


@pytest.mark.parametrize("wrong", [False, True])
def test_tag_check(board: Board, wrong: bool) -> None:
    start(board, GCM, False, bytes(16), bytes(12), 16)
    process(board, bytes(16))
    right = tag(board)
    assert right.hex() == "ab6e47d42cec13bdf53a67b21257bddf"  # GCM specification, test case 2
    assert board.get(AES + TAG_IN_FLAG) == 1
    assert board.get(AES + TAG_CHK) == 0
    given = bytes([right[0] ^ wrong]) + right[1:]
    for i, word in enumerate(reversed(words(given))):
        board.put(AES + IN_TAG + 4 * i, word)
    assert board.get(AES + TAG_CHK) == (1 if wrong else 2)
    board.put(AES + TAG_CLEAR, 0)
    assert board.get(AES + TAG_CHK) == 0


def test_long_cbc_with_output_by_dma(board: Board) -> None:
    draw = random.Random(9)
    key, iv, plain = draw.randbytes(32), draw.randbytes(16), draw.randbytes(1600)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    start(board, CBC, False, key, iv, len(plain))
    board.put(AES + DMA_SEL, 1)
    board.program_dma(3, AES + OUT, SRAM + 0x4000, len(plain) // 4, 4, 4, line=20)
    for word in words(plain):
        while not board.get(AES + IN_FLAG):
            board.run_us(0.1)
        board.put(AES + TEXT, word)
    board.run_us(10)
    assert not board.dma_busy(3)
    assert board.read(SRAM + 0x4000, len(plain)) == encryptor.update(plain)


@pytest.mark.parametrize("length", [64, 52])
def test_input_and_output_by_dma(board: Board, length: int) -> None:
    draw = random.Random(10)
    key, iv, plain = draw.randbytes(16), draw.randbytes(12), draw.randbytes(length)
    encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    start(board, GCM, False, key, iv, length)
    board.put(AES + DMA_SEL, 1)
    board.write(SRAM + 0x4000, plain)
    board.program_dma(3, AES + OUT, SRAM + 0x5000, length // 4, 4, 4, line=20)
    board.program_dma(1, SRAM + 0x4000, AES + TEXT, length // 4, 4, 4)  # no handshake, spec soc.md 8.4
    board.run_us(50)
    assert not board.dma_busy(1)
    assert not board.dma_busy(3)
    assert board.read(SRAM + 0x5000, length) == encryptor.update(plain)


def test_misuse_is_reported(board: Board) -> None:
    board.put(AES + TEXT, 0)
    assert board.warned("text_data written while enable is 0")
    start(board, ECB, False, bytes(16), bytes(16), 16)
    process(board, bytes(16))
    board.put(AES + TEXT, 0)
    assert board.warned("beyond pc_num")
    board.get(AES + OUT)
    assert board.warned("data_out_flag is 0")
