"""kflash behind the guarded port: what it does wrong on its own is put right, and its reset sequences are ours."""

from __future__ import annotations

import random

import pytest
from kpupy import boards, engine, isp, lines
from kpupy.boards import Wiring
from kpupy.engine import KflashEngine
from kpupy.errors import Exit, PortGone, ToolError
from kpupy.plan import Part
from kpupy.progress import Reporter
from verbs_device import FakeDevice

DATA = random.Random(1).randbytes(150_000)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device answers at once: kflash's own pauses are left out."""
    import kflash  # type: ignore[import-untyped]

    monkeypatch.setattr(kflash.time, "sleep", lambda _: None)


def write(device: FakeDevice, board: str | None = "bit", baud: int = 115200, address: int = 0x20000) -> KflashEngine:
    tool = KflashEngine(board)
    tool.write(device, [Part("data.bin", address, DATA, "data")], baud, Reporter())
    return tool


def test_writes_and_reboots() -> None:
    device = FakeDevice()
    write(device)
    assert bytes(device.flash[0x20000 : 0x20000 + len(DATA)]) == DATA
    assert device.rebooted
    assert set(device.flash[:0x20000]) == {0xFF}


def test_several_parts_go_in_one_session() -> None:
    device = FakeDevice()
    parts = [Part("a", 0, b"a" * 1000, "data"), Part("b", 0x12345, b"b" * 70000, "data")]
    KflashEngine("dan").write(device, parts, 115200, Reporter())
    assert all(device.flash[p.address : p.end] == p.data for p in parts)


@pytest.mark.parametrize("board", sorted(boards.KFLASH_WIRING))
def test_reset_sequence_is_that_of_unmodified_kflash(board: str) -> None:
    """kflash's calls, recorded from its own code, are the steps of our table."""
    device = FakeDevice()
    write(device, board)
    ours = [change for step in lines.ENTER_ISP[boards.KFLASH_WIRING[board]] for change in step]
    assert device.lines[: len(ours)] == ours


@pytest.mark.parametrize("status", ["E1", "E2"])
def test_a_damaged_frame_is_sent_again(status: str) -> None:
    """On its own kflash drops the chunk and reports success (spec isp-flash.md 9)."""
    device = FakeDevice(script={2: f"status{status}"})
    write(device)
    assert bytes(device.flash[0x20000 : 0x20000 + len(DATA)]) == DATA
    assert len(device.attempts) - 1 == len(set(device.attempts))


@pytest.mark.parametrize("fault", ["noise", "late"])
def test_noise_and_late_replies_are_dropped(fault: str) -> None:
    device = FakeDevice(script={1: fault, 2: fault, 3: fault})
    write(device)
    assert bytes(device.flash[0x20000 : 0x20000 + len(DATA)]) == DATA


def test_a_busy_flash_is_waited_for() -> None:
    device = FakeDevice(script={1: "statusE7", 2: "statusE7"})
    write(device)
    assert bytes(device.flash[0x20000 : 0x20000 + len(DATA)]) == DATA


def test_frames_damaged_for_ever_end() -> None:
    device = FakeDevice(script={n: "statusE2" for n in range(1, 100)})
    with pytest.raises(ToolError, match=r"writing 65536 bytes at 0x20000 failed: damaged on the way 4 times"):
        write(device)


def test_a_refused_write_names_place_and_reason() -> None:
    tool = KflashEngine("bit")
    with pytest.raises(ToolError, match=r"at 0x30000 failed: invalid command \(0xE3\)") as caught:
        tool.write(FakeDevice(script={2: "statusE3"}), [Part("x", 0x20000, DATA, "data")], 115200, Reporter())
    assert caught.value.code is Exit.TRANSFER
    assert tool.guard and tool.guard.touched == (0x20000, 0x40000)


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """On its own kflash waits 90 s and sends again, for ever."""
    clock = [0.0]

    def now() -> float:
        clock[0] += 0.03
        return clock[0]

    monkeypatch.setattr(engine.time, "monotonic", now)
    with pytest.raises(ToolError, match=r"writing 65536 bytes at 0x30000 failed: no reply"):
        write(FakeDevice(script={n: "silent" for n in range(2, 50)}))


