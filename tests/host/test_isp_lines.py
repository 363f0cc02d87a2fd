"""DTR and RTS to reset and IO16, for every board type of kflash -B (spec isp-flash.md 2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from emu_support import assemble
from isp_support import ENTER, FAMILY, GREETING, LEAVE, Bridge, frame, reply
from k210emu import Machine
from k210emu.cli import flash_image

FAMILIES = ["dan", "goE", "goD"]


def board(wiring: str) -> Machine:
    machine = Machine(flash=flash_image(assemble("echo")), wiring=wiring)
    machine.boot()
    return machine


@pytest.fixture(params=sorted(FAMILY))
def wired(request: pytest.FixtureRequest) -> Iterator[tuple[Bridge, str]]:
    with board(request.param) as machine:
        yield Bridge(machine), FAMILY[request.param]


def test_enter_and_leave(wired: tuple[Bridge, str]) -> None:
    bridge, family = wired
    bridge.machine.run_until("ready")
    bridge.sequence(ENTER[family])
    assert bridge.machine.state()["boot"] == "IO16 is low"
    assert bridge.exchange(GREETING).endswith(reply(0xC2))
    bridge.sequence(LEAVE[family])
    assert bridge.machine.state()["boot"].startswith("booted")
    bridge.machine.run_until("ready")


@pytest.mark.parametrize("gap_ms", [0.01, 1, 10])
@pytest.mark.parametrize("wiring", FAMILIES)
def test_the_strap_is_sampled_late(wiring: str, gap_ms: float) -> None:
    with board(wiring) as machine:
        bridge = Bridge(machine)
        bridge.sequence(ENTER[wiring], gap_ms)  # IO16 goes low that long after reset is released
        assert machine.state()["boot"] == "IO16 is low"


@pytest.mark.parametrize("wiring", FAMILIES)
@pytest.mark.parametrize("sequence", FAMILIES)
def test_sequences_for_other_boards_do_not_enter(wiring: str, sequence: str) -> None:
    if wiring == sequence:
        return
    with board(wiring) as machine:
        bridge = Bridge(machine)
        bridge.sequence(ENTER[sequence])
        assert machine.state()["boot"] != "IO16 is low"
        bridge.exchange(GREETING)
        bridge.close()
        machine.run(ms=100)
        assert machine.state()["boot"].startswith("booted")
        assert bridge.exchange(b"alive\n").endswith(b"alive\n!")


@pytest.mark.parametrize("wiring", FAMILIES)
def test_opening_and_closing_leave_the_program_alone(wiring: str) -> None:
    with board(wiring) as machine:
        machine.run_until("ready\n")
        for both in (True, False, True, False):
            machine.set_lines(both, both)
            machine.run(ms=100)
        machine.send(b"alive\n")
        assert machine.run_until("!") == b"alive\n!"


@pytest.mark.parametrize("wiring", ["dan", "goE"])
def test_held_in_reset_nothing_runs_and_bytes_are_lost(wiring: str) -> None:
    with board(wiring) as machine:
        bridge = Bridge(machine)
        bridge.sequence(ENTER[wiring][:5])
        before = machine.instructions
        assert bridge.exchange(GREETING, ms=1000) == b""
        assert machine.instructions == before
        bridge.sequence(ENTER[wiring][6:])
        assert bridge.exchange(b"") == b""


def test_soft_reset_looks_at_the_strap_again() -> None:
    program = bytes.fromhex("b7024450" "0543" "23a86202" "73005010" "f5bf")  # soft_reset = 1; wfi for ever
    with Machine(flash=flash_image(assemble("echo")), wiring="dan") as machine:
        machine.boot()
        bridge = Bridge(machine)
        for lines_rest, boot in ((True, "IO16 is low"), (False, "booted")):
            bridge.enter_isp()
            bridge.write_memory(0x80000000, program)
            machine.port_send(frame(0xC5, 0x80000000))
            if not lines_rest:
                machine.run_while(lambda m: m.port_queued > 0, step_ms=0.5)
                bridge.close()
            machine.run(ms=100)
            assert machine.state()["boot"].startswith(boot)


def test_a_pressed_boot_key_is_not_released_by_the_lines() -> None:
    with board("dan") as machine:
        machine.pad(16).drive(False)
        bridge = Bridge(machine)
        bridge.sequence(LEAVE["dan"])
        assert machine.state()["boot"] == "IO16 is low"


def test_wrong_wiring_is_named() -> None:
    with pytest.raises(ValueError, match="wiring 'nano' is not known; known are dan, bit, trainer, kd233"):
        Machine(wiring="nano")
