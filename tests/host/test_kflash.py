"""Unmodified kflash 1.1.6 with its own second stage on the emulated CPU (spec isp-flash.md 3, 9, 10.7)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from emu_support import PROGRAMS, assemble
from isp_support import FAMILY
from k210emu import Machine
from k210emu.cli import flash_image
from k210emu.events import Event
from k210emu.pty_link import PtyLink
from k210emu.serve import Server, client_environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the preload library is for Linux")

STUB_SIZE = 16512
SPEED = 20  # of the flash
KFLASH = [sys.executable, "-c", "from kflash import main; main()", "-n"]


def noise(length: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(length)


def kflash(port: str, environment: dict[str, str], *arguments: str, timeout: float = 90) -> tuple[int, str]:
    done = subprocess.run([*KFLASH, "-p", port, *arguments], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=timeout)
    return done.returncode, done.stdout + done.stderr


def flash(machine: Machine, *arguments: str, status: int = 0) -> str:
    """Runs kflash on a served machine."""
    if not machine.port:
        machine.serve()
    assert machine.port
    code, text = kflash(machine.port, machine.port_environment, *arguments)
    assert code == status and machine.serve_error is None, text
    return text


def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def boots(machine: Machine, text: bytes = b"ready\n") -> None:
    """The second stage's soft reset started what was written."""
    wait(lambda: machine.output.endswith(text))
    assert machine.state()["boot"].startswith("booted")


def program(length: int) -> bytes:
    """The echo program with noise behind it."""
    code = assemble("echo")
    return code + noise(length - len(code))


def kflash_image(payload: bytes, flags: int = 2) -> bytes:
    """Spec 6.1: kflash asks for dual reads by default."""
    head = bytes([flags]) + len(payload).to_bytes(4, "little") + payload
    return head + hashlib.sha256(head).digest()


def file(tmp_path: Path, data: bytes, name: str = "program.bin") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


