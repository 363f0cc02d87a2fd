"""repl, monitor, run, fs, info against the firmware on the emulated board."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from k210emu import Machine
from kpupy import terminal
from kpupy.errors import Exit
from kpupy.terminal import LEAVE, Paste, WindowsKeys
from verbs_support import FIRMWARE, ROOT, Line, kpupy, subprocess_command

pytestmark = pytest.mark.skipif(not FIRMWARE.is_file(), reason="no firmware is built: make firmware")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "tools"), "TERM": "dumb"}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine() as board:
        board.write_flash(0, FIRMWARE.read_bytes())
        board.boot()
        board.run_until(">>> ")
        yield board


@pytest.fixture
def port(machine: Machine) -> Iterator[str]:
    yield machine.serve("rfc2217:0")
    machine.stop_serving()


# A small FAT file system with one old file.
RAM_DISK = """
import os, vfs
class Ram:
    def __init__(self, n): self.data = bytearray(n * 512)
    def readblocks(self, n, b, o=0): b[:] = self.data[n * 512 + o:n * 512 + o + len(b)]
    def writeblocks(self, n, b, o=0): self.data[n * 512 + o:n * 512 + o + len(b)] = b
    def ioctl(self, op, arg): return {4: len(self.data) // 512, 5: 512}.get(op, 0)
disk = Ram(50)
vfs.VfsFat.mkfs(disk)
vfs.mount(disk, '/ram')
with open('/ram/keep', 'w') as f: f.write('old')
print(len(disk.data) // 512 - 2)
"""


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_run_shows_output_and_keeps_the_exception(port: str, tmp_path: Path) -> None:
    run = kpupy("run", "-p", port, script(tmp_path, "for i in range(3): print('line', i)\n"))
    assert (run.status, run.out) == (0, "line 0\r\nline 1\r\nline 2\r\n")
    run = kpupy("run", "-p", port, script(tmp_path, "print('before')\n{}['key']\n"))
    assert run.status == Exit.SCRIPT and run.out == "before\r\n"
    assert "Traceback" in run.err and "KeyError: key" in run.err
    assert kpupy("run", "-p", port, tmp_path / "missing.py").status == Exit.DATA


def test_run_starts_afresh_unless_told(port: str, tmp_path: Path) -> None:
    assert kpupy("run", "-p", port, script(tmp_path, "left_over = 5")).status == 0
    assert kpupy("run", "-p", port, "--no-reset", script(tmp_path, "print(left_over)")).out == "5\r\n"
    assert "NameError" in kpupy("run", "-p", port, script(tmp_path, "print(left_over)")).err


def test_run_without_following(port: str, machine: Machine, tmp_path: Path) -> None:
    ticking = script(tmp_path, "import time\nwhile 1:\n time.sleep_ms(5)\n print('tick')")
    run = kpupy("run", "-p", port, "--no-follow", ticking)
    assert run.status == 0 and run.out == ""
    shown = kpupy("monitor", "-p", port, "--timestamps", "--seconds", "0.5")
    lines = shown.out.splitlines()
    assert shown.status == 0 and len(lines) > 5 and all(line[2] == line[5] == ":" for line in lines)
    assert lines[-2].endswith(" tick")
    assert kpupy("fs", "df", "-p", port).status == 0  # Ctrl-C ends the loop


def test_files_there_and_back(port: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.bin").write_bytes(data)
    (tmp_path / "lib" / "ü'q.py").write_text("x = 1\n")
    assert kpupy("fs", "cp", "-p", port, tmp_path / "lib", ":/flash/").status == 0
    listed = {e["path"]: e["size"] for e in kpupy("fs", "ls", "/flash/lib", "-p", port, "--json").json}
    assert listed == {"/flash/lib/a.bin": len(data), "/flash/lib/ü'q.py": 6}
    assert "  a.bin (5120)" in kpupy("fs", "tree", ":/flash", "-p", port).out
    assert kpupy("fs", "cp", "-p", port, ":/flash/lib", tmp_path / "back").status == 0
    assert (tmp_path / "back" / "a.bin").read_bytes() == data
    assert kpupy("fs", "rm", "/flash/lib", "-p", port).status == Exit.DATA
    assert kpupy("fs", "rm", "-r", "/flash/lib", "-p", port).status == 0
    run = kpupy("fs", "cp", "-p", port, ":/flash/lib/a.bin", tmp_path)
    assert run.status == Exit.DATA and "/flash/lib/a.bin does not exist" in run.err
    assert kpupy("fs", "cp", "-p", port, "a", "b").status == Exit.USAGE
    assert kpupy("fs", "ls", "/nowhere", "-p", port).status == Exit.DATA


def test_sync_sends_only_what_differs(port: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.py").write_text("a = 1")
    (folder / "deep" / "er" / "b.py").write_text("b = 1")
    (folder / ".git").mkdir()
    (folder / ".git" / "no").write_text("hidden")
    first = kpupy("fs", "sync", folder, "/flash/p", "-p", port, "--json").json
    assert first == {"written": ["/flash/p/a.py", "/flash/p/deep/er/b.py"], "same": [], "removed": []}
    (folder / "a.py").write_text("a = 2")
    (folder / "deep" / "er" / "b.py").unlink()
    second = kpupy("fs", "sync", folder, "/flash/p", "-p", port, "--delete", "--json").json
    assert second["written"] == ["/flash/p/a.py"]
    assert second["removed"] == ["/flash/p/deep/er/b.py", "/flash/p/deep/er", "/flash/p/deep"]
    assert kpupy("fs", "sync", folder, "/flash/p", "-p", port, "--json").json["same"] == ["/flash/p/a.py"]


def test_a_full_file_system_keeps_the_old_file(port: str, tmp_path: Path) -> None:
    assert kpupy("run", "-p", port, script(tmp_path, RAM_DISK)).out == "48\r\n"
    big = tmp_path / "keep"
    big.write_bytes(bytes(30000))
    run = kpupy("fs", "cp", big, ":/ram/keep", "-p", port, "--json")
    assert run.status == Exit.DATA and "the file system is full: 30000 bytes to write" in run.json["error"]
    assert "unchanged" in run.json["state"]
    kpupy("fs", "cp", ":/ram/keep", tmp_path / "kept", "-p", port)
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert [e["path"] for e in kpupy("fs", "ls", "/ram", "-p", port, "--json").json] == ["/ram/keep"]


def test_info(port: str, machine: Machine) -> None:
    machine.write_flash(0x480000, b"\3" + bytes(11) + b"a model")
    told = kpupy("info", "-p", port, "--json").json
    assert told["wiring"] == "dan" and told["firmware"]["system"][0] == "MaixPy"
    assert told["firmware"]["mounts"]["/flash"]["total"] == 3 << 20
    assert told["firmware"]["models"] == [{"address": 0x480000, "format": "kmodel V3", "note": ""}]
    size = FIRMWARE.stat().st_size - 37
    assert told["flash"]["boot_image"]["length"] == size and told["flash"]["boot_image"]["valid"]
    assert told["flash"]["size"] == 16 << 20
    text = kpupy("info", "-p", port, "--no-reset").out
    assert "model         0x480000: kmodel V3" in text and "MHz" in text


# ---- a board that does not listen


def test_stuck_in_user_code(tmp_path: Path) -> None:
    """main.py catches Ctrl-C for ever: only a reset and its rescue window help, with the lines of the board."""
    with Machine() as machine:
        machine.write_flash(0, FIRMWARE.read_bytes())
        machine.boot()
        machine.run_until(">>> ")
        machine.send(b"f = open('/flash/main.py', 'w'); f.write('while True:\\n try:\\n  while True: pass\\n"
                     b" except BaseException: pass\\n'); f.close()\r")
        machine.run_until(">>> ")
        machine.boot()
        machine.run(ms=900)
        name = machine.serve("rfc2217:0")
        run = kpupy("fs", "rm", "/flash/main.py", "-p", name)
        assert run.status == 0, run.err


def test_nothing_but_silence(tmp_path: Path) -> None:
    master, slave = os.openpty()
    run = kpupy("fs", "ls", "-p", os.ttyname(slave), "--json")
    os.close(master)
    os.close(slave)
    assert run.status == Exit.NO_ANSWER and "no MicroPython prompt" in run.json["error"]
    assert any("firmware" in hint for hint in run.json["hints"])


def test_unplugged_in_a_script(machine: Machine, tmp_path: Path) -> None:
    line = Line(machine.serve("rfc2217:0"))
    child = subprocess.Popen(
        subprocess_command("run", "-p", line.name, script(tmp_path, "print('on')\nwhile 1: pass"), "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    time.sleep(4)
    line.cut()
    out, err = child.communicate(timeout=30)
    line.close()
    machine.stop_serving()
    assert child.returncode == Exit.TRANSFER and "the port is gone" in out, err


def test_interrupt_stops_the_script_and_frees_the_port(port: str, tmp_path: Path) -> None:
    child = subprocess.Popen(
        subprocess_command("run", "-p", port, script(tmp_path, "print('on')\nwhile 1: pass")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert child.stdout and child.stdout.readline() == "on\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == Exit.INTERRUPTED and "the port is free" in err
    assert kpupy("run", "-p", port, script(tmp_path, "print('next')")).out == "next\r\n"


# ---- the terminal


class Shell:
    """kpupy repl on a terminal of its own."""

    def __init__(self, port: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(subprocess_command()[0], subprocess_command("repl", "-p", port), ENVIRONMENT)
        self.seen = b""

    def wait(self, text: bytes, seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.fd], [], [], 0.2)[0]:
                self.seen += os.read(self.fd, 4096)
        self.seen = self.seen.partition(text)[2]

    def type(self, data: bytes) -> None:
        os.write(self.fd, data)

    def leave(self) -> int:
        self.type(LEAVE)
        with contextlib.suppress(OSError):
            while os.read(self.fd, 4096):
                pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def test_terminal_types_pastes_and_comes_back(machine: Machine) -> None:
    line = Line(machine.serve("rfc2217:0"))
    shell = Shell(line.name)
    shell.wait(b"Ctrl-] leaves")
    shell.type(b"\r\x03\x02print(6 * 7)\r")  # whatever mode an unplugged tool has left
    shell.wait(b"42\r\n")
    shell.type(b"\x1b[200~def f():\n    if 1:\n        return 77\n\n    return 0\nprint(f() + 1)\x1b[201~")
    shell.wait(b"paste mode")
    shell.wait(b"\r\n78\r\n")
    line.cut()
    shell.wait(b"is gone; waiting")
    shell.wait(b"is back")
    shell.type(b"\rprint(5 * 5)\r")
    shell.wait(b"25\r\n")
    assert shell.leave() == 0
    line.close()
    machine.stop_serving()


@pytest.mark.parametrize("keys,sent", [
    ([b"abc"], b"abc"),
    ([b"a\x1b[200~one line\x1b[201~b"], b"aone lineb"),
    ([b"\x1b[200~a:\r\n b\x1b[201~"], b"\x05a:\r b\x04"),
    ([b"x\x1b[200~a\n", b"b\x1b[201~y"], b"x\x05a\rb\x04y"),
])
def test_paste_becomes_paste_mode(keys: list[bytes], sent: bytes) -> None:
    paste = Paste()
    assert b"".join(paste.feed(part) for part in keys) == sent


def test_windows_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console's functions as msvcrt has them; Ctrl-C arrives as a signal."""
    typed = list("a\xe0Hü\x00?\x1d")

    class Console:
        def kbhit(self) -> bool:
            return bool(typed)

        def getwch(self) -> str:
            return typed.pop(0)

    monkeypatch.setattr(terminal, "KEY_S", 0.0)
    with WindowsKeys(Console()) as keys:
        assert [keys.read() for _ in range(6)] == [b"a", b"\x1b[A", "ü".encode(), b"", LEAVE, b""]
        os.kill(os.getpid(), signal.SIGINT)
        assert keys.read() == b"\x03"
