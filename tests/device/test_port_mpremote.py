"""Stock mpremote over the board's serial port."""

from __future__ import annotations

import hashlib
import os
import pathlib
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pytest
from kpupy.testing import PROMPT
from kpupy.testing.board import SessionBoard

Mpremote = Callable[..., str]


@pytest.fixture
def port(session_board: SessionBoard) -> Iterator[str]:
    with session_board.served() as name:
        yield name


@pytest.fixture
def mpremote(port: str, tmp_path: pathlib.Path) -> Mpremote:
    def call(*arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", port, *arguments],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            timeout=90,
            check=False,
        )
        if check:
            assert result.returncode == 0, (arguments, result.stdout, result.stderr)
        return result.stdout.decode().replace("\r\n", "\n") + ("" if check else result.stderr.decode())

    return call


def test_exec_and_eval(mpremote):
    assert mpremote("exec", "print('hello from', __import__('sys').platform)") == "hello from MaixPy\n"
    assert mpremote("eval", "sum(range(101))") == "5050\n"


def test_exec_error_is_reported(mpremote):
    assert "ZeroDivisionError" in mpremote("exec", "1/0", check=False)


def test_run_script(mpremote, tmp_path):
    (tmp_path / "s.py").write_text("import time\nfor i in range(3):\n    print(i)\n    time.sleep_ms(100)\n")
    assert mpremote("run", "s.py") == "0\n1\n2\n"


def test_files(mpremote, tmp_path):
    data = os.urandom(40_000)
    (tmp_path / "data.bin").write_bytes(data)
    mpremote("fs", "mkdir", ":/flash/dir")
    mpremote("fs", "cp", "data.bin", ":/flash/dir/data.bin")
    assert mpremote("fs", "sha256sum", ":/flash/dir/data.bin").split()[-1] == hashlib.sha256(data).hexdigest()
    assert "40000 data.bin" in mpremote("fs", "ls", ":/flash/dir")
    mpremote("fs", "cp", ":/flash/dir/data.bin", "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == data
    mpremote("fs", "cp", "-f", "data.bin", ":other.bin", "+", "fs", "ls", ":")
    mpremote("fs", "rm", ":/flash/dir/data.bin", "+", "fs", "rmdir", ":/flash/dir")
    assert "dir" not in mpremote("fs", "ls", ":/flash")


def test_directory_copy_and_tree(mpremote, tmp_path):
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    (tmp_path / "pkg" / "__init__.py").write_text("NAME = 'pkg'\n")
    (tmp_path / "pkg" / "sub" / "leaf.py").write_text("VALUE = 7\n")
    mpremote("fs", "cp", "-r", "pkg", ":")
    assert mpremote("exec", "import pkg, pkg.sub.leaf as l; print(pkg.NAME, l.VALUE)") == "pkg 7\n"
    assert "leaf.py" in mpremote("fs", "tree", ":/flash")


def test_mount_imports_from_the_host(mpremote, tmp_path):
    (tmp_path / "on_host.py").write_text("def f(): return 'imported over the wire'\n")
    (tmp_path / "big.txt").write_text("line\n" * 2000)
    out = mpremote("mount", ".", "exec", "import on_host; print(on_host.f()); print(len(open('big.txt').read()))")
    assert "imported over the wire\n10000\n" in out
    out = mpremote("mount", ".", "exec", "f = open('new.txt', 'w'); f.write('from the board'); f.close()")
    assert (tmp_path / "new.txt").read_text() == "from the board"


def test_soft_reset_and_df(mpremote):
    mpremote("exec", "x = 1")
    assert "NameError" in mpremote("exec", "print(x)", check=False)  # mpremote soft-resets first
    assert mpremote("resume", "exec", "y = 2") == ""
    assert mpremote("resume", "exec", "print(y)") == "2\n"
    assert "/flash" in mpremote("df")


def test_repl_session(port):
    """mpremote's terminal, as a person would use it."""
    if "://" in port:
        pytest.skip(f"mpremote's terminal waits with select(), for which {port} is no file")
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "mpremote", "connect", port, "repl"], stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)

    def expect(text: bytes) -> None:
        seen = b""
        while text not in seen:
            assert select.select([master], [], [], 30)[0], seen
            seen += os.read(master, 1024)

    try:
        expect(b"Use Ctrl-]")
        # mpremote says so before it makes the terminal raw; a key pressed earlier would arrive as another character.
        while termios.tcgetattr(master)[3] & termios.ICANON:
            assert child.poll() is None
            time.sleep(0.01)
        os.write(master, b"\r")
        expect(PROMPT)
        os.write(master, b"6 * 7\r")
        expect(b"42\r\n")
        os.write(master, b"\x1d")
        assert child.wait(timeout=30) == 0
    finally:
        child.kill()
        os.close(master)
