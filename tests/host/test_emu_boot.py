"""The boot ROM: flash header and hash, the state at entry, resets."""

from __future__ import annotations

import hashlib

import pytest
from emu_support import assemble, finished
from k210emu import Machine
from k210emu.cli import flash_image

FLASH = 16 << 20


def header(flags: int, length: int) -> bytes:
    return bytes([flags]) + length.to_bytes(4, "little")


def image(payload: bytes, flags: int = 0, length: int | None = None) -> bytes:
    body = header(flags, len(payload) if length is None else length) + payload
    return body + hashlib.sha256(body).digest()


def test_good_image_boots_on_both_harts() -> None:
    with Machine() as machine:
        payload = assemble("csrs")
        machine.write_flash(0, image(payload))
        assert machine.boot() == f"booted {len(payload)} bytes from flash"
        assert machine.read(0x80000000, len(payload)) == payload
        for hart in (0, 1):
            registers = machine.registers(hart)
            assert (registers["pc"], registers["x10"]) == (0x80000000, hart)
            assert registers["mstatus"] == 0x8000000000007800
            assert registers["mtvec"] == 0x8800008C and registers["mie"] == 0
        assert machine.read_u32(0x02000004) == 1
        assert machine.cpu_hz == 390_000_000
        machine.run_while(lambda m: not finished(m), timeout_ms=10)


@pytest.mark.parametrize("flags", [0, 2])
def test_quad_and_dual_flags_boot(flags: int) -> None:
    with Machine() as machine:
        machine.write_flash(0, image(assemble("csrs"), flags))
        assert machine.boot().startswith("booted")


def broken(position: int) -> bytes:
    data = bytearray(image(b"a payload"))
    data[position] ^= 1
    return bytes(data)


@pytest.mark.parametrize(("content", "note"), [
    (b"", "length 4294967295 is not in 1..6258688"),
    (image(b""), "length 0 is not in"),
    (image(b"abc", length=6258689), "length 6258689 is not in"),
    (broken(0), "does not match"),
    (broken(7), "does not match"),
    (broken(-1), "does not match"),
    (image(b"x" * 32, flags=1), "encrypted"),
], ids=["erased", "empty", "too-long", "flag", "payload", "hash", "encrypted"])
def test_bad_image_waits_in_serial_programming(content: bytes, note: str) -> None:
    with Machine() as machine:
        machine.write_flash(0, content)
        assert note in machine.boot()
        machine.run(ms=1)
        assert machine.idle and machine.registers()["pc"] >> 17 == 0x88000000 >> 17
        assert any("waits for serial programming" in report for report in machine.reports)


def test_boot_key_selects_serial_programming() -> None:
    with Machine() as machine:
        machine.write_flash(0, image(assemble("csrs")))
        machine.pad(16).drive(False)
        assert machine.boot() == "IO16 is low"
        machine.pad(16).release()
        assert machine.boot().startswith("booted")


def test_reset_keeps_sram_and_flash_and_restarts() -> None:
    with Machine() as machine:
        machine.write_flash(0, image(assemble("csrs")))
        machine.boot()
        machine.run_while(lambda m: not finished(m), timeout_ms=10)
        machine.write(0x80300000, b"kept")
        machine.reset()
        assert machine.read(0x80300000, 4) == b"kept"
        assert machine.registers()["pc"] == 0x80000000
        assert machine.read_u64(0x0200BFF8) == 0


def test_soft_reset_by_sysctl_boots_again() -> None:
    program = bytes.fromhex("b7024450" "0543" "23a86202" "73005010" "f5bf")  # soft_reset = 1; wfi for ever
    with Machine(harts=1) as machine:
        machine.write_flash(0, image(program))
        machine.boot()
        machine.run(cycles=1000)
        assert machine.read_u32(0x50440060) & 0x10  # the cause, soft, at the second start


def test_rom_pll_entry_returns_zero() -> None:
    entry = 0x88008A9C
    code = bytearray(b"\x37\x05\x00\x88")  # lui a0, 0x88000
    code += ((entry + 0x800 & 0xFFFFF000) | 0x2B7).to_bytes(4, "little")  # lui t0
    code += ((entry & 0xFFF) << 20 | 0x280E7).to_bytes(4, "little") + bytes.fromhex("73005010")  # jalr; wfi
    with Machine(harts=1) as machine:
        machine.load(0x80000000, bytes(code))
        machine.start()
        machine.run(cycles=100)
        assert machine.registers()["x10"] == 0 and machine.registers()["pc"] == 0x80000010


def test_command_line_wraps_raw_payloads_only() -> None:
    payload = b"payload of no particular length"
    assert flash_image(payload) == image(payload)
    assert flash_image(image(payload, 2)) == image(payload, 2)
    assert len(flash_image(image(payload)[:-1])) == len(payload) + 5 + 31 + 5 + 32  # a damaged header is payload


def test_flash_file_is_kept_and_bytes_are_not(tmp_path) -> None:
    path = tmp_path / "flash.bin"
    with Machine(flash=path) as machine:
        machine.write_flash(0x300000, b"model")
    assert path.stat().st_size == FLASH
    assert path.read_bytes()[0x300000 - 1:0x300006] == b"\xffmodel\xff"
    with Machine(flash=path) as machine, machine.flash as view:
        assert bytes(view[0x300000:0x300005]) == b"model"
    content = b"short"
    with Machine(flash=content) as machine:
        machine.write_flash(0, b"other")
    assert content == b"short"
    with pytest.raises(ValueError, match="exceed the flash of 16777216"):
        Machine(flash=bytes(FLASH + 1))
    with Machine() as machine, pytest.raises(ValueError, match="do not fit a flash of 16777216"):
        machine.write_flash(FLASH - 1, b"ab")
