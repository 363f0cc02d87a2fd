"""Exceptions, CSRs and the address map as a program sees them."""

from __future__ import annotations

import pytest
from emu_support import assemble, finished, results, run_program
from k210emu import EmulationError, Machine

ILLEGAL, BREAKPOINT, LOAD_MISALIGNED, LOAD_FAULT, STORE_MISALIGNED, STORE_FAULT, ECALL_M = 2, 3, 4, 5, 6, 7, 11
FETCH_FAULT = 1
HOLE = 0x10000000


def test_every_exception_has_its_cause_and_pc() -> None:
    with Machine(harts=1) as machine:
        run_program(machine, "traps")
        traps = [tuple(results(machine, 3, 3 * i)) for i in range(15)]
        pcs = [machine.read_u64(0x80110000 + 8 * i) for i in range(14)]
        status_in, *second = results(machine, 4, 45)
    causes = [ILLEGAL, ILLEGAL, ECALL_M, BREAKPOINT, BREAKPOINT, LOAD_FAULT, STORE_FAULT, LOAD_FAULT, STORE_FAULT,
              ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL, STORE_MISALIGNED, FETCH_FAULT]
    assert [cause for cause, _, _ in traps] == causes
    assert [pc for _, pc, _ in traps] == [*pcs, HOLE]
    addresses = {5: HOLE + 12, 6: HOLE + 12, 7: HOLE + 40, 8: HOLE, 13: 0x80100101, 14: HOLE}
    assert {i: traps[i][2] for i in addresses} == addresses
    assert status_in == ECALL_M  # the last ecall overwrote the status stored before it
    assert second[2] >> 3 & 1 == 1 and second[2] >> 7 & 1 == 1  # mret: MIE from MPIE, MPIE set


def test_csrs_of_both_harts() -> None:
    with Machine() as machine:
        run_program(machine, "csrs")
        for hart in (0, 1):
            r = results(machine, 18, 32 * hart)
            assert r[0] == 0x800000000014112D and r[1] == 0x4B5
            assert r[2] == 0xE59889E6A5A04149 and r[3] == int.from_bytes(b"MAIX2000", "big")
            assert r[4] == hart
            assert r[8] - r[6] == 104  # 100 nops, a store, three more of the read sequence
            assert r[7] - r[5] == 104
            assert 0x123456789 <= r[9] <= 0x123456789 + 8
            assert r[10] == 0x123456789
            assert r[11] == 0xFFFFF
            assert r[12] & 0x22 == 0x22 and r[13] & 0x22 == 0
            assert r[14] == 1
        r = results(machine, 18)
        assert r[15] == 0x80100000
        assert abs(r[16] - 50 * r[17]) <= 100 and r[16] > 200_000  # mtime = mcycle / 50


def test_only_the_holes_of_the_address_map_fault() -> None:
    mapped = [0x80000000, 0x807FFFFC, 0x40000000, 0x407FFFFC, 0x88000000, 0x02000000, 0x0C000000, 0x38000000,
              0x38001000, 0x50440000, 0x502B0000, 0x54000000, 0xFFFFFFFF80000000]
    holes = [0x00000010, 0x10000000, 0x30000000, 0x38002000, 0x80800000, 0x84000000, 0x88020000, 0x90000000,
             0xFFFFF000, 0x1_10000000]
    with Machine(harts=1) as machine:
        machine.write(0x80110000, b"".join(a.to_bytes(8, "little") for a in [*mapped, *holes, 0]))
        run_program(machine, "holes")
        causes = results(machine, len(mapped) + len(holes) + 1)
    assert causes == [0] * len(mapped) + [LOAD_FAULT] * len(holes) + [STORE_FAULT]


def test_a_handler_that_faults_is_reported_and_does_not_hang() -> None:
    with Machine(harts=1) as machine:
        machine.load(0x80000000, bytes.fromhex("73105030" "73000000"))  # csrw mtvec, zero; ecall
        machine.start()
        machine.run(cycles=10_000)
        assert machine.cycles >= 10_000
        assert any("its own trap vector" in report for report in machine.reports)


def test_unhandled_trap_in_rom_is_reported() -> None:
    with Machine(harts=1) as machine:
        machine.load(0x80000000, bytes.fromhex("73000000"))  # ecall with the ROM's mtvec
        machine.start()
        machine.run(cycles=10_000)
        assert any("unhandled trap: mcause 11, mepc 0x80000000" in report for report in machine.reports)
        assert machine.idle


def test_strict_stops_at_unmodelled_and_misaligned_accesses() -> None:
    misaligned = bytes.fromhex("b7021080" "83a31200")  # lui t0, 0x80100; lw t2, 1(t0)
    with Machine(harts=1, strict=True) as machine:
        machine.load(0x80000000, misaligned)
        machine.start()
        with pytest.raises(EmulationError, match=r"misaligned 4-byte load at 0x.*80100001"):
            machine.run(cycles=100)
    with Machine(harts=1) as machine:
        machine.load(0x80000000, misaligned + bytes.fromhex("73005010"))
        machine.start()
        machine.run(cycles=100)
        assert machine.reports == []


def test_programs_are_assembled_not_empty() -> None:
    assert len(assemble("traps")) > 200
    with Machine(harts=1) as machine:
        assert not finished(machine)
