"""The KPU as a device of the emulated board: registers, FIFO, interrupts, stream, time (spec kpu.md 1, 2, 7, 8)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dev_support import DMAC, SYSCTL, Board

sys.path.insert(0, str(Path(__file__).parents[1] / "kpu"))

import kpu_model as model
from kpu_layers import Layer, Norm, Random, Segment, finish, map_rows

KPU, AI_RAM = 0x40800000, 0x40600000
FIFO, STATUS, RAW, MASK, CLEAR, THRESHOLD, DATA_OUT, CONTROL, EIGHT_BIT = (KPU + 8 * i for i in range(9))
DONE, ALMOST_EMPTY, ALMOST_FULL = 1, 2, 4
INT_EN, FULL_ADD = 1, 4
KPU_SOURCE = 25
KPU_HZ = 390_000_000


def start_clock(board: Board) -> None:
    board.put(SYSCTL + 0x0C, 59 << 4 | 3 << 10 | 59 << 14 | 1 << 21 | 1 << 25)  # 26 MHz * 60 / 4
    board.put(SYSCTL + 0x2C, board.get(SYSCTL + 0x2C) | 1 << 2)
    board.run_us(1000)
    assert board.get(SYSCTL + 0x18) >> 8 & 3 == 3, "PLL1 does not lock"


@pytest.fixture
def kpu(board: Board) -> Iterator[Board]:
    """A board with the KPU's clock on and the registers as spec kpu.md 7.1 sets them."""
    start_clock(board)
    for register, value in ((CLEAR, 7), (MASK, 7), (THRESHOLD, 0x1A), (EIGHT_BIT, 1)):
        board.put64(register, value)
    yield board
    assert not board.warned("kpu"), board.reports


