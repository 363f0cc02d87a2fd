"""UARTHS through the API, a pty, TCP, RFC 2217 and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import serial
from emu_support import assemble
from k210emu import EmulationError, Machine


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(harts=1) as board:
        board.load(0x80000000, assemble("echo"))
        board.start()
        yield board


def test_run_until_and_read_new(machine: Machine) -> None:
    assert machine.run_until("ready") == b"ready"
    machine.send(b"hello\n")
    assert machine.run_until("!") == b"\nhello\n!"
    assert machine.read_new() == b""
    machine.send(b"abc")
    machine.run_until_idle()
    assert machine.read_new() == b"abc"
    assert machine.output == b"ready\nhello\n!abc"


def test_text_that_was_sent_already_is_found(machine: Machine) -> None:
    machine.run(ms=5)
    before = machine.cycles
    assert machine.run_until("ready\n") == b"ready\n"
    assert machine.cycles == before


def test_run_until_names_what_did_not_come(machine: Machine) -> None:
    with pytest.raises(EmulationError, match=r"b'nothing' did not come within 3 ms .*output ends b'ready\\n'"):
        machine.run_until("nothing", timeout_ms=3)


def test_bytes_take_the_time_of_their_baud_rate(machine: Machine) -> None:
    machine.run_until("ready\n")
    machine.run_until_idle()
    begin = machine.now_ms
    machine.send(b"x" * 115 + b"\n")
    machine.run_until("!")
    frames = 117 + 1  # one frame in, then each echo ends a frame behind its byte; '!' is the last
    assert machine.now_ms - begin == pytest.approx(frames * 10 / 115.2, rel=0.02)


def test_long_input_is_queued_not_lost(machine: Machine) -> None:
    machine.run_until("ready\n")
    data = bytes(i % 26 + 97 for i in range(5000))
    machine.send(data + b"\n")
    assert machine.run_until("!", timeout_ms=2000) == data + b"\n!"


def talk(port: str) -> None:
    with serial.serial_for_url(port, baudrate=115200, timeout=5) as client:
        client.write(b"over the port\n")
        assert client.read_until(b"!").endswith(b"over the port\n!")
        data = bytes(range(32, 127)) * 20
        client.write(data + b"\n")
        assert client.read_until(b"!\n" if b"!" not in data else data + b"\n!").endswith(data + b"\n!")


@pytest.mark.parametrize("port", ["pty", "tcp:localhost:0", "rfc2217:0"])
def test_pyserial_talks_to_the_port(machine: Machine, port: str) -> None:
    name = machine.serve(port)
    assert machine.port == name
    for _ in range(2):  # clients may come and go
        talk(name)
    machine.stop_serving()
    assert machine.port is None and machine.serve_error is None
    machine.send(b"z")
    machine.run(ms=1)  # the machine is the caller's again
    assert machine.output.endswith(b"z")


def test_all_byte_values_pass_the_pty_raw(machine: Machine) -> None:
    with serial.serial_for_url(machine.serve(), baudrate=115200, timeout=5) as client:
        client.read_until(b"ready\n", 7)
        values = bytes(i for i in range(256) if i & 0x7F != 10)
        client.write(values)
        expected = bytes(i & 0x7F for i in values)
        assert client.read(len(expected)) == expected


def test_virtual_time_follows_wall_time_while_asleep(machine: Machine) -> None:
    machine.run_until("ready\n")
    machine.run_until_idle()
    machine.serve()
    begin_wall, begin = time.monotonic(), machine.now_ms
    time.sleep(0.4)
    ratio = (machine.now_ms - begin) / (1e3 * (time.monotonic() - begin_wall))
    assert 0.5 < ratio < 1.5


def test_pace_holds_a_busy_machine_back() -> None:
    with Machine(harts=1) as board:
        board.load(0x80000000, bytes.fromhex("01a0"))  # j .
        board.start()
        board.serve(pace=True)
        begin_wall, begin = time.monotonic(), board.now_ms
        time.sleep(0.4)
        assert (board.now_ms - begin) / (1e3 * (time.monotonic() - begin_wall)) < 1.2


@pytest.mark.parametrize("port", ["usb", "tcp:", "tcp:localhost:99999", "rfc2217:x"])
def test_wrong_ports_are_named(machine: Machine, port: str) -> None:
    with pytest.raises(ValueError, match="is not 'pty'"):
        machine.serve(port)


def command(root, *arguments: str, **options) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(root / "tools")}
    return subprocess.run([sys.executable, "-m", "k210emu", *arguments], env=environment, capture_output=True,
                          timeout=120, **options)


def test_command_line(root, tmp_path) -> None:
    firmware = tmp_path / "echo.bin"
    firmware.write_bytes(assemble("echo"))
    done = command(root, "--firmware", str(firmware), "--exit-on", "ready", "--json", str(tmp_path / "state.json"))
    assert done.returncode == 0 and done.stdout.startswith(b"ready"), done.stderr
    assert '"uarths"' in (tmp_path / "state.json").read_text()
    done = command(root, "--firmware", str(firmware), "--exit-on", "never", "--timeout", "0.05")
    assert done.returncode == 1
    done = command(root, "--firmware", str(firmware), "--console", "--exit-on", "piped\n!", input=b"piped\n")
    assert done.returncode == 0 and done.stdout.endswith(b"piped\n!"), (done.stdout, done.stderr)
    done = command(root, "--firmware", str(tmp_path / "missing.bin"))
    assert done.returncode == 2 and b"missing.bin" in done.stderr
    done = command(root, "--model", "no-address")
    assert done.returncode == 2 and b"is not FILE@ADDRESS" in done.stderr
    done = command(root, "--console", "--port", "pty")
    assert done.returncode == 2


def test_model_lands_in_flash(root, tmp_path) -> None:
    model, flash = tmp_path / "m.kmodel", tmp_path / "flash.bin"
    model.write_bytes(b"KMODEL")
    command(root, "--flash", str(flash), "--model", f"{model}@0x300000", "--timeout", "0.001")
    assert flash.read_bytes()[0x300000:0x300006] == b"KMODEL"


def test_console_on_a_terminal_and_the_key_that_leaves_it(root, tmp_path) -> None:
    firmware = tmp_path / "echo.bin"
    firmware.write_bytes(assemble("echo"))
    master, slave = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(root / "tools")}
    process = subprocess.Popen([sys.executable, "-m", "k210emu", "--firmware", str(firmware), "--console"],
                               env=environment, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
    seen = b""
    deadline = time.monotonic() + 60
    while b"ready" not in seen and time.monotonic() < deadline:
        seen += os.read(master, 100)
    os.write(master, b"typed\n")
    while b"typed\n!" not in seen and time.monotonic() < deadline:
        seen += os.read(master, 100)
    os.write(master, b"\x1d")
    assert process.wait(timeout=20) == 0
    os.close(master)
    os.close(slave)
