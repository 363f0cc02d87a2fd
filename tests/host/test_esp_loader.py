"""The emulated co-processor's boot loader, frame by frame, against zlib, hashlib and what the chips' ROMs do."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Iterator

import pytest
from esp_support import Loader, chip_of, frames, start
from k210emu import Machine

FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN, MEM_END, MEM_DATA = 2, 3, 4, 5, 6, 7
WRITE_REG, READ_REG, READ_SLOW, CHANGE_BAUD, DEFL_BEGIN, DEFL_DATA, MD5 = 9, 0x0A, 0x0E, 0x0F, 0x10, 0x11, 0x13
INVALID, FAILED, BAD_CHECKSUM = 5, 6, 7
SECTOR = 4096
TEXT = b"".join(b"line %d of a text that repeats itself\n" % n for n in range(700))
NOISE = random.Random(3).randbytes(20000)


def loader_of(machine: Machine, board: str) -> Loader:
    assert machine.esp
    loader = Loader(start(machine, chip_of(board)), status=4 if board == "lilygo_m1" else 2)
    machine.esp.ground_gpio0()
    loader.reset()
    return loader


@pytest.fixture
def esp8285() -> Iterator[tuple[Machine, Loader]]:
    with Machine(board="maix_go") as machine:
        loader = loader_of(machine, "maix_go")
        assert loader.sync() == 8
        yield machine, loader


@pytest.fixture
def esp32() -> Iterator[tuple[Machine, Loader]]:
    with Machine(board="lilygo_m1") as machine:
        loader = loader_of(machine, "lilygo_m1")
        assert loader.sync() == 8
        yield machine, loader


def mode(machine: Machine) -> str:
    return str(machine.state()["devices"]["esp"]["mode"])


# ---- reset and straps


def test_gpio0_at_reset_decides() -> None:
    with Machine(board="maix_go") as machine:
        loader = loader_of(machine, "maix_go")
        assert mode(machine) == "boot loader" and loader.sync() == 8
        machine.esp.ground_gpio0(False)
        assert loader.sync() == 8  # only the next reset looks at it
        loader.reset()
        assert mode(machine) == "application" and loader.sync() == 0
        loader.port.set_en(False)
        assert mode(machine) == "held in reset" and loader.sync() == 0


def test_gpio15_high_is_no_loader() -> None:
    """The K210 must hold IO0 low; without that the chip wants an SD card (spec isp-flash.md 12.1)."""
    with Machine(board="maix_go") as machine:
        loader = Loader(start(machine, chip_of("maix_go", gpio15=None)), status=2)
        machine.esp.ground_gpio0()
        machine.pad(0).drive(True)
        loader.reset()
        assert mode(machine) == "application" and loader.sync() == 0
        machine.pad(0).drive(False)
        loader.reset()
        assert loader.sync() == 8


def test_esp32_says_how_it_booted() -> None:
    with Machine(board="lilygo_m1") as machine:
        loader = loader_of(machine, "lilygo_m1")
        loader.port.set_en(False)
        loader.port.set_en(True)
        loader.port.timeout = 0.1
        assert b"boot:0x3 (DOWNLOAD_BOOT" in loader.port.read(1000)
        machine.esp.ground_gpio0(False)
        machine.esp.power_cycle()
        loader.port.timeout = 0.1
        assert b"boot:0x13 (SPI_FAST_FLASH_BOOT)" in loader.port.read(1000)


def test_another_rate_is_not_understood(esp32: tuple[Machine, Loader]) -> None:
    _, loader = esp32
    loader.port.baudrate = 230400
    assert loader.sync() == 0
    loader.port.baudrate = 115200
    assert loader.sync() == 8


def test_the_rom_takes_the_rate_of_the_first_sync() -> None:
    with Machine(board="lilygo_m1") as machine:
        loader = loader_of(machine, "lilygo_m1")
        loader.port.baudrate = 460800
        assert loader.sync() == 8


# ---- commands


def test_who_it_is(esp8285: tuple[Machine, Loader]) -> None:
    _, loader = esp8285
    assert loader.words(READ_REG, 0x40001000)[0] == 0xFFF0C101
    assert loader.ask(CHANGE_BAUD, struct.pack("<II", 921600, 0))[2] == INVALID  # its ROM has no such command


def test_esp32_changes_its_rate(esp32: tuple[Machine, Loader]) -> None:
    _, loader = esp32
    assert loader.words(READ_REG, 0x40001000)[0] == 0x00F01D83
    assert loader.words(CHANGE_BAUD, 921600, 0)[2] == 0  # answered at the old rate
    loader.port.baudrate = 921600
    assert loader.words(READ_REG, 0x40001000)[0] == 0x00F01D83
    assert loader.words(CHANGE_BAUD, 100, 0)[2] == INVALID


def test_registers_keep_what_is_written(esp32: tuple[Machine, Loader]) -> None:
    _, loader = esp32
    assert loader.words(WRITE_REG, 0x3FF42020, 0x12345678, 0xFFFFFFFF, 0)[2] == 0
    assert loader.words(WRITE_REG, 0x3FF42020, 0xFFFFFFFF, 0x0000FF00, 0)[2] == 0
    assert loader.words(READ_REG, 0x3FF42020)[0] == 0x1234FF78


@pytest.mark.parametrize(("first", "asked", "erased"), [(1, 1, 2), (1, 2, 4), (15, 1, 2), (15, 3, 4), (0, 20, 36)])
def test_esp8266_erases_the_head_twice(esp8285: tuple[Machine, Loader], first: int, asked: int, erased: int) -> None:
    """The ROM's bug, for which hosts ask for less: min(sectors, those up to the block of 16) are counted twice."""
    machine, loader = esp8285
    machine.esp.flash[:] = bytes(len(machine.esp.flash))
    assert loader.words(FLASH_BEGIN, asked * SECTOR, 1, 1024, first * SECTOR)[2] == 0
    blank = [n for n in range(256) if machine.esp.flash[n * SECTOR] == 0xFF]
    assert blank == list(range(first, first + erased))


