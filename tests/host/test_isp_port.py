"""Modem lines and rates through real ports: a pty with the preload library, RFC 2217, TCP; the launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from emu_support import assemble
from isp_support import ENTER, GREETING, LEAVE, reply
from k210emu import Machine
from k210emu.build import modem_library
from k210emu.cli import flash_image

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the preload library is for Linux")


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(flash=flash_image(assemble("echo")), wiring="dan") as board:
        board.boot()
        board.run_until("ready\n")
        yield board


def script(machine: Machine, text: str) -> subprocess.Popen[str]:
    """A client with the preload library; `port` is open in it."""
    head = "import fcntl, os, serial, struct, sys, termios, time\n" \
           f"port = serial.Serial({machine.port!r}, 115200, timeout=3)\n"
    return subprocess.Popen([sys.executable, "-c", head + textwrap.dedent(text)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env={**os.environ, **machine.port_environment}, text=True)


def output(machine: Machine, text: str) -> str:
    done = script(machine, text).communicate(timeout=30)[0]
    return done.strip()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def boot_note(machine: Machine) -> str:
    return str(machine.state()["boot"])


@linux_only
def test_lines_are_set_and_read_back(machine: Machine) -> None:
    machine.serve()
    assert output(machine, """
        def lines():
            bits = struct.unpack("I", fcntl.ioctl(port.fd, termios.TIOCMGET, bytes(4)))[0]
            return bits & termios.TIOCM_DTR != 0, bits & termios.TIOCM_RTS != 0
        print(lines(), port.cts, port.dsr, port.cd)
        port.dtr = False
        print(lines())
        port.rts = False
        print(lines())
        fcntl.ioctl(port.fd, termios.TIOCMSET, struct.pack("I", termios.TIOCM_RTS))
        print(lines())
    """).splitlines() == ["(True, True) True True False", "(False, True)", "(False, False)", "(False, True)"]


@linux_only
def test_isp_and_back_through_the_preload_library(machine: Machine) -> None:
    machine.serve()
    steps = "".join("time.sleep(0.1)\n" if step is None else f"port.{step[0]} = {bool(step[1])}\n"
                    for step in ENTER["dan"])
    assert output(machine, f"{steps}port.reset_input_buffer()\nport.write({GREETING!r})\nprint(port.read(4).hex())\n"
                  ) == "c0c2e0c0"
    wait(lambda: boot_note(machine) == "IO16 is low")
    steps = steps.replace("port.dtr = True", "port.dtr = False")  # the last step boots instead
    assert output(machine, f"{steps}print(port.read_until(b'ready'))") == "b'ready'"
    assert boot_note(machine).startswith("booted") and machine.serve_error is None


@linux_only
@pytest.mark.parametrize("end", [
    "port.close(); time.sleep(60)", "os.kill(os.getpid(), 9)", "os.dup2(1, port.fd); time.sleep(60)"],
                         ids=["close", "killed", "replaced"])
def test_the_last_close_drops_the_lines(machine: Machine, end: str) -> None:
    machine.serve()
    client = script(machine, f"port.dtr = False\nprint('held', flush=True)\nsys.stdin.read(0)\n{end}\n")
    assert client.stdout is not None and client.stdout.readline() == "held\n"
    wait(lambda: boot_note(machine).startswith("booted") and machine.output.endswith(b"ready\nready\n"))
    client.kill()
    client.communicate()


@linux_only
def test_a_second_open_or_copy_keeps_the_lines(machine: Machine) -> None:
    machine.serve()
    assert output(machine, f"""
        port.rts = False
        other = os.open({machine.port!r}, os.O_RDWR | os.O_NOCTTY)
        copy = os.dup(other)
        os.close(other)
        port.close()
        print(struct.unpack("I", fcntl.ioctl(copy, termios.TIOCMGET, bytes(4)))[0] & 6 == termios.TIOCM_DTR)
    """) == "True"


@linux_only
def test_rates_are_kept_apart(machine: Machine) -> None:
    machine.serve()
    assert output(machine, r"""
        port.write(b"right\n")
        print(port.read_until(b"!"))
        port.timeout = 0.3
        for rate in (9600, 1500000, 250):
            port.baudrate = rate
            port.write(b"wrong\n")
            print(port.read(1))
        port.baudrate, port.timeout = 115200, 3
        port.write(b"right again\n")
        print(port.read_until(b"!"))
    """).splitlines() == [r"b'right\n!'", "b''", "b''", "b''", r"b'right again\n!'"]


@linux_only
def test_what_was_sent_to_nobody_is_gone(machine: Machine) -> None:
    machine.serve()
    machine.send(b"before the open\n")
    wait(lambda: machine.output.endswith(b"open\n!"))
    assert output(machine, r"""
        port.write(b"after\n")
        print(port.read_until(b"!"))
    """) == r"b'after\n!'"


@linux_only
def test_a_vanished_board_is_an_input_output_error(machine: Machine) -> None:
    machine.serve()
    client = script(machine, """
        print("open", flush=True)
        for _ in range(100):
            time.sleep(0.05)
            try:
                port.dtr = not port.dtr
            except OSError as error:
                print(error.errno)
                break
    """)
    assert client.stdout is not None and client.stdout.readline() == "open\n"
    machine.stop_serving()
    assert client.communicate(timeout=20)[0].strip() == "5"


@linux_only
def test_other_files_and_terminals_are_left_alone(machine: Machine) -> None:
    machine.serve()
    assert output(machine, """
        master, slave = os.openpty()
        other = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY)
        for file in (other, os.open("/dev/null", os.O_RDWR)):
            try:
                fcntl.ioctl(file, termios.TIOCMGET, bytes(4))
            except OSError as error:
                print(error.errno)
        print(open(__import__("tempfile").mktemp(), "w").write("text"))
    """).splitlines() == ["25", "25", "4"]


def test_a_bare_pty_has_no_lines_and_works(machine: Machine) -> None:
    with serial.Serial(machine.serve(), 115200, timeout=3) as client:
        client.write(b"plain\n")
        assert client.read_until(b"!").endswith(b"plain\n!")
        with pytest.raises(OSError, match="Errno 25"):
            client.dtr = True


def test_symbolic_link(machine: Machine, tmp_path: Path) -> None:
    link = tmp_path / "board"
    link.symlink_to("/dev/pts/nothing")  # left by an emulator that was killed
    assert machine.serve(f"pty:{link}") == str(link)
    with serial.Serial(str(link), 115200, timeout=3) as client:
        client.write(b"linked\n")
        assert client.read_until(b"!").endswith(b"linked\n!")
    machine.stop_serving()
    assert not link.is_symlink()
    link.write_text("mine")
    with pytest.raises(FileExistsError):
        machine.serve(f"pty:{link}")
    assert link.read_text() == "mine"


def test_rfc2217_carries_lines_and_rates(machine: Machine) -> None:
    with serial.serial_for_url(machine.serve("rfc2217:0"), baudrate=115200, timeout=3) as client:
        client.write(b"hello\n")
        assert client.read_until(b"!").endswith(b"hello\n!")
        for step in ENTER["dan"]:
            if step is None:
                time.sleep(0.1)
            else:
                setattr(client, step[0], bool(step[1]))
        client.reset_input_buffer()  # the first step resets for a moment: the program has started meanwhile
        client.write(GREETING)
        assert client.read(4) == reply(0xC2)
        client.baudrate = 1_500_000
        client.timeout = 0.3
        client.write(GREETING)
        assert client.read(4) == b""
        client.baudrate = 115200
        client.timeout = 3
        client.write(GREETING)
        assert client.read(4) == reply(0xC2)
        for step in LEAVE["dan"]:
            if step is None:
                time.sleep(0.1)
            else:
                setattr(client, step[0], bool(step[1]))
        assert client.read_until(b"ready\n").endswith(b"ready\n")


def test_rfc2217_disconnect_releases_reset(machine: Machine) -> None:
    with serial.serial_for_url(machine.serve("rfc2217:0"), baudrate=115200, timeout=3) as client:
        client.dtr = False  # RTS alone: reset
        wait(lambda: not machine.port_queued)
    wait(lambda: machine.output.endswith(b"ready\nready\n"))


def test_tcp_is_a_console_without_lines(machine: Machine) -> None:
    with serial.serial_for_url(machine.serve("tcp:localhost:0"), timeout=3) as client:
        client.dtr = False
        client.write(b"hello\n")
        assert client.read_until(b"!").endswith(b"hello\n!")


@linux_only
def test_launcher_prints_what_a_client_needs(root: Path, tmp_path: Path) -> None:
    firmware, link = tmp_path / "echo.bin", tmp_path / "port"
    firmware.write_bytes(assemble("echo"))
    command = [sys.executable, "-m", "k210emu", "--firmware", str(firmware), "--serve", "--port", f"pty:{link}",
               "--wiring", "goE"]
    emulator = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root / "tools")}, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert emulator.stdout is not None
    assert emulator.stdout.readline().strip() == str(link)
    assert emulator.stdout.readline().strip() == f"LD_PRELOAD={modem_library()}"
    steps = "".join("time.sleep(0.1)\n" if step is None else f"port.{step[0]} = {bool(step[1])}\n"
                    for step in ENTER["goE"])
    text = f"import serial, time\nport = serial.Serial({str(link)!r}, 115200, timeout=3)\n{steps}" \
           f"port.reset_input_buffer()\nport.write({GREETING!r})\nprint(port.read(4).hex())\n"
    done = subprocess.run([sys.executable, "-c", text], env={**os.environ, "LD_PRELOAD": str(modem_library())},
                          capture_output=True, text=True, timeout=30)
    assert done.stdout == "c0c2e0c0\n", done.stderr
    emulator.send_signal(signal.SIGINT)
    assert emulator.wait(timeout=20) == 0 and not link.is_symlink()
    emulator.communicate()
