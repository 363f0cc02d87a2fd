"""The Python object: its arguments, memory, registers, reports, state; the bus below it."""

from __future__ import annotations

import pytest
from emu_support import assemble, results, run_program
from k210emu import Machine, Stop

SYSCTL_PLL0 = 0x50440008
UNMODELLED = 0x50420000  # the OTP controller


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"board 'nano' is not known; known are .*maix_bit"):
        Machine("nano")
    with pytest.raises(ValueError, match="rounding 'C' is not 'A' or 'B'"):
        Machine(rounding="C")
    with pytest.raises(ValueError, match="harts 3 is not 1 or 2"):
        Machine(harts=3)
    with Machine() as machine:
        with pytest.raises(ValueError, match=r"pad 48 is not in 0\.\.47"):
            machine.pad(48)
        with pytest.raises(ValueError, match=r"uart 4 is not in 0\.\.3"):
            machine.send(b"x", uart=4)
        with pytest.raises(ValueError, match="no memory or registers at 0x10000000, 4 bytes"):
            machine.read(0x10000000, 4)
        with pytest.raises(ValueError, match="no memory or registers at 0x807ffffe, 4 bytes"):
            machine.write(0x807FFFFE, b"1234")
        with pytest.raises(ValueError, match="exactly one of"):
            machine.run()


def test_memory_and_its_aliases() -> None:
    with Machine() as machine:
        machine.write(0x80123456, b"alias")
        assert machine.read(0x40123456, 5) == b"alias"
        machine.write(0x407FFFFF, b"z")
        assert machine.read(0x807FFFFF, 1) == b"z"
        assert machine.reports == []  # the host may look at AI RAM at any time


def test_narrow_and_wide_register_accesses() -> None:
    with Machine() as machine:
        machine.start()
        pll0 = machine.read_u32(SYSCTL_PLL0)
        assert pll0 == 0x022EC7B0
        assert machine.read(SYSCTL_PLL0 + 1, 1) == b"\xc7"
        assert machine.read(SYSCTL_PLL0 + 2, 2) == b"\x2e\x02"
        assert machine.read_u64(SYSCTL_PLL0) == pll0 | machine.read_u32(SYSCTL_PLL0 + 4) << 32
        machine.write(UNMODELLED + 8, (0x11223344).to_bytes(4, "little"))
        machine.write(UNMODELLED + 9, b"\xaa")
        machine.write(UNMODELLED + 10, b"\xbb\xcc")
        assert machine.read_u32(UNMODELLED + 8) == 0xCCBBAA44


def test_unmodelled_accesses_are_reported_once_with_their_pc() -> None:
    program = bytes.fromhex("37044250" "1c48" "1c48" "08c8" "73005010")  # lui s0; lw 16(s0) twice; sw; wfi
    with Machine(harts=1) as machine:
        machine.load(0x80000000, program)
        machine.start()
        machine.run(cycles=100)
        assert machine.reports == [
            "otp: read of offset 0x10 is not modelled (hart 0, pc 0x80000000)",
            "otp: write of 0x0 to offset 0x10 is not modelled (hart 0, pc 0x80000000)",
        ]


def test_exact_pc_of_a_report() -> None:
    program = bytes.fromhex("37044250" "0100" "0100" "1c48" "73005010")  # lui s0; nop; nop; lw 16(s0); wfi
    with Machine(harts=1) as machine:
        machine.load(0x80000000, program)
        machine.start()
        machine.run(cycles=100)
        assert machine.reports == ["otp: read of offset 0x10 is not modelled (hart 0, pc 0x80000008)"]


def test_ai_ram_without_its_clock_is_reported() -> None:
    program = bytes.fromhex("37046080" "1c40" "73005010")  # lw from 0x80600000; wfi
    with Machine(harts=1) as machine:
        machine.load(0x80000000, program)
        machine.start()
        machine.run(cycles=100)
        assert any(report.startswith("ai_ram: accessed while the AI clock is off") for report in machine.reports)


def test_registers_and_state() -> None:
    with Machine() as machine:
        run_program(machine, "csrs")
        assert results(machine, 1)[0] == 0x800000000014112D
        registers = machine.registers(1)
        assert registers["x8"] == 0x80100000 + 8 * 32
        state = machine.state()
        assert state["hart1"]["pc"] == registers["pc"]
        assert state["hart0"]["asleep"] and state["cpu_hz"] == 390_000_000
        assert {"clint", "plic", "sysctl", "uarths", "norflash"} <= set(state["devices"])
        assert machine.stalled and machine.run(ms=1) is Stop.LIMIT


def test_machines_are_independent() -> None:
    with Machine(harts=1) as one, Machine(harts=1) as two:
        for machine in (one, two):
            machine.load(0x80000000, assemble("caller"))
            machine.write(0x80040000, bytes.fromhex("1345100067800000"))
            machine.start()
        one.run(cycles=1000)
        assert two.instructions == 0 and two.cycles == 0
        one.close()
        two.run(cycles=1000)
        assert two.instructions == two.cycles >= 1000


def test_a_view_of_the_flash_may_outlive_the_machine() -> None:
    with Machine(flash=b"kept") as machine:
        view = machine.flash
    assert bytes(view[:5]) == b"kept\xff"


def test_close_twice_and_use_after_close() -> None:
    machine = Machine()
    machine.close()
    machine.close()
    with pytest.raises(RuntimeError, match="closed"):
        machine.run(cycles=1)
