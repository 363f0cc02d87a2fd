"""The region layer (components/kmodel/src/yolo2.c) against spec maixpy-kpu.md 4.4 written down in numpy."""

from __future__ import annotations

import ctypes
import pathlib
import subprocess
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

F32 = npt.NDArray[np.float32]
FACE_ANCHORS = (1.889, 2.5245, 2.9465, 3.94056, 3.99987, 5.3658, 5.155437, 6.92275, 6.718375, 9.01025)
ERR_MEMORY, ERR_SIZE, ERR_INTERRUPTED = 2006, 2012, 1

ALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
POLL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class Env(ctypes.Structure):
    _fields_ = (
        ("ctx", ctypes.c_void_p),
        ("alloc", ALLOC),
        ("free", FREE),
        ("poll", POLL),
        ("clock", ctypes.c_void_p),
        ("kpu", ctypes.c_void_p),
    )


class Net(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("w", "h", "lw", "lh", "channels", "anchors")] + [
        ("anchor", ctypes.POINTER(ctypes.c_float)),
        ("threshold", ctypes.c_float),
        ("nms", ctypes.c_float),
    ]


class Box(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint16) for name in ("x", "y", "w", "h")] + [
        ("class_id", ctypes.c_uint32),
        ("value", ctypes.c_float),
    ]


