"""machine and time."""

from __future__ import annotations

import hashlib

import pytest
from kpupy.testing import ExecError

CPU_HZ = 26_000_000 * 31 // 2  # what the PLL gives for 400 MHz: crystal x 31, halved (spec maixpy-system.md 7)


def test_freq(dut):
    assert dut.eval("__import__('machine').freq()") == CPU_HZ


@pytest.mark.emulator
def test_freq_change_keeps_console_and_time(dut):
    dut.exec("import machine, time\nt = time.ticks_ms()\nmachine.freq(200_000_000)")
    assert abs(dut.eval("__import__('machine').freq()") - 200_000_000) < 1_000_000
    before = dut.now_ms
    dut.exec("import time; time.sleep_ms(100)")
    assert 100 <= dut.now_ms - before < 160
    assert dut.eval("0 <= __import__('time').ticks_diff(__import__('time').ticks_ms(), t) < 2000") is True
    dut.exec("machine.freq(400_000_000)")
    assert dut.eval("__import__('machine').freq()") == CPU_HZ


@pytest.mark.parametrize("hz", [-1, 0, 1000, 10**9, 10**12])
def test_impossible_freq_is_an_error(dut, hz):
    with pytest.raises(ExecError, match="ValueError: CPU clock"):
        dut.exec(f"import machine; machine.freq({hz})")
    assert dut.eval("__import__('machine').freq()") == CPU_HZ


@pytest.mark.emulator
def test_unique_id_is_the_hash_of_the_flash_id(dut):
    uid = dut.eval("__import__('machine').unique_id()")
    assert uid == hashlib.sha256(bytes.fromhex("d1644b210d102733")).digest()  # the emulated flash's unique id
    assert dut.eval("__import__('machine').unique_id()") == uid


def test_mem32_reads_memory(dut):
    # The first word of the image is the jump over the header word 0xDEADBEEF (spec soc.md 1.4).
    assert dut.eval("__import__('machine').mem32[0x80000004] & 0xffffffff") == 0xDEADBEEF


def test_irq_can_be_disabled(dut):
    assert dut.exec("import machine\ns = machine.disable_irq()\nmachine.enable_irq(s)\nprint('on')") == "on\n"


@pytest.mark.parametrize(
    ("call", "ms"), [("sleep_ms(250)", 250), ("sleep(0.4)", 400), ("sleep_us(70_000)", 70), ("sleep_us(500)", 0.5)]
)
def test_sleep_takes_its_time(dut, call, ms):
    elapsed = int(dut.exec(f"import time; t = time.ticks_us(); time.{call}; print(time.ticks_us() - t)"))
    assert ms * 1000 <= elapsed < ms * 1000 + 1100


@pytest.mark.emulator
def test_ticks_follow_the_emulated_clock(dut):
    dut.exec("import time")
    dut.exec_start("print(time.ticks_us()); time.sleep_ms(3000); print(time.ticks_us())")
    begin = dut.now_ms
    first, second = map(int, dut.exec_finish(timeout_ms=20_000).split())
    assert abs((second - first) / 1000 - 3000) < 2
    assert 2990 < dut.now_ms - begin < 3050


def test_ticks_never_go_back(dut):
    code = """import time
last = time.ticks_us(); ok = True
for _ in range(5000):
    now = time.ticks_us()
    ok = ok and time.ticks_diff(now, last) >= 0
    last = now
print(ok)"""
    assert dut.exec(code) == "True\n"


def test_time_of_day_starts_in_2000_and_can_be_set(dut):
    assert dut.eval("__import__('time').localtime()[:5]") == (2000, 1, 1, 0, 0)
    code = """import time
time.set_time((2024, 2, 29, 12, 30, 15, 0, 0))
print(time.localtime())
print(time.mktime((2000, 1, 1, 0, 0, 10, 0, 0)), time.localtime(0)[:3])"""
    assert dut.exec(code) == "(2024, 2, 29, 12, 30, 15, 3, 60)\n10 (2000, 1, 1)\n"


def test_clock_counts_frames(dut):
    code = """import time
clock = time.clock()
for _ in range(20):
    clock.tick()
    time.sleep_ms(50)
    f = clock.fps()
print(round(f * 10), round(clock.avg()))
clock.reset()
print(clock.avg())"""
    fps10, avg, zero = dut.exec(code).split()
    assert 195 <= int(fps10) <= 201 and 50 <= int(avg) <= 52 and zero == "0.0"


def test_scheduler_and_ticks_alias(dut):
    code = """import micropython, time
hit = []
micropython.schedule(hit.append, 5)
time.sleep_ms(1)
print(hit, abs(time.ticks() - time.ticks_ms()) < 5)"""
    assert dut.exec(code) == "[5] True\n"


@pytest.mark.emulator
def test_idle_board_sleeps(dut):
    """At the prompt the hart waits for an interrupt instead of polling."""
    dut.run(10)
    before = dut.machine.instructions
    dut.run(1000)
    assert dut.machine.instructions - before < 20_000


@pytest.mark.parametrize(
    ("code", "reason", "address"),
    [
        ("machine.mem32[0x90000000]", "fault load", "0x0000000090000000"),
        ("machine.mem32[0x90000004] = 1", "fault store", "0x0000000090000004"),
    ],
)
def test_unhandled_trap_is_reported_and_resets(dut, code, reason, address):
    dut.exec_start(f"import machine; print('x' * 500); {code}")
    text = dut.read_until(b">>> ").decode()
    assert "x" * 500 + "\r\n" in text, "output before the trap is lost"
    assert f"core dump: {reason}\r\nCause 0x" in text and address in text
    assert text.index("core dump") < text.index("init end")
    assert dut.eval("__import__('machine').reset_cause() == __import__('machine').SOFT_RESET") is True
