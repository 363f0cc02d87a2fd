"""CLINT and PLIC: values a program sees."""

from __future__ import annotations

import pytest
from emu_support import results, run_program
from k210emu import Machine

MSIP, MTIP, MEIP = 1 << 3, 1 << 7, 1 << 11
INTERRUPT = 1 << 63


def test_timer_ticks_at_the_programmed_times() -> None:
    with Machine(harts=1) as machine:
        run_program(machine, "timer")
        start, *rest = results(machine, 14)
        for tick in range(5):
            seen, cause = rest[2 * tick], rest[2 * tick + 1]
            due = start + 1000 * (tick + 1)
            assert due <= seen <= due + 1, f"tick {tick}: due {due}, seen {seen}"
            assert cause == INTERRUPT | 7
        woke, pending, cleared = rest[10:13]
        assert woke <= 1 and pending & MTIP and not cleared & MTIP


def test_sleep_costs_no_instructions() -> None:
    with Machine(harts=1) as machine:
        run_program(machine, "timer")
        assert machine.cycles > 5 * 1000 * 50
        assert machine.instructions < 1000


@pytest.mark.parametrize("compare", [1 << 40, 1 << 50, 1 << 56, (1 << 63) - 1, (1 << 64) - 1])
def test_far_timers_neither_fire_nor_hang(compare: int) -> None:
    with Machine(harts=1) as machine:
        machine.load(0x80000000, bytes.fromhex("73005010" "f5bf"))  # wfi for ever
        machine.start()
        machine.write(0x02004000, compare.to_bytes(8, "little"))
        machine.run(ms=50)
        assert not machine.registers()["mip"] & MTIP
        assert machine.now_ms > 49.9
        machine.write(0x0200BFF8, compare.to_bytes(8, "little"))  # mtime is writable: now it is due
        machine.run(cycles=100)
        assert machine.registers()["mip"] & MTIP


def test_software_interrupts_between_harts() -> None:
    with Machine() as machine:
        run_program(machine, "softirq")
        cause0, _, answers, msip_at_entry, cause1, rounds = results(machine, 6)
        assert (cause0, cause1) == (INTERRUPT | 3, INTERRUPT | 3)
        assert (answers, rounds) == (3, 3)
        assert msip_at_entry == 1  # the boot ROM's wake-up stays until software clears it


def test_plic_priorities_thresholds_claims_and_nesting() -> None:
    with Machine(harts=2) as machine:
        run_program(machine, "plic")
        r = results(machine, 27)
    assert r[0] == 0
    assert not r[1] & MEIP and r[2] & MEIP
    assert r[3] == 0b111100
    assert not r[4] & MEIP and r[5] == 0
    assert r[6:9] == [35, 36, 0]
    assert r[9:12] == [34, 37, 0] and not r[12] & MEIP
    assert r[13] & MEIP and r[14] == 36
    assert r[15] == 0 and not r[16] & MEIP
    assert r[17:19] == [34, 0]
    # 34 enters, 35 preempts it, 37 waits until 34 has returned.
    assert r[19:25] == [34, 35, 35 | 0x100, 34 | 0x100, 37, 37 | 0x100]
    assert r[25] == 0x80200000  # the stack is balanced
