"""Two harts on one memory; code that changes; determinism; speed."""

from __future__ import annotations

import hashlib
import time

from emu_support import RESULT, assemble, results, run_program
from k210emu import Machine


def test_locks_between_harts() -> None:
    with Machine() as machine:
        run_program(machine, "lock", timeout_ms=200)
        assert results(machine, 3) == [40_000, 40_000, 2]


def test_written_code_runs_after_fence_i() -> None:
    with Machine() as machine:
        run_program(machine, "code")
        r = results(machine, 13)
        assert r[0:4] == [11, 22, 33, 0]
        assert 0 < r[4] < 20  # mcycle read by code that was written at run time
        assert r[5] == 44
        assert r[6] == 300  # 100 times 1, 100 times 2
        assert r[9] == 55  # written by the other hart
        assert r[10:12] == [0, 0] and r[12] == 55


def test_code_runs_through_any_number_of_aliases() -> None:
    with Machine(harts=1) as machine:
        run_program(machine, "aliases")
        assert results(machine, 1) == [6000]


def answer(value: int) -> bytes:
    return (0x513 | value << 20).to_bytes(4, "little") + (0x8067).to_bytes(4, "little")  # li a0, value; ret


def test_code_written_by_a_bus_master_replaces_translations() -> None:
    with Machine(harts=1) as machine:
        machine.load(0x80000000, assemble("caller"))
        for value, view in ((7, 0x80040000), (8, 0x80040000), (9, 0x40040000)):
            machine.write(view, answer(value))
            if value == 7:
                machine.start()
            machine.run(cycles=1000)
            assert results(machine, 1) == [value]
        assert results(machine, 1, 1)[0] > 100


def trace(slices: list[int]) -> str:
    digest = hashlib.sha256()
    with Machine() as machine:
        machine.load(0x80000000, assemble("lock"))
        machine.start()
        for cycles in slices:
            machine.run(cycles=cycles)
            digest.update(repr((machine.registers(0), machine.registers(1), machine.cycles,
                                machine.state())).encode())
        digest.update(machine.read(RESULT, 4096))
    return digest.hexdigest()


def test_same_input_same_run() -> None:
    slices = [1000, 777, 50_000, 123_456, 1]
    assert trace(slices) == trace(slices)


def test_run_reaches_the_cycle_asked_for() -> None:
    with Machine(harts=1) as machine:
        machine.load(0x80000000, bytes.fromhex("01a0"))  # j .
        machine.start()
        begin = machine.cycles
        for cycles in (1, 10, 1000, 123_457):
            before = machine.cycles
            machine.run(cycles=cycles)
            assert before + cycles <= machine.cycles <= before + cycles + 1
        assert machine.instructions == machine.cycles - begin
        before = machine.now_ms
        machine.run(ms=2.5)
        assert abs(machine.now_ms - before - 2.5) < 1e-3
        before = machine.instructions
        machine.run(instructions=5000)
        assert 5000 <= machine.instructions - before < 5010


def test_speed_is_printed(capsys) -> None:
    program = bytes.fromhex("0503" "b3035300" "33ce6300" "fd12" "e39a02fe")  # addi; add; xor; addi; bnez
    with Machine(harts=1) as machine:
        machine.load(0x80000000, program)
        machine.start()
        machine.run(cycles=100_000)
        started, before = time.monotonic(), machine.instructions
        machine.run(cycles=200_000_000)
        rate = (machine.instructions - before) / (time.monotonic() - started)
    with capsys.disabled():
        print(f"\nemulator: {rate / 1e6:.0f} M instructions/s, {rate / 400e6:.1f} times a K210 at 400 MHz")
    assert rate > 0
