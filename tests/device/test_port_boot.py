"""Boot order, user files, soft reset, rescue."""

from __future__ import annotations

import pytest


def put(dut, name: str, text: str) -> None:
    dut.exec(f"with open({name!r}, 'w') as f: f.write({text!r})")


def test_boot_runs_boot_then_main(dut):
    put(dut, "/flash/boot.py", "print('in boot'); x = 1")
    put(dut, "/flash/main.py", "import os; print('in main', x, os.getcwd())")
    text = dut.boot()
    assert text.index("init end") < text.index("in boot\r\n") < text.index("in main 1 /flash\r\n") < text.index(">>> ")
    # Names of main.py stay for the REPL, as upstream.
    dut.write(b"print('x is', x)\r")
    assert b"x is 1" in dut.read_until(b">>> ")


def test_soft_reset_runs_them_again_and_forgets_names(dut):
    put(dut, "/flash/main.py", "print('main', 'y' in globals()); y = 1")
    assert "main False" in dut.boot()
    text = dut.soft_reset()
    assert "main False" in text


def test_soft_reset_from_raw_mode_skips_main(dut):
    put(dut, "/flash/boot.py", "print('booted')")
    put(dut, "/flash/main.py", "while True: pass")
    dut.enter_raw()
    dut.write(b"\x04")
    text = dut.read_until(b"raw REPL; CTRL-B to exit\r\n>")
    assert b"OK\r\n[MaixPy]: soft reboot\r\n" in text and b"booted" in text


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1/0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
        ("import nothing_here", "ImportError"),
        ("'\\x00\\xff'; \x00", ""),
    ],
)
def test_errors_in_user_files_reach_the_prompt(dut, name, code, message):
    put(dut, f"/flash/{name}", code)
    text = dut.boot()
    assert (message in text and name in text) or not message
    assert dut.eval("1 + 1") == 2


def test_system_exit_in_main_is_a_soft_reset(dut):
    code = """import os
if 'again' not in os.listdir():
    open('again', 'w').close()
    raise SystemExit
print('second')"""
    put(dut, "/flash/main.py", code)
    text = dut.boot()
    assert text.index("soft reboot") < text.index("second")


def test_looping_main_is_interrupted_by_ctrl_c(dut):
    put(dut, "/flash/main.py", "print('loop')\nwhile True: pass")
    dut.hard_reset()
    dut.read_until(b"loop\r\n")
    dut.write(b"\x03")
    assert b"KeyboardInterrupt" in dut.read_until(b">>> ")


HOSTILE = "import micropython; micropython.kbd_intr(-1); print('hostile')\nwhile True: pass"


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
def test_ctrl_c_after_reset_skips_even_a_hostile_file(dut, name):
    put(dut, f"/flash/{name}", HOSTILE)
    dut.hard_reset()
    dut.read_until(b"init end\r\n")
    dut.write(b"\x03")
    text = dut.read_until(b">>> ")
    assert b"boot.py and main.py skipped" in text and b"hostile" not in text
    dut.exec(f"import os; os.remove('/flash/{name}')")
    assert "hostile" not in dut.boot()


@pytest.mark.emulator
def test_boot_key_after_reset_skips_user_files(dut):
    put(dut, "/flash/main.py", HOSTILE)
    dut.hard_reset()
    dut.read_until(b"init end\r\n")
    dut.machine.pad(16).drive(False)
    text = dut.read_until(b">>> ")
    dut.machine.pad(16).release()
    assert b"skipped" in text and b"hostile" not in text


def test_soft_reset_runs_finalisers_and_returns_memory(dut):
    dut.exec("import kpupy")
    before = dut.eval("__import__('kpupy').heap().free")
    put(dut, "/flash/f.txt", "")
    # An open file has a finaliser that flushes: its text must be there after the soft reset.
    dut.write(b"\x02")
    dut.read_until(b">>> ")
    dut.write(b"f = open('/flash/f.txt', 'w'); n = f.write('kept by the finaliser'); big = bytearray(1 << 20)\r")
    dut.read_until(b">>> ")
    dut.soft_reset()
    assert dut.eval("open('/flash/f.txt').read()") == "kept by the finaliser"
    assert dut.eval("__import__('kpupy').heap().free") == before


def test_twenty_soft_resets_do_not_leak(dut):
    before = dut.eval("__import__('kpupy').heap()[:]")
    for _ in range(20):
        dut.exec("a = [bytearray(50000) for _ in range(10)]")
        dut.soft_reset()
    assert dut.eval("__import__('kpupy').heap()[:]") == before


def test_machine_reset_and_cause(dut):
    assert dut.eval("__import__('machine').reset_cause() == __import__('machine').PWRON_RESET") is True
    dut.exec_start("import machine; print('going'); machine.reset()")
    dut.read_until(b"going\r\n")
    dut.read_until(b">>> ")
    assert dut.eval("__import__('machine').reset_cause() == __import__('machine').SOFT_RESET") is True


def test_machine_soft_reset(dut):
    dut.write(b"import machine; machine.soft_reset()\r")
    dut.read_until(b"soft reboot\r\n")
    dut.read_until(b">>> ")