# Lengths around the block size of 64 KiB and the flash's pages.
@pytest.mark.parametrize(("board", "baud", "length"), [
    ("dan", 115200, 3000), ("bit", 2000000, 65536), ("bit_mic", 1500000, 65536 - 37), ("kd233", 460800, 10001),
    ("goE", 1500000, 65537), ("goD", 921600, 4096), ("maixduino", 1500000, 257), ("trainer", 1500000, 8191),
    ("goE", 4500000, 40000),
])
def test_every_board_type(tmp_path: Path, board: str, baud: int, length: int) -> None:
    payload = program(length)
    with Machine(wiring=board, flash_speed=SPEED) as machine:
        machine.boot()
        text = flash(machine, "-B", board, "-b", str(baud), file(tmp_path, payload))
        image = kflash_image(payload)
        assert machine.flash[:len(image)] == image
        assert set(machine.flash[-(-len(image) // 65536) * 65536:]) == {0xFF}
        boots(machine)
        assert not [report for report in machine.reports if "lost" in report or "not modelled" in report]
        assert "rebooting" in text and "retry" not in text.lower()
        stage0 = b"\xc0\xc6\xe0\xc0" in machine.output  # only some bridges, at 1.5 M and above
        assert stage0 == (board in ("goE", "maixduino", "trainer") and baud >= 1500000)


def test_board_types_are_the_tables() -> None:
    assert set(FAMILY) == {"kd233", "dan", "bit", "bit_mic", "goE", "goD", "maixduino", "trainer"}


@pytest.mark.parametrize("wiring", ["dan", "goE"])
def test_board_is_found_without_a_type(tmp_path: Path, wiring: str) -> None:
    payload = program(5000)
    with Machine(flash=flash_image(assemble("echo")), wiring=wiring, flash_speed=SPEED) as machine:
        machine.boot()
        flash(machine, "-b", "2000000", file(tmp_path, payload))
        assert machine.flash[5:5 + len(payload)] == payload
        boots(machine)


def test_slow_mode_and_quad_flag_at_the_flashs_own_speed(tmp_path: Path) -> None:
    with Machine(wiring="goE") as machine:
        machine.boot()
        flash(machine, "-B", "goE", "-S", "-b", "1500000", "-i", "qio", file(tmp_path, program(9000)))
        assert machine.flash[0] == 0 and b"\xc0\xc6\xe0\xc0" not in machine.output
        boots(machine)


def package(path: Path, members: list[tuple[int, str, bytes, bool]]) -> str:
    listing = {"version": "0.1.0", "files": [
        {"address": address, "bin": name, "sha256Prefix": prefix} for address, name, _, prefix in members]}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flash-list.json", json.dumps(listing, indent=2))
        for _, name, data, _ in members:
            archive.writestr(name, data)
    return str(path)


def test_package_with_unaligned_member_keeps_its_neighbours(tmp_path: Path) -> None:
    before = noise(0x120000, 7)
    payload, raw = program(6000), noise(9000, 9)
    with Machine(flash=before, wiring="bit", flash_speed=SPEED) as machine:
        machine.boot()
        path = package(tmp_path / "all.kfpkg", [(0, "firmware.bin", payload, True), (0x10E123, "data.bin", raw, False)])
        flash(machine, "-B", "bit", "-b", "2000000", path)
        image = kflash_image(payload)
        expected = bytearray(before)
        expected[:len(image)] = image
        expected[0x10E123:0x10E123 + len(raw)] = raw  # over a block's end
        assert machine.flash[:len(expected)] == bytes(expected)
        boots(machine)


def test_package_by_others(shared_models: Path) -> None:
    path = shared_models / "v3_face_at_0x300000.kfpkg"
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name != "flash-list.json"]
        data = archive.read(members[0])
    with Machine(flash=flash_image(assemble("echo")), wiring="maixduino", flash_speed=SPEED) as machine:
        machine.boot()
        flash(machine, "-B", "maixduino", "-b", "1500000", str(path))
        assert machine.flash[0x300000:0x300000 + len(data)] == data
        boots(machine)  # the program before it is untouched


def test_erase_of_a_range(tmp_path: Path) -> None:
    before = noise(0x60000, 3)
    with Machine(flash=before, wiring="goE", flash_speed=SPEED) as machine:
        machine.boot()
        flash(machine, "-B", "goE", "-b", "1500000", "-A", "0xf000", "-L", "0x12000", "erase")
        assert machine.flash[:0x60000] == before[:0xF000] + b"\xff" * 0x12000 + before[0x21000:]


@pytest.mark.parametrize("board", ["bit", "goE"])
def test_program_for_sram(tmp_path: Path, board: str) -> None:
    with Machine(flash=flash_image(assemble("csrs")), wiring=board) as machine:
        machine.boot()
        before = bytes(machine.flash[:65536])
        payload = program(STUB_SIZE + 3)
        flash(machine, "-B", board, "-s", file(tmp_path, payload))
        boots_from_sram(machine, payload)
        assert machine.flash[:65536] == before


def boots_from_sram(machine: Machine, payload: bytes) -> None:
    machine.set_port_rate(0)
    wait(lambda: b"ready\n" in machine.output)
    assert machine.read(0x80000000, len(payload)) == payload


def test_elf_for_sram(tmp_path: Path) -> None:
    elf = str(tmp_path / "program.elf")
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imafdc_zicsr_zifencei", "-mabi=lp64d", "-nostdlib",
                    "-static", f"-Wa,-I{PROGRAMS}", "-Wl,-N,-Ttext=0x80000000,--no-relax", "-o", elf,
                    str(PROGRAMS / "echo.S")], check=True, timeout=60, capture_output=True)
    with Machine(wiring="dan") as machine:
        machine.boot()
        flash(machine, "-B", "dan", "-s", elf)
        boots_from_sram(machine, assemble("echo"))


def test_full_firmware_and_model_then_the_prompt(root: Path, tmp_path: Path, shared_models: Path) -> None:
    firmware = root / "build" / "firmware" / "maix_bit" / "firmware.bin"
    if not firmware.is_file():
        pytest.skip(f"no {firmware}: make firmware builds it")
    model = (shared_models / "v3_ld5.kmodel").read_bytes()
    payload = firmware.read_bytes()
    with Machine(wiring="bit", flash_speed=SPEED) as machine:
        machine.boot()
        members = [(0, "firmware.bin", payload, True), (0x300000, "m.kmodel", model, False)]
        path = package(tmp_path / "all.kfpkg", members)
        flash(machine, "-B", "bit", "-b", "2000000", path)
        assert machine.flash[:len(payload) + 37] == kflash_image(payload)
        assert machine.flash[0x300000:0x300000 + len(model)] == model
        boots(machine, b">>> ")


# ---- failures --------------------------------------------------------------------------------------------------------


