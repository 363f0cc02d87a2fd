"""Runs the bare-metal programs of this directory on the emulated board."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "sdk"
sys.path.insert(0, str(ROOT / "tools"))

from k210emu import Machine  # noqa: E402
from k210emu.i2c import RegisterFile  # noqa: E402
from kpupy.image import wrap  # noqa: E402

PATTERN_AT, PATTERN_BYTES, SCRATCH = 0x300000, 1 << 20, 0x500000
CRASH_PROGRAMS = {"crash"}
LENIENT_PROGRAMS = {"apu"}
BOOTED_PROGRAMS = {"wdt"}  # from flash, because the chip is reset


@pytest.fixture(scope="session")
def programs() -> Path:
    done = subprocess.run(["make", "-s", "-C", str(HERE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr, done.stderr
    return BUILD


def pattern(count: int) -> bytes:
    return bytes((i * 2654435761 & 0xFFFFFFFF) >> 24 for i in range(count))


class Board(Machine):
    """With a limit that ends a hung program within seconds of wall time."""

    def run_until(self, text: str | bytes, timeout_ms: float = 2000) -> bytes:
        return super().run_until(text, timeout_ms)


# ---- the runner's part in a program: called after start, returns what it has read of the output


def sysctl(m: Machine) -> bytes:
    text = m.run_until("SLEEP\n")
    before = m.now_ms
    text += m.run_until("SLEPT\n")
    # A line is seen when its last byte is out: up to 8 bytes of FIFO and shifter after the program wrote it.
    assert abs(m.now_ms - before - 50) <= 8 * 10 / 115.2, m.now_ms - before
    return text


def gpiohs(m: Machine) -> bytes:
    text = m.run_until("PULSE\n")
    pad = m.pad(20)
    for level in (False, True, False, True, False, True):
        pad.drive(level)
        m.run(ms=0.1)
    text += m.run_until("level from outside")
    pad.release()
    for wanted in (1, 0):
        text += m.run_until(f"PAD {wanted}\n")
        assert m.pad(20).level == bool(wanted)
    return text


def uarths(m: Machine) -> bytes:
    text = m.run_until("POLL\n")
    m.send(b"ABCDEFGH")
    for word in ("IRQ\n", "CLOCK\n"):
        text += m.run_until(word)
        m.send(bytes(range(256)))
    return text


def uart(m: Machine) -> bytes:
    text = m.run_until("SEND 300\n")
    assert m.uart_output(1) == bytes(i % 251 for i in range(600))
    m.send((bytes(range(256)) * 2)[:300], uart=1)
    text += m.run_until("SEND 5\n")
    m.send(bytes(range(5)), uart=1)
    text += m.run_until("DMA SENT\n")
    assert m.uart_output(1)[600:] == b"0123456789abcdef0123456789" + bytes(200 - i for i in range(100))
    text += m.run_until("SEND 200\n")
    m.send(bytes(range(200)), uart=1)
    return text


def norflash(m: Machine) -> bytes:
    m.write_flash(PATTERN_AT, pattern(PATTERN_BYTES))
    m.write_flash(SCRATCH, bytes(0x12000))
    m.write_flash(SCRATCH + 0x12000, pattern(2)[1:])
    text = m.run_until("UNIQUE ")
    unique = m.run_until("\n")
    assert re.fullmatch(rb"[0-9a-f]{16}\n", unique) and len(set(unique)) > 4, unique
    return text + unique


def pwm(m: Machine) -> bytes:
    m.jumper(24, 25)
    return b""


def shown(width: int, height: int) -> bytes:
    """The picture before the camera, of which dvp.c knows every pixel."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 5 + y * 3, x * 3 + y * 7, x ^ y], axis=-1).astype(np.uint8).tobytes()


def dvp(m: Machine) -> bytes:
    m.attach_camera(shown, fps=100)
    m.attach_i2c(40, 41, 0x30, RegisterFile({0x0A: 0x26}))
    m.attach_i2c(40, 41, 0x3C, WideRegisterFile())
    return b""


class WideRegisterFile:
    """A sensor whose registers have 16-bit addresses."""

    def __init__(self) -> None:
        self.registers = {0x300A: 0x56}
        self.address = 0
        self.count = 0

    def start(self, reading: bool) -> bool:
        self.count = 0
        return True

    def write(self, byte: int) -> bool:
        if self.count < 2:
            self.address = (self.address << 8 | byte) & 0xFFFF
        else:
            self.registers[self.address] = byte
        self.count += 1
        return True

    def read(self) -> int:
        return self.registers.get(self.address, 0xFF)

    def stop(self) -> None:
        pass


def i2s(m: Machine) -> bytes:
    """Loops back; then every sample of what is played, on the line."""
    m.jumper(30, 31)
    text = b""
    for bits, tracks in ((16, 2), (24, 1), (32, 2)):
        text += m.run_until(f"PLAY {bits} {tracks}\n")
        before = len(m.audio(0).recorded())
        text += m.run_until(f"PLAYED {bits} {tracks}\n")
        played = [frame for frame in m.audio(0).recorded()[before:] if frame != (0, 0)]
        scale = 1 << (32 - bits)
        assert played == [(n * 3 * scale, n * (5 if tracks == 2 else 3) * scale) for n in range(1, 1001)]
    return text


