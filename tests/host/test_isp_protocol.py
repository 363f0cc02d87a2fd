"""The boot ROM's serial programming protocol: golden frames, every command, every way to get one wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from emu_support import assemble
from isp_support import GREETING, SRAM, Bridge, escape, frame, packet, reply
from k210emu import Machine
from k210emu.cli import flash_image

OK, BAD_LENGTH, BAD_CHECKSUM, BAD_COMMAND = 0xE0, 0xE1, 0xE2, 0xE3


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(wiring="dan") as board:
        board.boot()
        yield board


@pytest.fixture
def rom(machine: Machine) -> Bridge:
    bridge = Bridge(machine)
    bridge.enter_isp()
    return bridge


def test_golden_frames(rom: Bridge) -> None:
    assert rom.exchange(GREETING) == bytes.fromhex("c0c2e0c0")
    golden = bytes.fromhex("c0c6000000c138368c0000000004000000e43f1700c0")
    assert frame(0xC6, 0, (1523684).to_bytes(4, "little")) == golden
    assert rom.exchange(golden) == bytes.fromhex("c0c6e0c0")
    assert rom.machine.state()["devices"]["uarths"]["baud"] == pytest.approx(1523684, rel=0.005)
    golden = bytes.fromhex("c0c5000000fb6fc4d40000008000000000c0")
    assert frame(0xC5, SRAM) == golden
    assert rom.exchange(golden) == b""
    assert rom.machine.registers(0)["mtvec"] == 0x8800008C


def test_memory_write_with_every_byte_value_and_both_aliases(rom: Bridge) -> None:
    data = bytes(range(256)) * 4
    assert rom.exchange(frame(0xC3, SRAM + 0x1000, data)) == reply(0xC3)
    assert rom.exchange(frame(0xC3, 0x40002000, data[::-1])) == reply(0xC3)
    assert rom.machine.read(SRAM + 0x1000, 1024) == data
    assert rom.machine.read(SRAM + 0x2000, 1024) == data[::-1]
    assert rom.exchange(frame(0xC3, SRAM + 3, b"odd")) == reply(0xC3)
    assert rom.machine.read(SRAM + 2, 5) == b"\0odd\0"
    assert rom.exchange(frame(0xC3, SRAM)) == reply(0xC3)  # no data
    assert rom.exchange(frame(0xC3, 0x805F8000 - 4, b"last")) == reply(0xC3)


@pytest.mark.parametrize("opcode", [0x00, 0xC1, 0xC4, 0xC7, 0xD2, 0xD8, 0xFF])
def test_other_commands_are_refused(rom: Bridge, opcode: int) -> None:
    assert rom.exchange(frame(opcode, SRAM, b"data")) == reply(opcode, BAD_COMMAND)
    assert rom.exchange(GREETING) == reply(0xC2)


@pytest.mark.parametrize(("wire", "status"), [
    (frame(0xC3, SRAM, b"data", crc=0), BAD_CHECKSUM),
    (frame(0xC3, SRAM, b"data", length=5), BAD_LENGTH),
    (frame(0xC3, SRAM, b"data", length=3), BAD_LENGTH),
    (frame(0xC3, SRAM, b"data", length=0xFFFFFFFF), BAD_LENGTH),
    (escape(packet(0xC3, SRAM, b"data")[:-1]), BAD_CHECKSUM),  # a byte was lost
    (escape(packet(0xC3, SRAM, b"data") + b"!"), BAD_CHECKSUM),  # or doubled
    (escape(packet(0xC3, SRAM)[:15]), BAD_LENGTH),
    (escape(b"\xc3"), BAD_LENGTH),
    (frame(0xC3, 0x7FFFFFFF, b"data"), BAD_LENGTH),
    (frame(0xC3, 0x805F7FFD, b"data"), BAD_LENGTH),
    (frame(0xC3, 0x38000000, b"data"), BAD_LENGTH),
    (frame(0xC3, 0, b"data"), BAD_LENGTH),
    (frame(0xC3, 0xFFFFFFFC, b"data"), BAD_LENGTH),
    (frame(0xC3, SRAM, bytes(65537)), BAD_LENGTH),
    (escape(packet(0xC3, SRAM, b"data")).replace(b"data", b"d\xdbata"), BAD_CHECKSUM),  # no such escape
    (escape(packet(0xC5, SRAM)[:13]), BAD_LENGTH),
    (frame(0xC5, SRAM, crc=1), BAD_CHECKSUM),
    (frame(0xC5, SRAM, b"data"), BAD_LENGTH),
    (frame(0xC6, 0, bytes(4)), BAD_LENGTH),  # 0 baud
    (frame(0xC6, 0, (5000).to_bytes(4, "little")), BAD_LENGTH),  # the divisor has 16 bits
    (frame(0xC6, 0, b"\xff\xff\xff\xff"), BAD_LENGTH),
    (frame(0xC6, 0, b"\0\xc2\1"), BAD_LENGTH),
    (frame(0xC6, 0, (115200).to_bytes(4, "little"), crc=7), BAD_CHECKSUM),
], ids=lambda value: f"{len(value)}-bytes-{value[1]:x}" if isinstance(value, bytes) else f"{value:x}")
def test_bad_frames_change_nothing_and_are_answered(rom: Bridge, wire: bytes, status: int) -> None:
    rom.machine.write(SRAM, b"before")
    assert rom.exchange(wire) == reply(wire[1], status)
    assert rom.machine.read(SRAM, 6) == b"before"
    assert rom.exchange(frame(0xC3, SRAM, b"after!")) == reply(0xC3)
    assert rom.machine.read(SRAM, 6) == b"after!"


def test_noise_around_frames(rom: Bridge) -> None:
    assert rom.exchange(b"\x00\xff noise" + GREETING + b"noise" + GREETING) == 2 * reply(0xC2)
    assert rom.exchange(b"\xc0\xc0\xc0\xc0") == b""  # empty frames; one delimiter was open
    assert rom.exchange(GREETING) == reply(0xC2)
    assert rom.exchange(b"\xc0") == b""  # a stray delimiter joins the next frame's
    assert rom.exchange(GREETING) == reply(0xC2)
    assert rom.exchange(GREETING[:-1] + GREETING + GREETING) == 2 * reply(0xC2)  # a lost delimiter costs a frame


def test_one_reply_per_frame_however_fast_they_come(rom: Bridge) -> None:
    assert rom.exchange(b"\xc0\x01\xc0" * 500, ms=200) == reply(1, BAD_COMMAND) * 500


def test_random_bytes_leave_the_rom_answering(machine: Machine) -> None:
    rom = Bridge(machine)
    numbers = random.Random(210)
    for _ in range(8):
        rom.enter_isp()
        data = bytes(numbers.choice((0xC0, 0xC3, 0xDB, 0xDC, numbers.randrange(256))) for _ in range(2000))
        rom.exchange(data.replace(b"\xc5", b"\xc4"), ms=100)
        rom.enter_isp()  # the reset forgets half a frame
        assert rom.exchange(GREETING) == reply(0xC2)


def test_reply_to_the_baud_command_comes_at_the_new_rate(rom: Bridge) -> None:
    machine = rom.machine
    machine.set_port_rate(115200)
    assert rom.exchange(GREETING, rate=115200) == reply(0xC2)
    assert rom.exchange(frame(0xC6, 0, (1523684).to_bytes(4, "little")), rate=115200) == b""
    assert rom.exchange(GREETING, rate=115200) == b""  # noise at the wrong speed
    machine.set_port_rate(1_500_000)
    assert rom.exchange(GREETING, rate=1_500_000) == reply(0xC2)
    machine.set_port_rate(115200)
    assert rom.exchange(GREETING, rate=1_500_000) == b""


@pytest.mark.parametrize(("rate", "fits"), [(115200, True), (112000, True), (118000, True), (109000, False),
                                             (122000, False), (9600, False), (2000000, False)])
def test_rates_within_a_twentieth_understand_each_other(rom: Bridge, rate: int, fits: bool) -> None:
    rom.machine.set_port_rate(rate)
    assert rom.exchange(GREETING, rate=rate) == (reply(0xC2) if fits else b"")


def test_frames_take_their_time_on_the_wire(rom: Bridge) -> None:
    begin = rom.machine.now_ms
    wire = frame(0xC3, SRAM, bytes(1024))
    rom.exchange(wire, ms=0)
    rom.machine.run_while(lambda machine: not machine.idle, step_ms=0.1)
    frames = len(wire) + 4
    assert rom.machine.now_ms - begin == pytest.approx(frames * 10 / 115.2, abs=6)  # to the step of exchange()


def test_boot_enters_hart_0_and_leaves_hart_1_to_its_interrupt(rom: Bridge) -> None:
    machine = rom.machine
    rom.write_memory(SRAM, bytes.fromhex("73005010" "f5bf"))  # 1: wfi; j 1b
    rom.machine.port_send(frame(0xC5, SRAM))
    machine.run(ms=5)
    registers = machine.registers(0)
    assert registers["pc"] in (SRAM + 4, SRAM) and registers["x10"] == 0 and registers["mie"] == 0
    assert machine.registers(1)["pc"] >> 17 == 0x88000000 >> 17
    assert machine.read_u32(0x02000004) == 0
    machine.write(0x02000004, (1).to_bytes(4, "little"))
    machine.run(ms=1)
    registers = machine.registers(1)
    assert registers["pc"] in (SRAM + 4, SRAM) and registers["x10"] == 1
    assert machine.read_u32(0x02000004) == 1


def test_boot_elsewhere(rom: Bridge) -> None:
    rom.write_memory(SRAM + 0x100, bytes.fromhex("73005010" "f5bf"))
    rom.exchange(frame(0xC5, SRAM + 0x100))
    assert rom.machine.registers(0)["pc"] in (SRAM + 0x100, SRAM + 0x104)


def test_bytes_behind_the_boot_command_are_the_programs(rom: Bridge) -> None:
    rom.write_memory(SRAM, assemble("echo"))
    assert rom.exchange(frame(0xC5, SRAM) + b"hello\n", ms=50) == b"ready\nhello\n!"


def test_boot_into_nothing_is_reported(rom: Bridge) -> None:
    rom.exchange(frame(0xC5, 0x10000000))
    assert any("unhandled trap" in report for report in rom.machine.reports)
    rom.enter_isp()
    assert rom.exchange(GREETING) == reply(0xC2)


def test_the_uart_is_left_clean_for_the_program(rom: Bridge) -> None:
    rom.write_memory(SRAM, bytes.fromhex("73005010" "f5bf"))
    rom.exchange(frame(0xC5, SRAM) + b"x")
    uarths = rom.machine.state()["devices"]["uarths"]
    assert uarths["ie"] == 0 and uarths["txctrl"] == uarths["rxctrl"] == 1 and uarths["rx_level"] == 1
    assert rom.machine.read_u32(0x0C001004) & 2 == 0  # source 33 is not pending at the PLIC


def test_bad_image_answers_without_any_line() -> None:
    with Machine(flash=b"no image") as machine:
        assert "length" in machine.boot()
        rom = Bridge(machine)
        assert rom.exchange(GREETING) == reply(0xC2)


def test_boot_key_answers_although_the_image_is_good() -> None:
    with Machine(flash=flash_image(assemble("echo"))) as machine:
        machine.pad(16).drive(False)
        assert machine.boot() == "IO16 is low"
        rom = Bridge(machine)
        assert rom.exchange(GREETING) == reply(0xC2)


def test_input_that_came_before_the_choice_is_kept_for_the_rom(machine: Machine) -> None:
    rom = Bridge(machine)
    rom.sequence([("dtr", 0), ("rts", 1), None, ("rts", 0), ("dtr", 1)])  # just released
    assert rom.exchange(GREETING, ms=50) == reply(0xC2)