def test_wrong_board_type_fails_and_harms_nothing(tmp_path: Path) -> None:
    before = flash_image(program(3000))
    with Machine(flash=before, wiring="dan") as machine:
        machine.boot()
        text = flash(machine, "-B", "goE", "-b", "1500000", file(tmp_path, noise(100)), status=1)
        assert "No valid Kendryte K210 found" in text
        assert machine.flash[:len(before)] == before
        boots(machine)  # the close let go of reset


def test_a_bare_pty_gets_kflashs_own_error(tmp_path: Path) -> None:
    with Machine(flash=flash_image(assemble("echo"))) as machine:
        machine.boot()
        port = machine.serve()
        code, text = kflash(port, {}, "-B", "bit", file(tmp_path, noise(100)))
        assert code == 1 and "Errno 25" in text
        boots(machine)


class FaultyPty(PtyLink):
    """Loses, doubles or changes the n-th byte that the client sends; or puts noise before it."""

    def __init__(self, at: int, replacement: bytes | None) -> None:
        super().__init__()
        self.at, self.replacement = at, replacement
        self._passed = 0

    def read(self) -> list[Event]:
        return [self._spoil(event) if isinstance(event, bytes) else event for event in super().read()]

    def _spoil(self, data: bytes) -> bytes:
        at, self._passed = self.at - self._passed, self._passed + len(data)
        if not 0 <= at < len(data):
            return data
        new = bytes([data[at] ^ 0x10]) if self.replacement is None else self.replacement
        return data[:at] + new + data[at + 1:]


def flash_faulty(machine: Machine, link: FaultyPty, *arguments: str) -> tuple[int, str]:
    server = Server(machine, link, pace=False)
    try:
        result = kflash(link.name, client_environment(link), *arguments)
        time.sleep(1.5)  # the reboot
        assert server.error is None
        return result
    finally:
        server.close()


# The greeting has 15 bytes, a chunk of the second stage a little over 1042. Noise before the greeting's delimiter is
# ignored; everything else breaks the upload, which kflash cannot repair (spec 9), and the next run mends it.
@pytest.mark.parametrize(("at", "replacement", "status"), [
    (0, b"\xff\x00noise\xc0", 0), (500, b"", 1), (2000, None, 1),
], ids=["noise", "lost", "changed"])
def test_errors_on_the_line_during_the_upload(tmp_path: Path, at: int, replacement: bytes | None, status: int) -> None:
    payload = program(5000)
    path = file(tmp_path, payload)
    with Machine(wiring="bit", flash_speed=SPEED) as machine:
        machine.boot()
        code, text = flash_faulty(machine, FaultyPty(at, replacement), "-B", "bit", "-b", "2000000", path)
        assert code == status, text
        assert (machine.flash[0] == 0xFF) == (status != 0)
        if status:
            flash(machine, "-B", "bit", "-b", "2000000", path)
        boots(machine)


def test_a_spoiled_data_frame_is_lost_and_the_boot_rom_notices(tmp_path: Path) -> None:
    payload = program(100000)
    path = file(tmp_path, payload)
    with Machine(wiring="bit", flash_speed=SPEED) as machine:
        machine.boot()
        _, text = flash_faulty(machine, FaultyPty(60000, None), "-B", "bit", "-b", "2000000", path)
        assert "retry" in text.lower()
        assert set(machine.flash[:65536]) == {0xFF} and machine.flash[65541:65600] == payload[65536:65595]
        assert machine.state()["boot"].startswith("flash image")
        flash(machine, "-B", "bit", "-b", "2000000", path)
        boots(machine)


def test_power_cut_while_flashing_then_again(tmp_path: Path) -> None:
    path = file(tmp_path, program(70000))
    with Machine(wiring="goE", flash_speed=SPEED) as machine:
        machine.boot()
        machine.cut_power_after(700)
        port = machine.serve()
        client = subprocess.Popen([*KFLASH, "-p", port, "-B", "goE", "-b", "1500000", path], text=True,
                                  env={**os.environ, **machine.port_environment}, stdout=subprocess.DEVNULL)
        wait(lambda: machine.serve_error is not None)
        machine.stop_serving()
        client.kill()
        client.wait()
        assert machine.boot().startswith("flash image")  # half of it is there
        flash(machine, "-B", "goE", "-b", "1500000", path)
        boots(machine)