def apu(m: Machine) -> bytes:
    """Starting what the emulated board does not have is reported, once."""
    text = m.run_until("DONE ")
    assert len(m.reports) == 1 and "beam-forming" in m.reports[0], m.reports
    return text


def spi_slave(m: Machine) -> bytes:
    m.wire_spi_slave(1, 0)
    m.jumper(32, 33)
    m.jumper(34, 35)
    return b""


def i2c(m: Machine) -> bytes:
    m.jumper(26, 28)
    m.jumper(27, 29)
    return b""


def dmac_list(m: Machine) -> bytes:
    text = m.run_until("an entry\n")
    dump = m.run_until("DONE ")
    assert b"core 0: on request\r\ncause 0x0000000000000007, epc 0x0000000080001234\r\n" in dump
    assert b"  a0 0x000000000000100a  f10 0x000000000000200a" in dump
    return text + dump


def fft(m: Machine) -> bytes:
    """Unnormalised without shift; backward with a halving in every layer, which brings back what went in."""
    text = m.run_until("INPUT")
    given, forward, backward = (points(m.run_until("\n")) for _ in range(3))
    assert len(given) == 64
    assert np.max(np.abs(forward - np.fft.fft(given))) < 9
    assert np.max(np.abs(backward - np.fft.ifft(forward))) < 4
    return text + b"\n"


def points(line: bytes) -> np.ndarray:
    """Words of two points each: I, R, I, R of 16 bits from the lowest."""
    words = [int(word, 16) for word in line.split() if len(word) == 16]
    halves = np.array(words, dtype="<u8").view("<i2").reshape(-1, 2)
    return halves[:, 1] + 1j * halves[:, 0]


def wdt(m: Machine) -> bytes:
    """Reset by a watchdog twice; what is said before belongs to runs that did not end."""
    for cause in (0, 2):
        text = m.run_until("RESET ") + m.run_until("\n")
        assert text.endswith(f"RESET {cause}\n".encode()), text
    return m.run_until("RESET 3\n")


def crash(m: Machine) -> bytes:
    text = m.run_until("exit 1337")
    assert b"CRASH hart 0: illegal instruction (cause 0x2) at pc 0x8000" in text
    assert b"s3 0000000000005353" in text and b"a2 0000000000004242" in text
    text += m.run_until("hart 1 lives")
    return text


SCRIPTS: dict[str, Callable[[Machine], bytes]] = {
    "sysctl": sysctl, "gpiohs": gpiohs, "uarths": uarths, "uart": uart, "norflash": norflash, "crash": crash,
    "pwm": pwm, "wdt": wdt, "dmac_list": dmac_list, "fft": fft, "i2c": i2c, "dvp": dvp, "i2s": i2s, "apu": apu,
    "spi_slave": spi_slave,
}


def norflash_after(m: Machine) -> None:
    """The driver's writes as the flash's own bytes show them."""
    with m.flash as flash:
        assert flash[SCRATCH + 0x1000:SCRATCH + 0x11FFF] == b"\xff" * 0x10FFF
        assert flash[SCRATCH + 0x11FFF] == 0x3C
        assert flash[:16] == b"\xff" * 16


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.c")))
def test_program(name: str, programs: Path) -> None:
    with Board(strict=name not in LENIENT_PROGRAMS) as m:
        program = (programs / f"{name}.bin").read_bytes()
        if name in BOOTED_PROGRAMS:
            m.write_flash(0, wrap(program))
            m.boot()
        else:
            m.load(0x80000000, program)
            m.start(0x80000000)
        text = SCRIPTS[name](m) if name in SCRIPTS else b""
        text += b"" if b"DONE" in text else m.run_until("DONE ", timeout_ms=4000)
        text += m.run_until("\n")
        if name == "norflash":
            norflash_after(m)
        if name == "crash":
            assert b"ctx != NULL" in m.run_until("hart 1: exit 134")
    lines = text.decode().split("\n")
    failed = [line for line in lines if line.startswith("FAIL")]
    passed = [line for line in lines if line.startswith("PASS")]
    assert not failed, "\n".join(failed)
    assert re.search(rf"DONE {len(passed)} 0\n", text.decode()), text.decode()
    assert passed or name in CRASH_PROGRAMS


def test_program_for_the_vendor_sdk(programs: Path) -> None:
    """UART3 is the console until the program says otherwise; its bytes leave by pad 5."""
    with Board(strict=True) as m:
        m.load(0x80000000, (programs / "vendor" / "program.bin").read_bytes())
        m.start(0x80000000)
        m.run_while(lambda m: b"heap" not in m.uart_output(3), timeout_ms=2000)
        m.send(b"x", uart=3)
        m.run_while(lambda m: b"end\n" not in m.uart_output(3), timeout_ms=2000)
        text = m.uart_output(3).decode()
    lines = [line for line in text.split("\n") if "exit" not in line]
    assert lines[0] == "cpu 403000000", text
    assert lines[1] == "edges 4"
    assert lines[2] == "spi 9595238"  # 403 MHz / 42: the even divider at or above 40.3
    assert "core 1 says 42" in lines
    assert re.search(r"I \(\d+\) demo: double", text)
    assert "heap 1" in lines and "got x" in text
