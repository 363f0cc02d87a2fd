"""DVP camera interface (spec soc.md 9)."""

from __future__ import annotations

import random

import numpy as np
import pytest
from dev_support import DVP, FPIOA, SYSCTL, Board
from k210emu.i2c import RegisterFile

CFG, R_ADDR, G_ADDR, B_ADDR, CMOS, SCCB_CFG, SCCB_CTL, AXI, STS, RGB_ADDR = (
    0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20, 0x28)
START_INT, FINISH_INT, AI, DISPLAY, AUTO, BURST = 1, 2, 4, 8, 16, 256
RGB, YUV, Y_ONLY = 0, 1 << 9, 3 << 9
START, FINISH, ENABLE, SCCB = 1, 1 << 8, 1 << 16, 1 << 24
CLEAR_START, CLEAR_FINISH, ARM = START * 3, FINISH * 3, ENABLE * 3
RED, GREEN, BLUE, SCREEN = 0x40600000, 0x40612C00, 0x40625800, 0x40100000
WIDTH, HEIGHT = 64, 48
PICTURE = random.Random(3).randbytes(3 * WIDTH * HEIGHT)


def route(board: Board) -> None:
    """As the boards do, spec 11.1."""
    words = {47: 0x00900089, 46: 0x00001F84, 45: 0x00900088, 44: 0x00001F86, 43: 0x00900087, 42: 0x00001F85,
             41: 0x00993092, 40: 0x00993093}
    for pad, word in words.items():
        board.put(FPIOA + 4 * pad, word)


def prepare(board: Board, flags: int = AI | DISPLAY, width: int = WIDTH, height: int = HEIGHT) -> None:
    route(board)
    board.put(SYSCTL + 0x0C, 0x022EC7B0)  # PLL1 clocks the AI RAM
    bursts = width // 8 // (4 if flags & BURST else 1)
    board.put(DVP + CFG, flags | bursts << 12 | height << 20)
    for offset, value in ((R_ADDR, RED), (G_ADDR, GREEN), (B_ADDR, BLUE), (RGB_ADDR, SCREEN)):
        board.put(DVP + offset, value)
    board.put(DVP + CMOS, 3 | 1 << 8 | 1 << 16)  # 195 MHz / 8


def wait(board: Board, bit: int, limit_ms: float = 200) -> None:
    end = board.now_ms + limit_ms
    while not board.get(DVP + STS) & bit:
        board.run_us(100)
        assert board.now_ms < end, f"status bit {bit:#x} does not come"


def capture(board: Board) -> None:
    """The vendor's polling order, spec 9.4."""
    wait(board, START)
    board.put(DVP + STS, CLEAR_START)
    wait(board, START)
    board.put(DVP + STS, CLEAR_START | CLEAR_FINISH | ARM)
    wait(board, FINISH)


def camera(width: int, height: int) -> bytes:
    assert (width, height) == (WIDTH, HEIGHT)
    return PICTURE


def planes() -> list[bytes]:
    return [PICTURE[i::3] for i in range(3)]


def display_bytes() -> bytes:
    """P1.lo, P1.hi, P0.lo, P0.hi for each pair of pixels, spec 9.5."""
    pixels = np.frombuffer(PICTURE, np.uint8).reshape(-1, 3).astype(np.uint16)
    values = (pixels[:, 0] >> 3) << 11 | (pixels[:, 1] >> 2) << 5 | pixels[:, 2] >> 3
    return values.reshape(-1, 2)[:, ::-1].astype("<u2").tobytes()


@pytest.mark.parametrize("flags", [0, BURST, YUV])
def test_both_outputs(board: Board, flags: int) -> None:
    board.attach_camera(camera)
    prepare(board, AI | DISPLAY | flags)
    capture(board)
    size = WIDTH * HEIGHT
    assert [board.read(address, size) for address in (RED, GREEN, BLUE)] == planes()
    assert board.read(SCREEN, 2 * size) == display_bytes()
    assert board.reports == []


def test_only_enabled_outputs_are_written(board: Board) -> None:
    board.attach_camera(camera)
    board.write(RED, b"\x11" * 16)
    board.write(SCREEN, b"\x22" * 16)
    prepare(board, AI)
    capture(board)
    assert board.read(SCREEN, 16) == b"\x22" * 16
    board.write(RED, b"\x11" * 16)
    prepare(board, DISPLAY)
    capture(board)
    assert board.read(RED, 16) == b"\x11" * 16
    assert board.read(SCREEN, 16) == display_bytes()[:16]


def test_grey_goes_to_the_red_plane(board: Board) -> None:
    board.attach_camera(camera)
    prepare(board, AI | Y_ONLY)
    capture(board)
    rgb = np.frombuffer(PICTURE, np.uint8).reshape(-1, 3)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    grey = np.frombuffer(board.read(RED, WIDTH * HEIGHT), np.uint8)
    assert np.abs(grey - luma).max() <= 1.2


def test_nothing_is_captured_without_arming(board: Board) -> None:
    asked: list[int] = []

    def count(width: int, height: int) -> bytes:
        asked.append(width)
        return PICTURE

    board.attach_camera(count)
    prepare(board)
    board.run(ms=150)
    assert board.get(DVP + STS) == START
    assert asked == []
    board.put(DVP + STS, ENABLE)  # without its write enable
    assert board.get(DVP + STS) == START


def test_arming_ends_with_the_frame_unless_automatic(board: Board) -> None:
    board.attach_camera(camera)
    prepare(board)
    capture(board)
    assert board.get(DVP + STS) & ENABLE == 0
    board.put(DVP + STS, CLEAR_FINISH)
    board.run(ms=100)
    assert board.get(DVP + STS) & FINISH == 0
    prepare(board, AI | DISPLAY | AUTO)
    for _ in range(3):
        wait(board, FINISH)
        board.put(DVP + STS, CLEAR_FINISH | CLEAR_START)