def test_a_vanished_port_is_not_retried() -> None:
    with pytest.raises(PortGone, match=r"the port is gone: .*Input/output error"):
        write(FakeDevice(script={3: "gone"}))


def test_speed_change_and_rom_speed() -> None:
    device = FakeDevice()
    write(device, "goE", 2000000)
    assert device.bauds == [1523684, 2000000]  # spec isp-flash.md 1.6, 3.1


def test_without_a_board_the_wiring_is_tried() -> None:
    device = FakeDevice()
    write(device, None)
    assert bytes(device.flash[0x20000 : 0x20000 + len(DATA)]) == DATA


def test_by_hand_no_line_moves() -> None:
    device = FakeDevice()
    KflashEngine("bit", move_lines=False).write(device, [Part("x", 0, b"abc", "data")], 115200, Reporter())
    assert device.lines == []


def test_erase() -> None:
    device = FakeDevice()
    device.flash[:] = bytes(len(device.flash))
    KflashEngine("bit").erase(device, 0x10000, 0x8000, 115200, Reporter())
    assert set(device.flash[0x10000:0x18000]) == {0xFF}
    assert set(device.flash[:0x10000]) | set(device.flash[0x18000:]) == {0}
    KflashEngine("bit").erase(device, 0, None, 115200, Reporter())
    assert set(device.flash) == {0xFF}


@pytest.mark.parametrize("when", [1, 2, 18, 19, 20, 21, 22, 23, 24])
def test_interrupt_is_not_swallowed(monkeypatch: pytest.MonkeyPatch, when: int) -> None:
    """kflash catches everything around a read; Ctrl-C must get through at each of its stages."""
    device = FakeDevice()
    reads = 0
    original = device.read

    def read(size: int = 1) -> bytes:
        nonlocal reads
        reads += 1
        if reads == when:
            raise KeyboardInterrupt
        return original(size)

    monkeypatch.setattr(device, "read", read)
    with pytest.raises(KeyboardInterrupt):
        write(device)


def test_serial_module_is_put_back() -> None:
    import sys

    import serial  # type: ignore[import-untyped]

    write(FakeDevice())
    assert sys.modules["serial"] is serial and serial.Serial is not None


# ---- frames, against the bytes recorded from the wire (spec isp-flash.md 1.6)

GOLDEN = {
    "c0 c5 00 00 00 fb 6f c4 d4 00 00 00 80 00 00 00 00 c0": isp.request(0xC5, 0x80000000),
    "c0 c6 00 00 00 c1 38 36 8c 00 00 00 00 04 00 00 00 e4 3f 17 00 c0":
        isp.request(0xC6, 0, (1523684).to_bytes(4, "little")),
    "c0 d7 00 00 00 f7 df 88 a9 01 00 00 00 00 00 00 00 c0": isp.request(0xD7, 1),
    "c0 d8 00 00 00 70 bf c2 54 00 00 10 00 00 00 02 00 c0": isp.request(0xD8, 0x100000, length=0x20000),
    "c0 c2 00 00 00 00 00 00 00 00 00 00 00 00 c0": isp.GREETING,
}


@pytest.mark.parametrize("wire", GOLDEN)
def test_golden_frames(wire: str) -> None:
    assert isp.slip(GOLDEN[wire]) == bytes.fromhex(wire)


def test_unslip_takes_any_split_and_noise() -> None:
    frames = [bytes([1, 0xC0, 0xDB, 2]), b"abc", b"\xdb\xdb\xc0"]
    stream = b"noise" + b"".join(map(isp.slip, frames))
    for size in (1, 2, 3, 50):
        reader = isp.Unslip()
        got = [f for at in range(0, len(stream), size) for f in reader.feed(stream[at : at + size])]
        assert got == [b"noise", *frames]


@pytest.mark.parametrize("wiring", list(Wiring))
def test_boot_sequence_ends_neutral(wiring: Wiring) -> None:
    """Both lines equal leave the chip alone (spec isp-flash.md 2.1)."""
    state = {"dtr": True, "rts": True}
    for step in lines.BOOT[wiring]:
        state.update(step)
    assert state["dtr"] == state["rts"]