@dataclass
class Case:
    """A network's shape and settings."""

    size: tuple[int, int]
    cells: tuple[int, int]
    classes: int
    anchors: tuple[float, ...]
    threshold: float = 0.5
    nms: float = 0.3

    @property
    def channels(self) -> int:
        return len(self.anchors) // 2 * (5 + self.classes)

    def blank(self) -> F32:
        """A map that shows nothing: no objectness anywhere."""
        data = np.zeros((len(self.anchors) // 2, 5 + self.classes, self.cells[1], self.cells[0]), np.float32)
        data[:, 4] = -20
        return data


class Region:
    """The C code, with an allocator that counts and can fail, and a poll hook that can ask to stop."""

    def __init__(self, library: pathlib.Path) -> None:
        self.find = ctypes.CDLL(str(library)).kmodel_yolo2_find
        self.blocks: dict[int, ctypes.Array[ctypes.c_char]] = {}
        self.allocations = self.polls = 0
        self.fail_at = self.stop_at = -1
        self.env = Env(None, ALLOC(self._alloc), FREE(self._free), POLL(self._poll), None, None)

    def _alloc(self, _ctx: int, _align: int, size: int) -> int | None:
        self.allocations += 1
        if self.allocations == self.fail_at:
            return None
        block = ctypes.create_string_buffer(b"\xa5" * size, size)
        self.blocks[ctypes.addressof(block)] = block
        return ctypes.addressof(block)

    def _free(self, _ctx: int, block: int) -> None:
        del self.blocks[block]

    def _poll(self, _ctx: int) -> int:
        self.polls += 1
        return int(self.polls == self.stop_at)

    def run(self, case: Case, data: F32, channels: int | None = None) -> tuple[int, list[Box]]:
        assert data.dtype == np.float32
        data = np.ascontiguousarray(data)
        before = data.tobytes()
        anchors = (ctypes.c_float * len(case.anchors))(*case.anchors)
        channels = case.channels if channels is None else channels
        net = Net(*case.size, *case.cells, channels, len(case.anchors) // 2, anchors, case.threshold, case.nms)
        boxes, count = ctypes.POINTER(Box)(), ctypes.c_uint32(77)
        code = self.find(
            ctypes.byref(self.env),
            ctypes.byref(net),
            data.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(boxes),
            ctypes.byref(count),
        )
        found = [Box.from_buffer_copy(boxes[i]) for i in range(count.value)]
        if boxes:
            self._free(0, ctypes.addressof(boxes.contents))
        assert not self.blocks, "memory is left behind"
        assert data.tobytes() == before, "the model's output was changed"
        return code, found


@pytest.fixture(scope="module")
def library(root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    kmodel = root / "components" / "kmodel"
    path = tmp_path_factory.mktemp("yolo2") / "yolo2.so"
    flags = "-std=c11 -O1 -Wall -Wextra -Werror -shared -fPIC -fsanitize=undefined,float-cast-overflow"
    flags += f" -fno-sanitize-recover=all -static-libubsan -I{kmodel / 'include'}"
    subprocess.run(["gcc", *flags.split(), kmodel / "src" / "yolo2.c", "-lm", "-o", path], check=True)
    return path


@pytest.fixture
def region(library: pathlib.Path) -> Region:
    return Region(library)


def sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def expected(case: Case, data: F32) -> list[tuple[float, float, float, float, int, float]]:
    """Steps 4 to 11 in double precision: x1, y1, x2, y2 not yet truncated, class, value."""
    (lw, lh), (width, height) = case.cells, case.size
    anchors = np.array(case.anchors).reshape(-1, 2)
    d = data.astype(np.float64).reshape(len(anchors), 5 + case.classes, lh, lw)
    row, column = np.mgrid[0:lh, 0:lw]
    cx, cy = (column + sigmoid(d[:, 0])) / lw, (row + sigmoid(d[:, 1])) / lh
    bw, bh = np.exp(d[:, 2]) * anchors[:, 0, None, None] / lw, np.exp(d[:, 3]) * anchors[:, 1, None, None] / lh
    soft = np.exp(d[:, 5:] - d[:, 5:].max(axis=1, keepdims=True))
    probability = sigmoid(d[:, 4])[:, None] * soft / soft.sum(axis=1, keepdims=True)
    probability[probability <= case.threshold] = 0

    p = np.moveaxis(probability, 1, -1).reshape(-1, case.classes)
    box = np.stack([cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2], axis=-1).reshape(-1, 4)
    for j in range(case.classes):
        order = [i for i in np.argsort(-p[:, j], kind="stable") if p[i, j] > 0]
        for n, i in enumerate(order):
            if p[i, j] == 0:
                continue
            for k in order[n + 1 :]:
                w, h = np.minimum(box[i, 2:], box[k, 2:]) - np.maximum(box[i, :2], box[k, :2])
                shared = 0 if w < 0 or h < 0 else w * h
                area = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box[i], box[k])]
                if shared / (sum(area) - shared) > case.nms:
                    p[k, j] = 0
    found = []
    for i in np.flatnonzero(p.max(axis=1) > case.threshold):
        j = int(p[i].argmax())
        x1, y1, x2, y2 = np.maximum(box[i] * (width, height, width, height), 0)
        found.append((x1, y1, x2, y2, j, float(p[i, j])))
    return found


def edges(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.w, box.y + box.h


def test_worked_example(region: Region) -> None:
    case = Case((320, 240), (20, 15), 1, FACE_ANCHORS)
    data = case.blank()
    data[0, 4, 7, 10] = 10
    code, (box,) = region.run(case, data)
    assert code == 0
    assert (box.x, box.y, box.w, box.h, box.class_id) == (152, 99, 31, 41, 0)
    assert box.value == pytest.approx(1 / (1 + np.exp(-10)), abs=1e-6)


def test_nothing(region: Region) -> None:
    case = Case((320, 240), (20, 15), 1, FACE_ANCHORS)
    assert region.run(case, case.blank()) == (0, [])
    assert region.allocations == 0


CASES = [
    Case((320, 240), (20, 15), 1, FACE_ANCHORS),
    Case((320, 240), (10, 8), 2, (0.1606, 0.3562, 0.4712, 0.9568, 0.9877, 1.9108, 1.8761, 3.5310, 3.4423, 5.6823)),
    Case((320, 240), (10, 7), 20, FACE_ANCHORS, threshold=0.2, nms=0.45),
    Case((224, 224), (7, 7), 3, (1.0, 1.0, 3.0, 4.0, 2.0, 2.5), threshold=0.3),  # three anchors: no // 5 here
    Case((128, 96), (4, 3), 1, (2.0, 2.0), threshold=0.0, nms=0.5),  # every cell is a candidate
    Case((128, 96), (4, 3), 4, (2.0, 2.0), threshold=0.05, nms=1.0),  # nothing is suppressed
    Case((128, 96), (4, 3), 4, (2.0, 2.0), threshold=0.05, nms=0.0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.cells[0]}x{c.cells[1]}x{c.channels}")
@pytest.mark.parametrize("seed", range(4))
def test_random_maps(region: Region, case: Case, seed: int) -> None:
    random = np.random.default_rng(seed)
    data = case.blank()
    data[:, :4] = random.normal(0, 0.7, data[:, :4].shape)
    data[:, 4] = random.normal(-1, 2.5, data[:, 4].shape)
    data[:, 5:] = random.normal(0, 3, data[:, 5:].shape)
    code, found = region.run(case, data)
    wanted = expected(case, data)
    assert code == 0 and wanted
    assert [(box.class_id, pytest.approx(box.value, abs=1e-5)) for box in found] == [(w[4], w[5]) for w in wanted]
    for box, want in zip(found, wanted, strict=True):
        # Single precision may fall on the other side of a whole number.
        assert all(int(exact - 1e-3) <= edge <= exact + 1e-3 for edge, exact in zip(edges(box), want[:4], strict=True))


def test_box_beyond_the_edges(region: Region) -> None:
    """Cut at 0 on the left and top, not cut on the right and bottom."""
    case = Case((320, 240), (20, 15), 1, FACE_ANCHORS)
    data = case.blank()
    data[4, 4, 0, 0] = data[4, 4, 14, 19] = 10
    data[4, 2:4, 14, 19] = 0.5
    _, (first, second) = region.run(case, data)
    assert edges(first) == (0, 0, int(8 + 6.718375 * 8), int(8 + 9.01025 * 8))
    assert second.x + second.w > 320 and second.y + second.h > 240


def test_every_object_is_returned(region: Region) -> None:
    """Also beyond the ten that MaixPy v1 had room for."""
    case = Case((320, 240), (20, 15), 1, (0.5, 0.5))
    data = case.blank()
    data[:, 4] = 10
    _, found = region.run(case, data)
    assert len(found) == 300
    assert [(box.x // 16, box.y // 16) for box in found] == [(i % 20, i // 20) for i in range(300)]


def test_equal_scores_keep_the_first(region: Region) -> None:
    """Of boxes, the one of the first cell; of classes, the first one."""
    case = Case((320, 240), (20, 15), 2, (8.0, 8.0), threshold=0.3)
    data = case.blank()
    data[0, 4, 3, 7:10] = 5
    _, (box,) = region.run(case, data)
    assert (box.x, box.w) == (56, 128)  # (7.5 - 4) * 16 and 8 * 16
    assert (box.class_id, box.value) == (0, pytest.approx(0.5 / (1 + np.exp(-5)), abs=1e-6))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_numbers_out_of_range(region: Region, value: float) -> None:
    """Nothing undefined happens (the library is built with UBSan)."""
    case = Case((320, 240), (20, 15), 2, FACE_ANCHORS, threshold=0.1)
    for entry in range(7):
        data = case.blank()
        data[0, 4, 7, 10] = 10
        data[0, entry, 7, 10] = value
        code, found = region.run(case, data)
        assert code == 0 and len(found) <= 1


@pytest.mark.parametrize("channels", [0, 4, 5, 24, 25, 29])
def test_too_few_channels(region: Region, channels: int) -> None:
    case = Case((320, 240), (20, 15), 1, FACE_ANCHORS)
    assert region.run(case, case.blank(), channels) == (ERR_SIZE, [])


@pytest.mark.parametrize("fail_at", [1, 2])
def test_no_memory(region: Region, fail_at: int) -> None:
    case = Case((320, 240), (20, 15), 1, FACE_ANCHORS)
    data = case.blank()
    data[0, 4] = 3
    region.fail_at = fail_at
    assert region.run(case, data) == (ERR_MEMORY, [])


def test_interrupted(region: Region) -> None:
    case = Case((320, 240), (20, 15), 1, FACE_ANCHORS)
    data = case.blank()
    data[0, 4] = 3
    region.stop_at = 3
    assert region.run(case, data) == (ERR_INTERRUPTED, [])