def test_interrupt_is_the_level_of_enabled_flags(board: Board) -> None:
    board.attach_camera(camera)
    prepare(board, AI | DISPLAY | START_INT)
    wait(board, START)
    assert board.pending(24)
    board.put(DVP + STS, board.get(DVP + STS) | START | START << 1)  # read, or, write back
    assert not board.pending(24)
    prepare(board, AI | DISPLAY | FINISH_INT)
    wait(board, START)
    assert not board.pending(24)
    board.put(DVP + STS, ARM)
    wait(board, FINISH)
    assert board.pending(24)
    board.put(DVP + STS, CLEAR_FINISH)
    assert not board.pending(24)


@pytest.mark.parametrize("fps", [15, 30])
def test_frame_rate(board: Board, fps: int) -> None:
    board.attach_camera(camera, fps)
    prepare(board)
    wait(board, START)
    times = []
    for _ in range(4):
        board.put(DVP + STS, CLEAR_START)
        wait(board, START)
        times.append(board.now_ms)
    assert times[3] - times[0] == pytest.approx(3000 / fps, abs=0.3)


def test_addresses_are_latched_when_armed(board: Board) -> None:
    board.attach_camera(camera)
    prepare(board, DISPLAY)
    wait(board, START)
    board.put(DVP + STS, CLEAR_START | ARM)
    board.put(DVP + RGB_ADDR, SCREEN + 0x20000)
    wait(board, FINISH)
    assert board.read(SCREEN, 16) == display_bytes()[:16]
    assert board.read(SCREEN + 0x20000, 16) == bytes(16)


@pytest.mark.parametrize("missing", ["xclk", "vsync", "camera"])
def test_no_frames_without(board: Board, missing: str) -> None:
    if missing != "camera":
        board.attach_camera(camera)
    prepare(board)
    if missing == "xclk":
        board.put(DVP + CMOS, 3 | 1 << 16)
    elif missing == "vsync":
        board.put(FPIOA + 4 * 43, 120)
    board.run(ms=200)
    assert board.get(DVP + STS) == 0


def test_broken_off_frame_does_not_finish(board: Board) -> None:
    board.attach_camera(lambda width, height: None)
    prepare(board)
    board.put(DVP + STS, ARM)
    board.run(ms=200)
    assert board.get(DVP + STS) == START | ENABLE


def test_bad_sizes_and_addresses_are_reported(board: Board) -> None:
    board.attach_camera(lambda width, height: bytes(3 * width * height))
    prepare(board, DISPLAY, 648, 480)
    board.put(DVP + STS, ARM)
    board.run(ms=100)
    assert board.warned("648x480")
    prepare(board, DISPLAY)
    board.put(DVP + RGB_ADDR, 0x12345678)
    board.put(DVP + STS, ARM)
    board.run(ms=100)
    assert board.warned("0x12345678")


def test_sensor_pins(board: Board) -> None:
    route(board)
    for value, reset, power_down in ((0, False, False), (1 << 16, True, False), (1 << 24, False, True)):
        board.put(DVP + CMOS, value)
        assert (board.pad(42).level, board.pad(44).level) == (reset, power_down)


class TestSccb:
    @pytest.fixture
    def sensor(self, board: Board) -> RegisterFile:
        part = RegisterFile({0x0A: 0x26, 0x0B: 0x42})
        board.attach_i2c(41, 40, 0x30, part)
        route(board)
        return part

    def transfer(self, board: Board, byte_num: int, device: int, register: int = 0, data: int = 0,
                 rate: tuple[int, int] = (255, 255)) -> float:
        board.put(DVP + SCCB_CFG, byte_num | rate[0] << 8 | rate[1] << 16)
        board.put(DVP + SCCB_CTL, device | register << 8 | data << 16)
        begin = board.now_ms
        board.put(DVP + STS, SCCB | SCCB << 1)
        assert board.get(DVP + STS) & SCCB
        while board.get(DVP + STS) & SCCB:
            board.run_us(2)
        return (board.now_ms - begin) * 1000

    def test_write_and_read(self, board: Board, sensor: RegisterFile) -> None:
        self.transfer(board, 2, 0x60 | 1, 0x12, 0x80)
        assert sensor.registers[0x12] == 0x80
        for register, value in ((0x0A, 0x26), (0x0B, 0x42), (0x12, 0x80)):
            self.transfer(board, 1, 0x60 | 1, register)
            self.transfer(board, 1, 0x60)
            assert board.get(DVP + SCCB_CFG) >> 24 == value
        assert board.reports == []

    def test_absent_device_reads_ff(self, board: Board, sensor: RegisterFile) -> None:
        self.transfer(board, 1, 0x42 | 1, 0x0A)
        self.transfer(board, 1, 0x42)
        assert board.get(DVP + SCCB_CFG) >> 24 == 0xFF

    def test_time_on_the_wire(self, board: Board, sensor: RegisterFile) -> None:
        took = self.transfer(board, 2, 0x61, 1, 2, (100, 95))
        assert took == pytest.approx(29, abs=3)  # 3 bytes of 9 bits, START and STOP at 195 cycles of 195 MHz: 1 us each


def test_frames_come_at_the_sensors_rate(board: Board) -> None:
    frames = 0

    def picture(width: int, height: int) -> bytes:
        nonlocal frames
        frames += 1
        return bytes(3 * width * height)

    board.attach_camera(picture)
    prepare(board, AI | DISPLAY | AUTO, 320, 240)
    board.run(ms=100)
    before = frames
    board.run(ms=1000)
    assert frames - before == pytest.approx(30, abs=1)
