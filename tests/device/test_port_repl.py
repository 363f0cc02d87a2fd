"""REPL: friendly, raw and raw-paste modes, interrupts, help and banner."""

from __future__ import annotations

import textwrap

import pytest


def test_banner_names_version_and_board(blank_board):
    text = blank_board.boot(timeout_ms=20_000)
    assert "[MaixPy] init end\r\n" in text
    assert "MicroPython v1." in text
    assert "; Sipeed_M1 with kendryte-k210\r\n" in text
    assert 'Type "help()" for more information.' in text


@pytest.mark.emulator
def test_prompt_within_150_ms_of_reset(dut):
    start = dut.now_ms
    dut.hard_reset()
    begin = dut.now_ms if dut.now_ms < start else start
    dut.read_until(b">>> ")
    assert dut.now_ms - begin <= 150


def test_friendly_repl_evaluates_and_indents(dut):
    dut.write(b"for i in range(3):\r")
    dut.read_until(b"... ")
    dut.write(b"print('n', i * 7)\r")
    dut.read_until(b"... ")
    dut.write(b"\x7f\r")
    assert b"n 0\r\nn 7\r\nn 14\r\n" in dut.read_until(b">>> ")


def test_tab_completion(dut):
    dut.write(b"import machine\r")
    dut.read_until(b">>> ")
    dut.write(b"machine.uniq\t")
    assert b"ue_id" in dut.read_until(b"ue_id")


def test_paste_mode(dut):
    dut.write(b"\x05")
    dut.read_until(b"=== ")
    dut.write(b"def f(x):\r    return x * 2\r\rprint('paste', f(21))\r\x04")
    assert b"paste 42" in dut.read_until(b">>> ")


def test_help_and_modules(dut):
    assert "kpupy.heap()" in dut.exec("help()")
    modules = dut.exec("help('modules')").split()
    wanted = "kpupy machine os time gc json struct binascii hashlib re select asyncio/__init__ math random"
    for name in wanted.split():
        assert name in modules, name


def test_names_with_u(dut):
    names = "utime uos ustruct ujson ubinascii uhashlib ure urandom uio ucollections uerrno uheapq uselect"
    for name in names.split():
        assert dut.exec(f"import {name}; print({name}.__name__)") == name[1:] + "\n"
    assert dut.exec("import uctypes, uarray, usys") == ""


def test_raw_repl_separates_output_and_error(dut):
    dut.enter_raw()
    dut.write(b"print('out')\n1/0\x04")
    assert dut.read_until(b"OK") == b"OK"
    assert dut.read_until(b"\x04") == b"out\r\n\x04"
    error = dut.read_until(b"\x04")
    assert b"ZeroDivisionError: " in error and b'File "<stdin>", line 2' in error


def raw_paste(dut, code: bytes) -> None:
    """Send code the way mpremote does, obeying the window (spec isp-flash.md 13.2)."""
    dut.enter_raw()
    dut.write(b"\x05A\x01")
    answer = dut.read_until(b"R\x01")
    assert answer == b"R\x01"
    while len(dut.pending) < 2:
        dut.run(1)
    window = int.from_bytes(dut.pending[:2], "little")
    dut.pending = dut.pending[2:]
    assert window >= 128
    room = window
    position = 0
    while position < len(code):
        while room == 0:
            dut.run(1)
            room += window * dut.pending.count(b"\x01")
            assert b"\x04" not in dut.pending, "the board stopped the transfer"
            dut.pending = dut.pending.replace(b"\x01", b"")
        piece = code[position : position + room]
        dut.write(piece)
        room -= len(piece)
        position += len(piece)
    dut.write(b"\x04")
    dut.read_until(b"\x04")


def test_raw_paste_of_a_large_script(dut):
    # 100 KB: larger than every buffer on the way; most of it a comment-free table so that nothing can be dropped.
    values = [(i * 7919) % 100_003 for i in range(12_000)]
    lines = [f"t.extend(({','.join(map(str, values[i : i + 20]))}))" for i in range(0, len(values), 20)]
    code = "t=[]\n" + "\n".join(lines) + "\nprint(len(t), sum(t), sum(i * v for i, v in enumerate(t)))\n"
    raw_paste(dut, code.encode())
    output = dut.exec_finish(timeout_ms=60_000)
    assert output.split() == [str(len(values)), str(sum(values)), str(sum(i * v for i, v in enumerate(values)))]


def test_raw_paste_can_be_cancelled(dut):
    dut.enter_raw()
    dut.write(b"\x05A\x01")
    dut.read_until(b"R\x01")
    dut.write(b"x = 1\n\x03")
    dut.run(50)
    assert dut.eval("2 + 3") == 5


INTERRUPTIBLE = {
    "busy loop": "while True: pass",
    "loop that catches Exception": """
        while True:
            try:
                x = 1
            except Exception:
                pass
        """,
    "sleep": "import time\ntime.sleep(1000)",
    "sleep_ms": "import time\ntime.sleep_ms(1000000)",
    "sleep_us": "import time\ntime.sleep_us(1000000000)",
    "input": "input('?')",
    "printing": "while True: print('x' * 100)",
    "select": "import select, sys\np = select.poll()\np.register(sys.stdin, select.POLLIN)\np.poll(1000000)",
    "asyncio": "import asyncio\nasync def main(): await asyncio.sleep(1000)\nasyncio.run(main())",
    "long sort": "l = list(range(20000))\nwhile True: l.sort(key=lambda x: -x)",
}


@pytest.mark.parametrize("name", INTERRUPTIBLE)
def test_ctrl_c_interrupts(dut, name):
    code = textwrap.dedent(INTERRUPTIBLE[name])
    dut.exec_start(code)
    dut.run(50)
    pressed = dut.now_ms
    dut.write(b"\x03")
    dut.read_until(b"KeyboardInterrupt: ", timeout_ms=2_000)
    # 1 KB of output may still be on the line at 11.5 bytes per ms.
    assert dut.now_ms - pressed < 200
    assert dut.eval("6 * 7") == 42


def test_keyboard_interrupt_can_be_caught(dut):
    dut.exec_start("import time\ntry:\n    time.sleep(100)\nexcept KeyboardInterrupt:\n    print('caught')")
    dut.run(20)
    dut.write(b"\x03")
    assert dut.exec_finish() == "caught\n"


def test_kbd_intr_off_makes_ctrl_c_a_character(dut):
    dut.exec_start(
        "import micropython, sys\nmicropython.kbd_intr(-1)\nc = sys.stdin.read(1)\n"
        "micropython.kbd_intr(3)\nprint(ord(c))"
    )
    dut.run(20)
    dut.write(b"\x03")
    assert dut.exec_finish() == "3\n"


def test_typing_ahead_while_busy_is_not_lost(dut):
    dut.exec_start("import time\ntime.sleep_ms(300)\nprint(input())")
    dut.run(5)
    line = "z" * 3000
    dut.write(line.encode() + b"\r")
    dut.run(350)
    assert line in dut.exec_finish().replace("\n", "")
