"""The pytest plugin on boards behind serial ports: emulated ones in other processes."""

from __future__ import annotations

import pathlib
import re

import pytest
from hil_support import run_inside, run_outside, served
from kpupy.testing import BoardLost, Dut, SerialLink
from kpupy.testing.board import PortBoard, open_board
from kpupy.testing.targets import Lock, Target, choose, parse

pytest_plugins = ["pytester"]

TESTS = """
    import pytest

    def twice(x):
        return x * 2

    def test_everything(dut, tmp_path):
        assert dut.eval("__import__('os').listdir('/flash')") == []
        assert dut.call(twice, "ab") == "abab"
        dut.put(b"\\x00\\xff" * 2000, "/flash/a")
        assert dut.get("/flash/a") == b"\\x00\\xff" * 2000
        assert dut.read_memory(0x80000004, 4) == (0xDEADBEEF).to_bytes(4, "little")
        dut.put(b"while True: pass", "/flash/main.py")
        dut.hard_reset()
        dut.expect(r"init end")

    def test_a_looping_main_of_the_test_before_is_gone(dut):
        assert dut.eval("__import__('os').listdir('/flash')") == []
        dut.exec_start("import machine; machine.mem32[0x90000000]")
        assert dut.read_crash()["reason"] == "fault load"

    @pytest.mark.emulator
    def test_inside(dut): raise AssertionError("must not run")
"""


@pytest.mark.parametrize("port", ["rfc2217:0", "tcp:localhost:0", "pty"])
def test_same_tests_on_every_kind_of_port(
    pytester: pytest.Pytester, firmware_path: pathlib.Path, tmp_path: pathlib.Path, port: str
) -> None:
    source = TESTS
    if port != "rfc2217:0":  # without lines a loop with the interrupt off could not be left; Ctrl-C leaves this one
        source = source.replace("while True: pass", "while True: pass  # no lines")
    pytester.makepyfile(source)
    with served(tmp_path / "flash", firmware_path.read_bytes(), port) as board:
        result = run_inside(pytester, firmware_path, f"--target={board.port}")
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines([f"target: {board.port} (maix_bit)"])


def test_a_hostile_main_is_left_by_the_reset_line(firmware: bytes, tmp_path: pathlib.Path) -> None:
    with served(tmp_path / "flash", firmware) as served_board:
        board = open_board(parse(served_board.port, "maix_bit")[0], firmware)
        assert isinstance(board, PortBoard)
        with board.started() as dut:
            dut.put(b"import micropython\nmicropython.kbd_intr(-1)\nwhile True: pass", "/flash/main.py")
            dut.hard_reset()
        with board.started() as dut:
            assert dut.eval("__import__('os').listdir('/flash')") == []
        assert not board.flashed
        board.close()


def test_files_and_blank_board(firmware: bytes, tmp_path: pathlib.Path) -> None:
    with served(tmp_path / "flash", firmware) as served_board:
        board = open_board(parse(served_board.port, "maix_bit")[0], firmware)
        with board.started(files={"a.txt": b"here"}) as dut:
            assert dut.eval("open('a.txt').read()") == "here"
        with board.blank() as dut:
            assert "making one" in dut.boot()
        board.close()


def test_other_firmware_is_replaced_once(firmware: bytes, tmp_path: pathlib.Path) -> None:
    """The board runs something that is no firmware of ours; the session flashes it through the boot ROM."""
    with served(tmp_path / "flash", b"\xff" * 4096) as served_board:
        board = open_board(parse(served_board.port, "maix_bit")[0], firmware)
        assert isinstance(board, PortBoard)
        model = b"a model at its address" * 100
        for _ in range(2):
            with board.started(models={0x300000: model}) as dut:
                assert dut.eval("1 + 1") == 2
        assert board.flashed
        board.close()
    flash = (tmp_path / "flash").read_bytes()
    assert flash[: len(firmware)] == firmware and flash[0x300000:][: len(model)] == model