def test_plain_blocks(esp32: tuple[Machine, Loader]) -> None:
    machine, loader = esp32
    machine.esp.flash[:3 * SECTOR] = bytes(3 * SECTOR)
    assert loader.words(FLASH_BEGIN, 2048, 2, 1024, SECTOR)[2] == 0
    assert loader.data(FLASH_DATA, 0, NOISE[:1024], sum_=1) == BAD_CHECKSUM
    assert loader.data(FLASH_DATA, 1, NOISE[:1024]) == FAILED  # not the next one
    assert loader.data(FLASH_DATA, 0, NOISE[:1024]) == 0
    assert loader.data(FLASH_DATA, 1, NOISE[1024:2048]) == 0
    assert loader.data(FLASH_DATA, 2, NOISE[:1024]) == FAILED  # one too many
    assert machine.esp.flash[SECTOR:SECTOR + 2048] == NOISE[:2048]
    assert machine.esp.flash[SECTOR + 2048:2 * SECTOR] == b"\xff" * 2048
    assert machine.esp.flash[:SECTOR] == bytes(SECTOR) == machine.esp.flash[2 * SECTOR:3 * SECTOR]


def test_programming_only_clears_bits(esp32: tuple[Machine, Loader]) -> None:
    machine, loader = esp32
    for data in (b"\xf0" * 1024, b"\x3c" * 1024):
        assert loader.words(FLASH_BEGIN, 0, 1, 1024, 0)[2] == 0  # erases nothing
        assert loader.data(FLASH_DATA, 0, data) == 0
    assert machine.esp.flash[:1024] == b"\x30" * 1024


def test_beyond_the_flash(esp32: tuple[Machine, Loader]) -> None:
    _, loader = esp32
    size = 4 << 20
    assert loader.words(FLASH_BEGIN, SECTOR + 1, 5, 1024, size - SECTOR)[2] == FAILED
    assert loader.words(FLASH_BEGIN, SECTOR, 4, 1024, 0xFFFFF000)[2] == FAILED
    assert loader.words(MD5, size - 1, 2, 0, 0)[2] == FAILED
    assert loader.words(READ_SLOW, size, 64)[2] == FAILED
    assert loader.words(FLASH_BEGIN, 4)[2] == INVALID


def deflated(data: bytes, how: str) -> bytes:
    level, strategy = {"stored": (0, 0), "fixed": (9, zlib.Z_FIXED), "dynamic": (9, 0),
                       "huffman": (6, zlib.Z_HUFFMAN_ONLY)}[how]
    packer = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("how", ["stored", "fixed", "dynamic", "huffman"])
@pytest.mark.parametrize("data", [TEXT, NOISE, b"\x9e\xc0\xdb" * 3000, b"a" * 30000, b"x"],
                         ids=["text", "noise", "escapes", "run", "byte"])
def test_deflated_blocks(esp32: tuple[Machine, Loader], data: bytes, how: str) -> None:
    machine, loader = esp32
    loader.words(CHANGE_BAUD, 2000000, 0)
    loader.port.baudrate = 2000000
    packed = deflated(data, how)
    count = -(-len(packed) // 4096)
    assert loader.words(DEFL_BEGIN, len(data), count, 4096, SECTOR)[2] == 0
    for number in range(count):
        assert loader.data(DEFL_DATA, number, packed[4096 * number:4096 * number + 4096]) == 0
    assert machine.esp.flash[SECTOR:SECTOR + len(data)] == data
    digest = loader.words(MD5, SECTOR, len(data), 0, 0)[1]
    assert digest.decode() == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128])