class Job:
    """A layer with its tables in SRAM and its input in AI RAM."""

    def __init__(self, board: Board, layer: Layer, row: int = 0, memory: int = 0x40100000) -> None:
        self.board, self.layer, self.row = board, layer, row
        self.target = row + map_rows(layer.width, layer.height, layer.channels)
        self.rows = map_rows(layer.out_width, layer.out_height, layer.outputs)
        ai_ram = bytearray(model.AI_RAM_BYTES)
        model.pack(layer, row, ai_ram)
        board.write(AI_RAM + 64 * row, bytes(ai_ram[64 * row : 64 * self.target]))
        self.addresses = [memory]
        for data in (layer.weights, layer.norm_bytes(), layer.activation_bytes()):
            board.write(self.addresses[-1], data)
            self.addresses.append((self.addresses[-1] + len(data) + 255) // 256 * 256)

    def words(self, flags: int = INT_EN, stream: bool = False) -> list[int]:
        weights, norm, activation = self.addresses[:3]
        words = self.layer.words(self.row, self.target, weights, norm, activation, flags)
        words[11] |= stream
        return words

    def push(self, flags: int = INT_EN, stream: bool = False) -> None:
        for word in self.words(flags, stream):
            self.board.put64(FIFO, word)

    def output(self) -> bytes:
        data = self.board.read(AI_RAM + 64 * self.target, 64 * self.rows)
        return model.unpack(data, 0, self.layer.out_width, self.layer.out_height, self.layer.outputs)

    def expected(self) -> bytes:
        return model.run(self.layer, path=model.REFERENCE)[0]

    def clocks(self) -> int:
        return model.describe(self.words())[0]


def layer_of(width: int = 20, height: int = 12, channels: int = 5, outputs: int = 7) -> Layer:
    return finish(Random(width), Layer(width, height, channels, outputs, 3, pad=3, arg_x=-128, arg_w=-3), "smooth")


def run_us(board: Board, clocks: float) -> None:
    board.run_us(clocks * 1e6 / KPU_HZ)


def wait_raw(board: Board, cause: int, limit_us: float = 3000) -> float:
    """Runs until a cause latches; returns the microseconds it took."""
    start = board.now_ms
    while not board.get64(RAW) & cause:
        board.run_us(0.2)
        assert (board.now_ms - start) * 1000 < limit_us, "the cause does not come"
    return (board.now_ms - start) * 1000


class TestOneLayer:
    def test_output_and_interrupt(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        kpu.put64(MASK, 6)
        job.push()
        assert kpu.get64(RAW) == 0
        assert not kpu.pending(KPU_SOURCE)
        wait_raw(kpu, DONE)
        assert kpu.get64(STATUS) == DONE
        assert kpu.pending(KPU_SOURCE)
        assert job.output() == job.expected()

    def test_nothing_happens_before_the_time_of_the_formula(self, kpu: Board) -> None:
        job = Job(kpu, layer_of(64, 40, 8, 8))
        clocks = job.clocks()
        job.push()
        run_us(kpu, clocks * 0.99)
        assert kpu.get64(RAW) & DONE == 0
        assert job.output() == bytes(len(job.output()))
        run_us(kpu, clocks * 0.02 + 50)
        assert kpu.get64(RAW) & DONE
        assert job.output() == job.expected()

    def test_no_interrupt_without_int_en(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        job.push(flags=0)
        run_us(kpu, 2 * job.clocks())
        assert job.output() == job.expected()
        assert kpu.get64(RAW) & DONE == 0

    def test_status_is_raw_without_the_masked(self, kpu: Board) -> None:
        Job(kpu, layer_of()).push()
        wait_raw(kpu, DONE)
        assert (kpu.get64(RAW), kpu.get64(STATUS)) == (DONE | ALMOST_EMPTY, 0)
        assert not kpu.pending(KPU_SOURCE)
        kpu.put64(MASK, 6)
        assert kpu.get64(STATUS) == DONE
        assert kpu.pending(KPU_SOURCE)

    def test_clear_takes_the_written_causes(self, kpu: Board) -> None:
        Job(kpu, layer_of()).push()
        wait_raw(kpu, DONE)
        kpu.put64(CLEAR, ALMOST_EMPTY)
        assert kpu.get64(RAW) == DONE
        kpu.put64(CLEAR, 7)
        assert kpu.get64(RAW) == 0

    def test_sixteen_bit_weights(self, kpu: Board) -> None:
        layer = Layer(16, 8, 3, 4, 3, eight_bit=False, arg_x=-32768)
        job = Job(kpu, finish(Random(16), layer, "smooth"))
        kpu.put64(EIGHT_BIT, 0)
        job.push()
        wait_raw(kpu, DONE)
        assert job.output() == job.expected()

    def test_words_in_halves(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        for word in job.words():
            kpu.put(FIFO, word & 0xFFFFFFFF)
            kpu.put(FIFO + 4, word >> 32)
        wait_raw(kpu, DONE)
        assert job.output() == job.expected()

    def test_cached_addresses_reach_the_same_memory(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        job.addresses = [address + 0x40000000 for address in job.addresses]
        job.push()
        wait_raw(kpu, DONE)
        assert job.output() == job.expected()


class TestQueue:
    def chain(self, board: Board, count: int) -> list[Job]:
        """Layers each of which reads what the one before writes."""
        jobs: list[Job] = []
        for i in range(count):
            layer = finish(Random(70 + i), Layer(20, 8, 4, 4, 3), "smooth")
            jobs.append(Job(board, layer, 16 * i, 0x40100000 + 0x1000 * i))
        return jobs

    def test_layers_run_in_order_on_each_other_s_output(self, kpu: Board) -> None:
        jobs = self.chain(kpu, 3)
        data = jobs[0].layer.pixels
        for job in jobs:
            job.layer.pixels = data
            data = job.expected()
        for job in jobs:
            job.push(flags=INT_EN if job is jobs[-1] else 0)
        wait_raw(kpu, DONE)
        assert jobs[-1].output() == data
        assert kpu.state()["devices"]["kpu"]["layers_done"] == 3

    def test_almost_full_and_almost_empty(self, kpu: Board) -> None:
        kpu.put64(THRESHOLD, 0x23)
        jobs = self.chain(kpu, 1)
        levels = []
        for _ in range(5):
            jobs[0].push()
            levels.append(kpu.get64(RAW) & ALMOST_FULL)
        assert levels == [0, 0, ALMOST_FULL, ALMOST_FULL, ALMOST_FULL]
        empties = []
        for _ in range(5):
            run_us(kpu, 100)
            empties.append(kpu.get64(RAW) & ALMOST_EMPTY)
            kpu.put64(CLEAR, 7)
            wait_raw(kpu, DONE)
            kpu.put64(CLEAR, DONE)
        assert empties == [0, 0, ALMOST_EMPTY, ALMOST_EMPTY, ALMOST_EMPTY]

    def test_almost_empty_waits_until_a_layer_is_taken(self, kpu: Board) -> None:
        """A driver unmasks it on an empty FIFO, and pushes the next layer at each (variant 1 of 7.3)."""
        kpu.put64(MASK, 4)
        run_us(kpu, 10000)
        assert not kpu.pending(KPU_SOURCE)
        job = self.chain(kpu, 1)[0]
        job.push(flags=0)
        assert not kpu.pending(KPU_SOURCE)
        run_us(kpu, 100)
        assert kpu.get64(STATUS) == ALMOST_EMPTY

    def test_sixteen_wait_and_the_next_is_lost(self, board: Board) -> None:
        start_clock(board)
        board.put64(EIGHT_BIT, 1)
        job = self.chain(board, 1)[0]
        for _ in range(16):
            job.push()
        assert board.state()["devices"]["kpu"]["layers_queued"] == 16
        assert not board.warned("overflow")
        job.push()
        assert board.warned("FIFO overflow")
        run_us(board, 17 * (job.clocks() + 100))
        assert board.state()["devices"]["kpu"]["layers_done"] == 16

    def test_flush_forgets_queued_layers_and_words(self, kpu: Board) -> None:
        job = self.chain(kpu, 1)[0]
        job.push()
        job.push()
        kpu.put64(FIFO, 99)
        kpu.put64(CONTROL, 0x1B)
        assert kpu.state()["devices"]["kpu"]["layers_queued"] == 0
        assert kpu.state()["devices"]["kpu"]["words_pending"] == 0
        kpu.put64(CONTROL, 0x1F)
        run_us(kpu, 3 * job.clocks())
        assert kpu.state()["devices"]["kpu"]["layers_done"] == 0
        job.push()
        wait_raw(kpu, DONE)
        assert job.output() == job.expected()


class TestStream:
    def start_dma(self, board: Board, target: int, beats: int) -> None:
        """Channel 0 as spec kpu.md 7.4 programs it."""
        board.put(SYSCTL + 0x64, 22)
        board.put64(DMAC + 0x10, 3)
        base = DMAC + 0x100
        control = 1 << 4 | 3 << 8 | 3 << 11 | 2 << 14 | 2 << 18
        for offset, value in ((0x98, 0xFFFFFFFF), (0, DATA_OUT), (8, target), (0x10, beats - 1), (0x18, control),
                              (0x20, 2 << 32)):
            board.put64(base + offset, value)
        board.put64(DMAC + 0x18, 0x101)

    @pytest.mark.parametrize("outputs", [7, 8], ids=["partial last beat", "whole beats"])
    def test_planar_bytes_arrive(self, kpu: Board, outputs: int) -> None:
        job = Job(kpu, layer_of(10, 9, 5, outputs))
        expected = job.expected()
        beats = (len(expected) + 7) // 8
        kpu.write(0x40300000, b"\xee" * (8 * beats + 64))
        self.start_dma(kpu, 0x40300000, beats)
        job.push(stream=True)
        wait_raw(kpu, DONE)
        run_us(kpu, 4000)
        arrived = kpu.read(0x40300000, 8 * beats + 64)
        assert arrived[: len(expected)] == expected
        assert arrived[8 * beats :] == b"\xee" * 64
        assert not kpu.get64(DMAC + 0x18) & 1, "the DMA channel waits for more"
        assert job.output() == expected

    def test_a_stream_that_nobody_drains_stalls_the_layer(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        job.push(stream=True)
        job.push()
        run_us(kpu, 5 * job.clocks())
        assert kpu.state()["devices"]["kpu"]["phase"] == "draining"
        assert kpu.get64(RAW) & DONE == 0
        expected = job.expected()
        beats = [kpu.get64(DATA_OUT) for _ in range((len(expected) + 7) // 8)]
        assert b"".join(beat.to_bytes(8, "little") for beat in beats)[: len(expected)] == expected
        assert kpu.get64(RAW) & DONE
        kpu.put64(CLEAR, 7)
        wait_raw(kpu, DONE)

    def test_flush_ends_a_stream(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        job.push(stream=True)
        run_us(kpu, 2 * job.clocks())
        kpu.put64(CONTROL, 0x1E)
        assert kpu.state()["devices"]["kpu"]["phase"] == "idle"

    def test_full_add_streams_a_sum_per_channel(self, board: Board) -> None:
        start_clock(board)
        board.put64(EIGHT_BIT, 1)
        job = Job(board, layer_of())
        job.push(flags=INT_EN | FULL_ADD)
        run_us(board, 2 * job.clocks())
        expected, plane = job.expected(), 20 * 12
        sums = [sum(expected[plane * o : plane * (o + 1)]) for o in range(7)]
        assert [board.get64(DATA_OUT) for _ in range(7)] == sums
        assert board.warned("full_add")


class TestTime:
    @pytest.mark.parametrize(
        ("shape", "measured_ms", "tolerance"),
        [
            ((160, 120, 16, 32, 1, False, 1), 0.514, 0.015),
            ((80, 60, 32, 64, 1, False, 0), 0.680, 0.015),
            ((40, 30, 128, 128, 1, False, 1), 1.385, 0.015),
            ((20, 15, 256, 256, 1, False, 0), 1.52, 0.02),
            ((320, 240, 3, 16, 3, False, 1), 0.206, 0.08),
            ((160, 120, 16, 16, 3, True, 0), 0.039, 0.15),
            ((40, 30, 128, 128, 3, True, 0), 0.034, 0.15),
        ],
    )
    def test_clocks_are_near_those_measured(
        self, shape: tuple[int, int, int, int, int, bool, int], measured_ms: float, tolerance: float
    ) -> None:
        """Published measurements at 400 MHz, spec kpu.md 8.3."""
        clocks = model.describe(Layer(*shape).words(0, 0))[0]
        assert clocks / 400e3 == pytest.approx(measured_ms, rel=tolerance)

    def test_a_slower_clock_stretches_a_running_layer(self, kpu: Board) -> None:
        job = Job(kpu, layer_of(64, 40, 8, 8))
        us = job.clocks() * 1e6 / KPU_HZ
        job.push()
        kpu.run_us(us / 2)
        kpu.put(SYSCTL + 0x38, kpu.get(SYSCTL + 0x38) | 3 << 8)
        kpu.run_us(us * 1.9)
        assert kpu.get64(RAW) & DONE == 0
        kpu.run_us(us * 0.2)
        assert kpu.get64(RAW) & DONE

    def test_a_gated_clock_holds_a_layer(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        job.push()
        gates = kpu.get(SYSCTL + 0x2C)
        kpu.put(SYSCTL + 0x2C, gates & ~4)
        run_us(kpu, 10 * job.clocks())
        kpu.put(SYSCTL + 0x2C, gates)
        assert kpu.get64(RAW) & DONE == 0
        wait_raw(kpu, DONE)
        assert job.output() == job.expected()

    def test_busy_clocks_add_up(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        for _ in range(2):
            job.push()
            wait_raw(kpu, DONE)
            kpu.put64(CLEAR, 7)
        assert kpu.state()["devices"]["kpu"]["busy_clocks"] == 2 * job.clocks()


class TestMisuse:
    def test_registers_without_clock_are_reported(self, board: Board) -> None:
        assert board.get64(MASK) == 0
        assert board.warned("without clock")

    def test_unknown_registers_are_reported(self, board: Board) -> None:
        start_clock(board)
        assert board.get64(KPU + 0x48) == 0
        assert any("kpu" in report for report in board.reports)

    def test_tables_outside_memory_give_no_output(self, board: Board) -> None:
        start_clock(board)
        board.put64(EIGHT_BIT, 1)
        job = Job(board, layer_of())
        job.addresses[1] = 0x70000000
        job.push()
        wait_raw(board, DONE)
        assert board.warned("batch norm at 0x70000000")
        assert job.output() == bytes(len(job.output()))

    def test_results_beyond_36_bits_are_reported(self, board: Board) -> None:
        start_clock(board)
        board.put64(EIGHT_BIT, 1)
        layer = Layer(8, 8, 1, 1, norms=[Norm(2**23 - 1, 0, 0)], pixels=b"\xff" * 64, weights=b"\xff")
        layer.segments = [Segment(-(2**35) + i, 0, 0, 1) for i in range(16)]
        Job(board, layer).push()
        wait_raw(board, DONE)
        assert board.warned("batch norm result exceeds 36 bits")

    def test_reset_forgets_layers_and_keeps_ai_ram(self, kpu: Board) -> None:
        job = Job(kpu, layer_of())
        job.push()
        kpu.put64(FIFO, 1)
        before = kpu.read(AI_RAM, 4096)
        kpu.put(SYSCTL + 0x34, 1 << 2)
        kpu.put(SYSCTL + 0x34, 0)
        run_us(kpu, 3 * job.clocks())
        assert kpu.read(AI_RAM, 4096) == before
        state = kpu.state()["devices"]["kpu"]
        assert (state["layers_queued"], state["words_pending"], state["phase"]) == (0, 0, "idle")
        assert (kpu.get64(MASK), kpu.get64(RAW), kpu.get64(CONTROL)) == (7, 0, 0x1F)


@pytest.mark.parametrize("rounding", ["A", "B"])
def test_the_machine_s_rounding_reaches_the_kpu(rounding: str) -> None:
    layer = Layer(4, 4, 1, 1, pixels=bytes([1] * 16), weights=b"\x01", norms=[Norm(0, 0, 1384)])
    layer.segments = [Segment(-(2**35) + i, 0, 0, 0) for i in range(15)] + [Segment(0, 1, 4, 0)]
    with closing(Board(harts=1, rounding=rounding)) as board:
        start_clock(board)
        board.put64(EIGHT_BIT, 1)
        job = Job(board, layer)
        job.push()
        wait_raw(board, DONE)
        assert job.output() == bytes([{"A": 87, "B": 86}[rounding]] * 16)
