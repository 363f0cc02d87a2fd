"""K-means (components/kmodel/src/classifier.c) against spec maixpy-kpu.md 8.4 in numpy."""

from __future__ import annotations

import ctypes
import pathlib
import subprocess

import numpy as np
import numpy.typing as npt
import pytest

F32 = npt.NDArray[np.float32]
POLL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
ERR_INTERRUPTED = 1


class Env(ctypes.Structure):
    _fields_ = (
        ("ctx", ctypes.c_void_p),
        ("alloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
        ("poll", POLL),
        ("clock", ctypes.c_void_p),
        ("kpu", ctypes.c_void_p),
    )


class KMeans(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("classes", "samples", "length")] + [
        (name, ctypes.c_void_p) for name in ("sample", "centre", "member")
    ]


class Code:
    """The C code, with a poll hook that can ask to stop."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.polls, self.stop_at = 0, -1
        self.env = Env(poll=POLL(self._poll))

    def _poll(self, _ctx: int) -> int:
        self.polls += 1
        return int(self.polls == self.stop_at)

    def train(self, centres: F32, samples: F32) -> tuple[int, F32, npt.NDArray[np.uint32]]:
        centres, before = centres.copy(), samples.tobytes()
        member = np.full(len(samples), 77, np.uint32)
        k = KMeans(len(centres), len(samples), centres.shape[1], *(a.ctypes.data for a in (samples, centres, member)))
        code = self.library.kmodel_kmeans(ctypes.byref(self.env), ctypes.byref(k))
        assert samples.tobytes() == before
        return code, centres, member

    def nearest(self, centres: F32, feature: F32) -> tuple[int, float]:
        k = KMeans(len(centres), 0, centres.shape[1], None, centres.ctypes.data, None)
        distance = ctypes.c_double()
        found = self.library.kmodel_nearest(
            ctypes.byref(k), feature.ctypes.data_as(ctypes.c_void_p), ctypes.byref(distance)
        )
        return found, distance.value


@pytest.fixture(scope="module")
def library(root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    kmodel = root / "components" / "kmodel"
    path = tmp_path_factory.mktemp("classifier") / "classifier.so"
    flags = "-std=c11 -O1 -Wall -Wextra -Werror -shared -fPIC -fsanitize=undefined,float-cast-overflow"
    flags += f" -fno-sanitize-recover=all -static-libubsan -I{kmodel / 'include'}"
    subprocess.run(["gcc", *flags.split(), kmodel / "src" / "classifier.c", "-lm", "-o", path], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture
def code(library: ctypes.CDLL) -> Code:
    return Code(library)


def expected(centres: F32, samples: F32) -> tuple[F32, npt.NDArray[np.int64]]:
    """K-means in numpy, until the total distance stays."""
    centres, total = centres.copy(), -1.0
    while True:
        distance = np.linalg.norm(samples[:, None].astype(float) - centres[None].astype(float), axis=2)
        member = distance.argmin(axis=1)
        if (new := distance.min(axis=1).sum()) == pytest.approx(total, rel=1e-12):
            return centres, member
        total = new
        for i in range(len(centres)):
            if (member == i).any():
                centres[i] = samples[member == i].astype(float).mean(axis=0)


@pytest.mark.parametrize(("classes", "samples", "length"), [(1, 1, 1), (2, 9, 3), (3, 15, 768), (5, 60, 8), (8, 4, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_train(code: Code, classes: int, samples: int, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    start = random.normal(0, 2, (classes, length)).astype(np.float32)
    data = random.normal(0, 2, (samples, length)).astype(np.float32)
    rc, centres, member = code.train(start, data)
    wanted, wanted_member = expected(start, data)
    assert rc == 0
    assert member.tolist() == wanted_member.tolist()
    np.testing.assert_allclose(centres, wanted, rtol=1e-6, atol=1e-6)


def test_centres_move_more_than_once(code: Code) -> None:
    """By hand: 0, 1 | 8, 9, 10 only after the second pass, since the first one takes 1 to the right centre."""
    samples = np.array([[0], [1], [8], [9], [10]], np.float32)
    rc, centres, member = code.train(np.array([[0], [1.5]], np.float32), samples)
    assert (rc, centres.ravel().tolist(), member.tolist()) == (0, [0.5, 9.0], [0, 0, 1, 1, 1])


def test_class_without_samples_keeps_its_centre(code: Code) -> None:
    rc, centres, _ = code.train(np.array([[0], [100]], np.float32), np.array([[1], [3]], np.float32))
    assert (rc, centres.ravel().tolist()) == (0, [2, 100])


def test_nearest(code: Code) -> None:
    centres = np.array([[0, 0], [3, 4], [3, 4], [-5, 0]], np.float32)
    assert code.nearest(centres, np.array([3, 4], np.float32)) == (1, 0.0)  # the first of equals
    assert code.nearest(centres, np.array([-6, 0], np.float32)) == (3, 1.0)
    assert code.nearest(centres, np.array([-2.5, 0], np.float32)) == (0, 2.5)
    assert code.nearest(centres[1:2], np.array([0, 0], np.float32)) == (0, 5.0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_numbers_out_of_range(code: Code, value: float) -> None:
    """Training ends and nothing undefined happens (the library is built with UBSan)."""
    samples = np.array([[0, 1], [value, 2], [2, value], [4, 4]], np.float32)
    rc, _, member = code.train(np.array([[0, 0], [4, 4]], np.float32), samples)
    assert rc == 0 and set(member) <= {0, 1}
    assert code.polls < 100


@pytest.mark.parametrize("stop_at", [1, 5, 6, 8])
def test_interrupted(code: Code, stop_at: int) -> None:
    code.stop_at = stop_at
    samples = np.array([[0], [1], [8], [9], [10]], np.float32)
    rc, _, _ = code.train(np.array([[0], [1.5]], np.float32), samples)
    assert rc == ERR_INTERRUPTED
    assert code.polls == stop_at