def test_a_board_lost_in_the_middle_ends_the_run(
    pytester: pytest.Pytester, firmware_path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pytester.makepyfile("""
        import os, signal

        def test_before(dut): assert dut.eval("1") == 1

        def test_unplugged(dut):
            dut.exec("print('last words')")
            os.kill(int(os.environ["BOARD_PROCESS"]), signal.SIGKILL)
            dut.exec("while True: pass", timeout_ms=20_000)

        def test_after(dut): pass
    """)
    with served(tmp_path / "flash", firmware_path.read_bytes()) as board, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOARD_PROCESS", str(board.process.pid))
        result = run_inside(pytester, firmware_path, f"--target={board.port}", "--hil-report=page.html")
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert re.search(r"stopping after|the board is gone in .*test_unplugged: rfc2217://", text)
    assert "last words" in text and "BoardLost" in text
    assert "1 failed" in (pytester.path / "page.html").read_text()


def test_a_list_of_boards_for_parallel_workers(
    pytester: pytest.Pytester, firmware_path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("n", range(6))
        def test_it(dut, n):
            assert dut.eval("1 + 1") == 2
            with open("ports", "a") as file:
                file.write(dut.link.name + "\\n")

        @pytest.mark.camera
        def test_camera(dut): raise AssertionError("the second board has none")

        @pytest.mark.lcd
        def test_display(dut): pass
    """)
    firmware = firmware_path.read_bytes()
    with served(tmp_path / "a", firmware) as first, served(tmp_path / "b", firmware) as second:
        (pytester.path / "list.toml").write_text(
            f'[[board]]\nname = "first"\nport = "{first.port}"\nfeatures = ["camera", "lcd"]\n'
            f'[[board]]\nname = "second"\nport = "{second.port}"\nboard = "bit"\nfeatures = ["lcd"]\n'
        )
        result = run_outside(pytester, firmware_path, "--target=list.toml", "-n", "auto")
        too_many = run_outside(pytester, firmware_path, "--target=list.toml", "-n", "3")
    result.assert_outcomes(passed=7)
    assert set((pytester.path / "ports").read_text().split()) == {first.port, second.port}
    result.stdout.fnmatch_lines(["*2 workers*", "deselected 1: needs a camera; second (maix_bit) has none"])
    assert "-n 3, but --target has 2 boards: use -n 2" in too_many.stderr.str()


def test_a_busy_board_is_not_shared(
    pytester: pytest.Pytester, firmware_path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pytester.makepyfile("def test_it(dut): pass")
    port = f"socket://localhost:{1}"
    lock = Lock(parse(port, "maix_bit")[0])
    assert lock.take()
    result = run_outside(pytester, firmware_path, f"--target={port}")
    lock.release()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*no free board: {port} is used by process *"])


def test_a_free_board_is_chosen() -> None:
    targets = [Target("socket://localhost:2", "a", "maix_bit"), Target("socket://localhost:3", "b", "maix_bit")]
    first, lock = choose(targets, 1)
    assert first.name == "b" and lock
    second, other = choose(targets, 1)
    assert second.name == "a" and other
    lock.release()
    other.release()


def test_no_port_is_an_error_with_its_name(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile("def test_it(dut): pass\ndef test_next(dut): pass")
    result = run_inside(pytester, firmware_path, "--target=/dev/ttyNONE")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*BoardLost*/dev/ttyNONE*No such file*"])


def test_output_between_reads_is_kept(firmware: bytes, tmp_path: pathlib.Path) -> None:
    with served(tmp_path / "flash", firmware, "pty") as board:
        dut = Dut(SerialLink(board.port))
        dut.write(b"\r\x03\x03\x01")
        dut.expect_exact(b"raw REPL; CTRL-B to exit\r\n>")
        dut.write(b"for i in range(3000): print('line', i)\x04")
        dut.run(3000)
        lines = [line for line in dut.log.decode().splitlines() if re.fullmatch(r"(>?OK)?line \d+", line)]
        assert len(lines) == 3000
        dut.close()
        with pytest.raises(BoardLost):
            SerialLink("/dev/ttyNONE")
