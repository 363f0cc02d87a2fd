"""Face codes (components/kmodel/src/faces.c) against spec maixpy-kpu.md 8.1 and 8.2 in numpy."""

from __future__ import annotations

import ctypes
import pathlib
import subprocess

import numpy as np
import numpy.typing as npt
import pytest

I8 = npt.NDArray[np.int8]


@pytest.fixture(scope="module")
def faces(root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    kmodel = root / "components" / "kmodel"
    path = tmp_path_factory.mktemp("faces") / "faces.so"
    flags = "-std=c11 -O1 -Wall -Wextra -Werror -shared -fPIC -fsanitize=undefined,float-cast-overflow"
    flags += f" -fno-sanitize-recover=all -static-libubsan -I{kmodel / 'include'}"
    subprocess.run(["gcc", *flags.split(), kmodel / "src" / "faces.c", "-lm", "-o", path], check=True)
    library = ctypes.CDLL(str(path))
    library.kmodel_face_code.restype = ctypes.c_int8
    library.kmodel_face_code.argtypes = [ctypes.c_float]
    library.kmodel_face_compare.restype = ctypes.c_double
    library.kmodel_face_compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return library


def compare(faces: ctypes.CDLL, a: I8, b: I8) -> float:
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    score: float = faces.kmodel_face_compare(a.ctypes.data, b.ctypes.data, a.size)
    return score


def test_codes(faces: ctypes.CDLL) -> None:
    random = np.random.default_rng(1)
    steps = np.arange(-140, 141, dtype=np.float32) / 512
    values = np.concatenate([steps, np.nextafter(steps, np.float32(1)), np.nextafter(steps, np.float32(-1))])
    values = np.concatenate([values, random.normal(0, 0.15, 2000).astype(np.float32)])
    wanted = np.minimum(np.trunc(np.clip(values.astype(np.float64), -0.25, 0.25) * 512), 127)
    assert [faces.kmodel_face_code(v) for v in values] == wanted.tolist()


@pytest.mark.parametrize(("value", "code"), [(np.inf, 127), (-np.inf, -128), (3e38, 127), (-3e38, -128), (np.nan, 0)])
def test_codes_out_of_range(faces: ctypes.CDLL, value: float, code: int) -> None:
    assert faces.kmodel_face_code(value) == code


@pytest.mark.parametrize("count", [1, 2, 196, 256, 512])
def test_scores(faces: ctypes.CDLL, count: int) -> None:
    random = np.random.default_rng(count)
    for _ in range(20):
        a, b = random.integers(-128, 128, (2, count)).astype(np.int8)
        a[0], b[0] = a[0] or 1, b[0] or 1
        x, y = a.astype(np.float64), b.astype(np.float64)
        wanted = (0.5 * (x @ y) / (np.linalg.norm(x) * np.linalg.norm(y)) + 0.5) * 100
        assert compare(faces, a, b) == pytest.approx(wanted, abs=1e-9)
        assert compare(faces, a, a) == 100.0


def test_extreme_scores(faces: ctypes.CDLL) -> None:
    a = np.full(1 << 20, -128, np.int8)  # the sum of the squares does not fit in 32 bits
    assert compare(faces, a, a) == 100.0
    assert compare(faces, a, np.full(1 << 20, 127, np.int8)) == 0.0
    assert compare(faces, np.array([0, 5], np.int8), np.array([5, 0], np.int8)) == 50.0
    assert compare(faces, np.zeros(4, np.int8), np.ones(4, np.int8)) == 50.0
    assert compare(faces, np.zeros(0, np.int8), np.zeros(0, np.int8)) == 50.0