def test_md5_at_the_borders_of_its_blocks(esp32: tuple[Machine, Loader], size: int) -> None:
    machine, loader = esp32
    machine.esp.flash[:200] = NOISE[:200]
    assert loader.words(MD5, 0, size, 0, 0)[1].decode() == hashlib.md5(NOISE[:size]).hexdigest()


def test_damaged_streams_are_refused(esp32: tuple[Machine, Loader]) -> None:
    """Whatever is flipped, the loader answers and writes nothing outside; the header alone is always noticed."""
    machine, loader = esp32
    packed = deflated(TEXT, "dynamic")
    generator = random.Random(11)
    errors = 0
    for trial in range(60):
        damaged = bytearray(packed)
        at = 0 if trial == 0 else generator.randrange(len(packed))
        damaged[at] ^= 1 << generator.randrange(8)
        assert loader.words(DEFL_BEGIN, len(TEXT), 1, len(damaged), SECTOR)[2] == 0
        error = loader.data(DEFL_DATA, 0, bytes(damaged))
        assert error in (0, FAILED) and (trial or error == FAILED)
        errors += error == FAILED
    assert errors > 5
    assert machine.esp.flash[:SECTOR] == b"\xff" * SECTOR
    end = SECTOR + len(TEXT)
    assert machine.esp.flash[end:end + SECTOR] == b"\xff" * SECTOR


def test_slow_reads(esp32: tuple[Machine, Loader]) -> None:
    machine, loader = esp32
    machine.esp.flash[100:164] = NOISE[:64]
    assert loader.words(READ_SLOW, 100, 64)[1] == NOISE[:64]
    assert loader.words(READ_SLOW, 100, 65)[2] == FAILED


def test_an_unknown_program_is_reported_not_run(esp8285: tuple[Machine, Loader]) -> None:
    machine, loader = esp8285
    assert loader.words(MEM_BEGIN, 1024, 1, 1024, 0x40100000)[2] == 0
    assert loader.data(MEM_DATA, 0, NOISE[:1024]) == 0
    assert loader.words(MEM_END, 0, 0x40100000)[2] == 0
    machine.run(ms=20)
    assert mode(machine) == "unknown program" and loader.sync() == 0
    assert any("only esptool 5.6.0's stub is modelled" in report for report in machine.reports)


def test_too_large_a_program(esp8285: tuple[Machine, Loader]) -> None:
    _, loader = esp8285
    assert loader.words(MEM_BEGIN, 0x20001, 1, 1024, 0x40100000)[2] == INVALID
    assert loader.words(MEM_BEGIN, 0xFFFFFFFF, 1, 1024, 0x40100000)[2] == INVALID


def test_leaving_the_loader(esp8285: tuple[Machine, Loader]) -> None:
    machine, loader = esp8285
    assert loader.words(FLASH_END, 1)[2] == 0
    assert mode(machine) == "application" and loader.sync() == 0


def test_noise_between_frames(esp8285: tuple[Machine, Loader]) -> None:
    """Half frames, wrong lengths, endless frames, unknown commands: it answers the next good one."""
    _, loader = esp8285
    loader.port.write(b"\x55" * 100 + b"\xc0\x00\x0a\x04\x00" + b"\xc0\xc0\xc0" + b"\xc0\x01\x02\xc0")
    assert [frame for frame in loader.frames() if frame] == []
    assert loader.ask(0x77)[2] == INVALID
    assert loader.words(READ_REG, 0x40001000)[0] == 0xFFF0C101
    assert loader.ask(READ_REG, b"\x01")[2] == INVALID


def test_bytes_that_nobody_takes_are_lost() -> None:
    """The line has no flow control: with both harts asleep the FIFO of 16 bytes overruns."""
    with Machine(board="lilygo_m1") as machine:
        assert machine.esp
        loader_of(machine, "lilygo_m1")
        for hart in range(2):  # PLIC: no interrupt reaches a hart, so none wakes
            machine.write(0x0C002000 + 0x100 * hart, bytes(8))
        before = machine.state()["devices"]["esp"]["lost"]
        machine.esp.power_cycle()
        machine.run(ms=50)
        assert machine.state()["devices"]["esp"]["lost"] - before > 50


def test_support_splits_frames() -> None:
    assert frames(b"\xc0a\xdb\xdcb\xc0\xc0\xdb\xdd\xc0") == [b"a\xc0b", b"\xdb"]
