"""flash, verify, read, erase against the emulated board: its boot ROM, kflash's program and ours run on its CPU."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from k210emu import Machine
from kpupy import engine, image, ports, reader
from kpupy.errors import Exit, ToolError
from verbs_support import FIRMWARE, ROOT, Line, kpupy, subprocess_command

DATA = random.Random(3).randbytes(70_000)
MODEL = b"\3" + bytes(11) + random.Random(4).randbytes(20_000)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A board whose bridge can do 1.5 Mbaud in the ROM: the quickest to test with."""
    with Machine("maixduino") as board:
        board.boot()
        yield board


@pytest.fixture
def line(machine: Machine) -> Iterator[Line]:
    relay = Line(machine.serve("rfc2217:0"))
    yield relay
    relay.close()


def save(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def at(machine: Machine, address: int, length: int) -> bytes:
    return bytes(machine.flash[address : address + length])


@pytest.fixture
def files(tmp_path: Path) -> list[object]:
    """A program, a model and data, with addresses as on the command line."""
    program, model = save(tmp_path, "program.bin", DATA[:9000]), save(tmp_path, "face.kmodel", MODEL)
    return [program, model, "--addr", "0x300000", f"{save(tmp_path, 'data.bin', DATA[:9000])}@0x5fff00"]


def test_several_files_are_written_verified_and_found_again(machine: Machine, line: Line, files: list[object]) -> None:
    machine.write_flash(0x5FFE00, b"neighbour")
    port = ["-p", line.name, "-B", "maixduino", "--json"]
    run = kpupy("flash", *files, *port)
    assert run.status == 0, run.err
    assert run.json["verified"] and len(run.json["written"]) == 3 and run.json["flash"]["size"] == 16 << 20
    assert image.unwrap(at(machine, 0, 10000)) == DATA[:9000]
    assert at(machine, 0x300000, len(MODEL)) == MODEL and at(machine, 0x5FFF00, 9000) == DATA[:9000]
    assert at(machine, 0x5FFE00, 9) == b"neighbour"
    run = kpupy("flash", *files, *port)
    assert run.status == 0 and run.json["written"] == [] and len(run.json["unchanged"]) == 3
    machine.flash[0x5FFF00 + 5000] ^= 0x10
    run = kpupy("verify", *files, *port)
    assert run.status == Exit.VERIFY
    assert "data.bin: the flash differs from offset 0x1388 on (flash address 0x601288" in run.json["error"]
    assert "1 bytes" in run.json["error"]


def test_read_and_erase(machine: Machine, line: Line, tmp_path: Path) -> None:
    machine.write_flash(0x200000, DATA)
    port = ["-p", line.name, "-B", "goE", "--json"]
    run = kpupy("read", tmp_path / "out.bin", "--addr", "0x200003", "--length", "40000", *port)
    assert run.status == 0, run.err
    assert (tmp_path / "out.bin").read_bytes() == DATA[3:40003]
    run = kpupy("erase", "--addr", "0x201000", "--length", "8K", *port)
    assert run.status == 0 and run.json["verified"], run.err
    assert at(machine, 0x201000, 0x2000) == b"\xff" * 0x2000
    assert at(machine, 0x200000, 0x1000) == DATA[:0x1000] and at(machine, 0x203000, 0x1000) == DATA[0x3000:0x4000]
    assert kpupy("erase", "--addr", "0x1001", "--length", "4K", *port).status == Exit.USAGE
    assert kpupy("read", tmp_path / "x", "--addr", "16M", *port).status == Exit.USAGE


@pytest.mark.skipif(not FIRMWARE.is_file(), reason="no firmware is built: make firmware")
def test_package_then_the_board_boots_it(machine: Machine, line: Line, tmp_path: Path) -> None:
    """The real firmware in a package; the wiring is found by trying; afterwards MicroPython answers."""
    package = tmp_path / "all.kfpkg"
    assert kpupy("kfpkg", "create", package, FIRMWARE, f"{save(tmp_path, 'a.kmodel', MODEL)}@0x400000").status == 0
    run = kpupy("flash", package, "-p", line.name, "--no-verify")
    assert run.status == 0 and "not verified" in run.out, run.err
    assert at(machine, 0x400000, len(MODEL)) == MODEL
    machine_said = kpupy("run", "-p", line.name, save(tmp_path, "hello.py", b"print(6 * 7)"))
    assert (machine_said.status, machine_said.out) == (0, "42\r\n"), machine_said.err


def test_a_folder_becomes_the_file_system(machine: Machine, line: Line, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    save(folder, "main.py", b"print('main')")
    save(folder / "lib", "data.bin", DATA[:9000])
    run = kpupy("fs", "flash", folder, "-p", line.name, "-B", "maixduino")
    assert run.status == 0, run.err
    from littlefs import LittleFS, UserContext  # type: ignore[import-untyped]

    context = UserContext(0x300000)
    context.buffer[:] = at(machine, 0xD00000, 0x300000)
    there = LittleFS(context=context, block_size=4096, block_count=768, mount=True)
    assert there.open("main.py", "rb").read() == b"print('main')"
    assert there.open("lib/data.bin", "rb").read() == DATA[:9000]


# ---- what can go wrong


def test_wrong_board_type_is_named(machine: Machine, line: Line, tmp_path: Path) -> None:
    run = kpupy("flash", save(tmp_path, "p.bin", DATA), "-p", line.name, "-B", "bit", "--json")
    assert run.status == Exit.NO_ANSWER
    assert "it is wired like goE" in run.json["error"] and any("--board goE" in h for h in run.json["hints"])


def test_by_hand_without_lines(machine: Machine, line: Line, tmp_path: Path) -> None:
    """Raw TCP carries no lines; the board waits in its ROM, as with BOOT held at reset."""
    machine.stop_serving()
    name = machine.serve("tcp:localhost:0")
    model = save(tmp_path, "a.kmodel", MODEL)
    assert kpupy("flash", model, "-p", name, "--manual-boot").status == Exit.USAGE  # verifying needs a second reset
    run = kpupy("flash", model, "-p", name, "--manual-boot", "--no-verify", "--baud", "115200")
    assert run.status == 0 and "not verified" in run.out, run.err
    assert at(machine, 0x300000, len(MODEL)) == MODEL


def test_nothing_answers(tmp_path: Path) -> None:
    with socket.create_server(("localhost", 0)) as server:
        name = f"socket://localhost:{server.getsockname()[1]}"
        run = kpupy("flash", save(tmp_path, "p.bin", DATA), "-p", name, "--manual-boot", "--no-verify", "--json")
    assert run.status == Exit.NO_ANSWER and "no boot ROM answered" in run.json["error"]
    assert "hold BOOT" in " ".join(run.json["hints"])


@pytest.mark.parametrize("faults", [
    [(30_000, "flip"), (45_000, "flip")], [(30_000, "drop"), (45_000, "drop")], [(43_000, "noise")]])
def test_damage_on_the_line_is_repaired(machine: Machine, line: Line, tmp_path: Path,
                                        faults: list[tuple[int, str]]) -> None:
    """Behind 39,000 bytes of programs; each damaged frame goes again."""
    data = save(tmp_path, "data.bin", DATA[:9000])
    line.arm(*faults)
    run = kpupy("flash", f"{data}@0x500000", "-p", line.name, "-B", "maixduino", "--again", "--no-verify")
    assert not line.armed, "the fault did not happen"
    assert run.status == 0, run.err
    assert at(machine, 0x500000, 9000) == DATA[:9000]


def test_unplugged_in_the_middle_then_again(machine: Machine, line: Line, tmp_path: Path) -> None:
    data = save(tmp_path, "program.bin", DATA)
    line.arm((90_000, "cut"))  # behind both loaded programs, inside the first frame or the second
    run = kpupy("flash", data, "-p", line.name, "-B", "maixduino", "--json")
    assert run.status == Exit.TRANSFER, run.err
    assert "the port is gone" in run.json["error"] and "unplugged" in " ".join(run.json["hints"])
    assert run.json["state"].startswith("flash HALF-WRITTEN from 0x0 to 0x"), run.json
    run = kpupy("flash", data, "-p", line.name, "-B", "maixduino")
    assert run.status == 0, run.err
    assert image.unwrap(at(machine, 0, 80000)) == DATA


def test_power_cut_while_flashing_then_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, flash = save(tmp_path, "program.bin", DATA[:9000]), tmp_path / "board.flash"
    with Machine("maixduino", flash=flash) as machine:
        machine.boot()
        name = machine.serve("rfc2217:0")
        machine.cut_power_after(100)
        with monkeypatch.context() as patch:
            patch.setattr(engine, "WRITE_S", 4.0)  # the wait for a board that is off
            run = kpupy("flash", data, "-p", name, "-B", "maixduino", "--json")
        assert run.status == Exit.TRANSFER and "HALF-WRITTEN" in run.json["state"], run.err
        assert "is it powered?" in run.json["hints"][0]
        assert "power was cut" in str(machine.serve_error)
        assert at(machine, 5, 9000) != DATA[:9000]
    with Machine("maixduino", flash=flash) as machine:
        machine.boot()
        run = kpupy("flash", data, "-p", machine.serve("rfc2217:0"), "-B", "maixduino")
        assert run.status == 0, run.err
        assert image.unwrap(at(machine, 0, 80000)) == DATA[:9000]


def test_interrupt_leaves_the_port_free(machine: Machine, line: Line, tmp_path: Path) -> None:
    data = save(tmp_path, "program.bin", DATA * 2)
    command = subprocess_command("flash", data, "-p", line.name, "-B", "maixduino", "--json")
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=os.environ | {"PYTHONPATH": str(ROOT / "tools")})
    assert child.stderr and child.stdout
    for text in child.stderr:
        if "write program.bin" in text:
            break
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    assert child.returncode == Exit.INTERRUPTED
    assert '"interrupted"' in out and "HALF-WRITTEN" in out
    assert kpupy("verify", data, "-p", line.name, "-B", "maixduino").status == Exit.VERIFY


@pytest.mark.skipif(not FIRMWARE.is_file(), reason="no firmware is built: make firmware")
def test_a_board_that_chatters_is_flashed(line: Line, machine: Machine, tmp_path: Path) -> None:
    """A script prints SLIP borders without end while the board is being reset."""
    machine.stop_serving()
    machine.write_flash(0, FIRMWARE.read_bytes())
    machine.boot()
    machine.run_until(">>> ")
    machine.send(b"import sys\rwhile True: sys.stdout.buffer.write(b'\\xc0\\xc2\\xe0\\xc0 garbage \\xdb\\n')\r\r\r")
    machine.run(ms=20)
    name = machine.serve("rfc2217:0")
    data = save(tmp_path, "data.bin", DATA[:9000])
    run = kpupy("flash", f"{data}@0x500000", "-p", name, "-B", "maixduino", "--no-verify")
    assert run.status == 0, run.err
    assert at(machine, 0x500000, 9000) == DATA[:9000]


def test_a_smaller_flash_than_the_board_should_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part itself says how large it is: here 4 MiB."""
    with Machine("maixduino") as machine:
        machine.boot()
        name = machine.serve("rfc2217:0")
        read_id = reader.Reader.hello

        def smaller(self: reader.Reader) -> None:
            read_id(self)
            self.flash = reader.FlashId(0xEF4016, 4 << 20, self.flash.unique_id)

        monkeypatch.setattr(reader.Reader, "hello", smaller)
        model = save(tmp_path, "a.kmodel", MODEL)
        run = kpupy("flash", f"{model}@0x3ff000", "-p", name, "-B", "maixduino", "--json")
        assert run.status == Exit.REFUSED and "flash of 4 MiB ends at 0x400000" in run.json["error"]
        assert "flash unchanged" in run.json["state"]


# ---- ports that cannot be opened


def test_port_that_does_not_exist() -> None:
    run = kpupy("read", "x", "-p", "/dev/ttyNOTHERE")
    assert run.status == Exit.PORT and "/dev/ttyNOTHERE does not exist" in run.err
    run = kpupy("repl", "-p", "rfc2217://localhost:1")
    assert run.status == Exit.PORT and "nobody listens" in run.err
    assert kpupy("repl", "-p", "nosuch://x").status == Exit.PORT


def test_port_in_use_names_who() -> None:
    master, slave = os.openpty()
    name = os.ttyname(slave)
    holder = subprocess.Popen([*subprocess_command()[:1], "-c",
                               f"import serial, time; p = serial.Serial({name!r}, exclusive=True); "
                               "print('open', flush=True); time.sleep(60)"], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        run = kpupy("fs", "ls", "-p", name)
        assert run.status == Exit.PORT and f"{name} is in use by" in run.err and f"process {holder.pid}" in run.err
    finally:
        holder.kill()
        holder.wait()
        os.close(master)
        os.close(slave)


def test_no_permission() -> None:
    """As another user, since the tests may run as root."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    os.chmod(name, 0o600 if os.getuid() == 0 else 0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        text = "opened"
        try:
            ports.open_port(name).close()  # so that nothing is left to import when the rights are gone
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            ports.open_port(name)
        except ToolError as error:
            text = f"{int(error.code)} " + " ".join(error.lines())
        except BaseException as error:
            text = repr(error)
        finally:
            os.write(writing, text.encode())
            os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 4096).decode()
    for descriptor in (master, slave, reading, writing):
        os.close(descriptor)
    assert said.startswith(f"{int(Exit.PORT)} no permission to open {name}") and "usermod -aG" in said, said


def test_a_port_without_lines_says_how_to_go_on() -> None:
    master, slave = os.openpty()
    started = time.monotonic()
    run = kpupy("verify", FIRMWARE if FIRMWARE.is_file() else __file__, "-p", os.ttyname(slave))
    os.close(master)
    os.close(slave)
    assert run.status == Exit.PORT and "no reset and boot lines" in run.err and "--manual-boot" in run.err
    assert time.monotonic() - started < 5
