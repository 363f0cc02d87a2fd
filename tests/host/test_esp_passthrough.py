"""The pass-through program on the emulated K210: every byte, both ways, at every rate."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from esp_support import MachinePort, chip_of, start
from k210emu import Machine
from kpupy.errors import ToolError
from kpupy.esp import passthrough
from kpupy.esp.passthrough import ESCAPE, MAGIC

ALL = bytes(range(256)) + bytes([ESCAPE]) * 40 + random.Random(7).randbytes(4000)
UART1_TX, UART1_RX = 7, 6


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(board="maix_go") as m:
        yield m


def test_the_pads_are_those_of_the_board() -> None:
    code = passthrough.program(chip_of("maix_go"))
    at = code.index(MAGIC) + len(MAGIC)
    assert code[at:at + 5] == bytes([6, 7, 8, 0xFF, 0])
    assert passthrough.program(chip_of("lilygo_m1"))[at:at + 5] == bytes([7, 6, 8, 0xFF, 0xFF])
    assert len(code) < 16384  # a second and a half at the boot ROM's 115200 baud


@pytest.mark.parametrize("baud", [9600, 115200, 921600, 1500000, 2000000])
def test_bytes_pass_both_ways_at_once(machine: Machine, baud: int) -> None:
    chip = chip_of("maix_go")
    port = start(machine, chip)
    data = ALL[:baud // 100]
    port.baudrate = baud
    assert machine.state()["devices"]["uarths"]["baud"] == pytest.approx(baud, rel=0.01)
    assert machine.state()["devices"]["uart1"]["baud"] == pytest.approx(baud, rel=0.01)
    started = machine.now_ms
    before = len(machine.uart_output(1))
    machine.send(data, uart=1)
    machine.port_send(data.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPE])))
    machine.run_while(lambda m: len(m.uart_output(1)) < before + len(data), timeout_ms=2000, step_ms=0.5)
    # On the wire escapes are doubled. A loop that lets one line run dry while it serves the other takes a third longer.
    assert machine.now_ms - started < 1.12 * 1e4 * (len(data) + data.count(ESCAPE)) / baud + 2
    port.timeout = 0.5
    assert port.read(len(data)) == data
    assert machine.uart_output(1)[before:] == data
    assert port.lost() == (0, 0)
    assert port.read(1) == b""


def test_a_burst_larger_than_the_ring_is_counted_as_lost(machine: Machine) -> None:
    """The co-processor's line is made slow, so that what the host sends piles up."""
    port = start(machine, chip_of("maix_go"))
    port.baudrate = 2000000
    machine.write(0x50210000 + 0x0C, bytes([0x80, 0, 0, 0]))  # UART1: divisor latch
    machine.write(0x50210004, bytes([1, 0, 0, 0]))
    machine.write(0x5021000C, bytes([0x03, 0, 0, 0]))
    port.write(b"x" * 70000)
    machine.run(ms=400)
    machine.write(0x50210000 + 0x0C, bytes([0x80, 0, 0, 0]))
    machine.write(0x50210004, bytes([0, 0, 0, 0]))
    machine.write(0x5021000C, bytes([0x03, 0, 0, 0]))
    machine.run(ms=400)
    from_host, from_esp = port.lost()
    assert 0 < from_host < 70000 - 65535 + 20 and from_esp == 0


def test_en_follows_and_the_strap_stays_low(machine: Machine) -> None:
    port = start(machine, chip_of("maix_go"))
    assert machine.pad(8).level and not machine.pad(0).level
    port.set_en(False)
    assert not machine.pad(8).level and not machine.pad(0).level
    port.set_en(True)
    assert machine.pad(8).level


def test_what_is_not_wired_is_refused(machine: Machine) -> None:
    port = start(machine, chip_of("maix_go"))
    with pytest.raises(ToolError, match=r"refuses b'g'"):
        port.set_gpio0(False)
    with pytest.raises(ToolError, match=r"refuses b'u'"):
        port.baudrate = 9_000_000
    assert port.lost() == (0, 0)  # it still answers, at the old rate


def test_gpio0_where_it_is_wired(machine: Machine) -> None:
    port = start(machine, chip_of("maix_go", gpio0=9))
    assert machine.pad(9).level
    port.set_gpio0(False)
    assert not machine.pad(9).level


def test_it_can_reset_the_k210(machine: Machine) -> None:
    port = start(machine, chip_of("maix_go"))
    port.reset_k210()
    machine.run(ms=100)
    assert any("serial programming" in report for report in machine.reports)  # the ROM found no firmware


def test_a_board_without_the_program_is_an_error() -> None:
    with Machine(board="maix_go") as silent:
        silent.boot()
        port = passthrough.PassThrough(MachinePort(silent))
        with pytest.raises(ToolError, match="pass-through program does not answer"):
            port.greet(seconds=0.5)
