"""kmodel V4 on the board: the same bytes as the runtime on the host, and what scripts see of it."""

from __future__ import annotations

import fcntl
import io
import pathlib
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from kpu_board import MODEL_AT, board, free_memory, outcome, read_fmap, read_planes, remarks
from kpupy.kmodel.v3_base import Shape
from kpupy.testing.board import SessionBoard
from PIL import Image


@dataclass
class Job:
    """A model, a picture of its input's size, and how the results are to be named by set_outputs (w, h, ch).
    `exact`: nothing in it depends on the order of additions or on exp()."""

    model: str
    picture: str
    shape: Shape
    outputs: tuple[tuple[int, int, int], ...]
    exact: bool = True


JOBS = [
    Job("v4_mnist112.kmodel", "digit7_28x28.bmp", Shape(1, 112, 112), ((1, 1, 10),)),
    Job("v4_yolo20.kmodel", "dog_320x240.bmp", Shape(3, 240, 320), ((10, 7, 125),)),
    Job("v4_rfb320.kmodel", "face_320x240.jpg", Shape(3, 240, 320), ((4, 4420, 1), (2, 4420, 1)), exact=False),
    Job("v4_seg32_conv.kmodel", "dog_320x240.bmp", Shape(3, 32, 32), ((32, 32, 5),)),
    Job("v4_maix_asr.kmodel", "digit1_28x28.bmp", Shape(1, 28, 80), ((7, 1, 512),)),
]


@pytest.fixture(scope="module")
def kmodel_run(root: pathlib.Path) -> pathlib.Path:
    """The runtime on the host, with a KPU in software."""
    build = root / "build" / "kmodel" / "plain"
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", root / "components" / "kmodel"], check=True)
    return build / "kmodel_run"


def on_host(program: pathlib.Path, folder: pathlib.Path, model: bytes, data: bytes, outputs: int) -> list[np.ndarray]:
    (folder / "model").write_bytes(model)
    (folder / "input").write_bytes(data)
    command = [program, folder / "model", "--input", folder / "input", "--output", folder / "out"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [np.fromfile(folder / f"out.{i}.bin", "<f4") for i in range(outputs)]


def picture(path: pathlib.Path, shape: Shape) -> bytes:
    image = Image.open(path).convert("L" if shape.channels == 1 else "RGB")
    if image.size != (shape.width, shape.height):
        image = image.resize((shape.width, shape.height), Image.Resampling.NEAREST)
    out = io.BytesIO()
    image.save(out, "BMP")
    return out.getvalue()


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.model.partition(".")[0])
def test_equals_the_host(
    session_board: SessionBoard, shared_models: pathlib.Path, tmp_path: pathlib.Path, kmodel_run: pathlib.Path, job: Job
) -> None:
    data = (shared_models / job.model).read_bytes()
    files = {"model.kmodel": data, "picture.bmp": picture(shared_models / job.picture, job.shape)}
    with board(session_board, {MODEL_AT: data}, files) as dut:
        dut.exec("img = image.Image('/flash/picture.bmp')\n_ = img.pix_to_ai()", timeout_ms=30_000)
        planes = read_planes(dut, "img", job.shape)
        wanted = on_host(kmodel_run, tmp_path, data, planes.tobytes(), len(job.outputs))
        before = free_memory(dut)
        for source in (hex(MODEL_AT), "'/flash/model.kmodel'"):
            dut.exec(f"m = kpu.load({source})", timeout_ms=30_000)
            for i, shape in enumerate(job.outputs):
                assert dut.eval(f"kpu.set_outputs(m, {i}, *{shape})") is True
            for i, (shape, values) in enumerate(zip(job.outputs, wanted, strict=True)):
                code = f"f = kpu.forward(m, img)\nf = kpu.get_output(m, {i})\nprint(f)"
                found = read_fmap(dut, code, timeout_ms=120_000)
                assert (found.w, found.h, found.ch) == shape
                if job.exact:
                    assert found.f32.tobytes() == values.tobytes()
                else:  # exp() of two libraries
                    np.testing.assert_allclose(found.f32, values, rtol=2e-6, atol=1e-12)
            dut.exec("kpu.deinit(m)\ndel m, f")
        assert free_memory(dut) == before
        assert remarks(dut) == []


def test_list_and_shapes(session_board: SessionBoard, shared_models: pathlib.Path) -> None:
    """A model that takes floats; set_outputs, set_layers and run_yolo2 as for V4 (spec maixpy-kpu.md 10a)."""
    data = (shared_models / "v4_iris.kmodel").read_bytes()
    with board(session_board, {MODEL_AT: data}, {}) as dut:
        dut.exec(f"m = kpu.load({MODEL_AT})")
        found = read_fmap(dut, "f = kpu.forward(m, [5.1, 3.8, 1.9, 0.4])\nprint(f)")
        np.testing.assert_allclose(found.f32, [16.0778, 5.60766, -2.07175], rtol=1e-5)
        assert (found.w, found.h, found.ch) == (3, 1, 1)
        assert dut.eval("kpu.set_outputs(m, 0, 1, 1, 3)") is True
        found = read_fmap(dut, "print(kpu.get_output(m, 0))")
        assert (found.w, found.h, found.ch) == (1, 1, 3)
        assert outcome(dut, "print(kpu.set_outputs(m, 0, 2, 1, 2))") == [
            "2x1x2 (w, h, c) for output 0, which has 3 elements (1x1x3)",
            "[MAIXPY]kpu: set_outputs arg value error: w,c,ch size not match output size",
            "False",
        ]
        for index in (1, -1):
            assert outcome(dut, f"print(kpu.set_outputs(m, {index}, 1, 1, 3))") == [
                f"[MAIXPY]kpu: set_outputs arg value error:kmodel output idx {index} out of range",
                "False",
            ]
        assert outcome(dut, "print(kpu.set_layers(m, 1))") == ["True"]
        found = read_fmap(dut, "print(kpu.forward(m, [5.1, 3.8, 1.9, 0.4]))")
        np.testing.assert_allclose(found.f32, [16.0778, 5.60766, -2.07175], rtol=1e-5)
        kinds = dut.exec("_ = kpu.netinfo(m)").splitlines()
        assert [line.split()[1] for line in kinds] == ["KL_transpose,", "KL_matmul,", "KL_transpose,", "KL_matmul,"]


def test_yolo(session_board: SessionBoard, shared_models: pathlib.Path) -> None:
    """The objects of the vendor's picture (shared models' expected results)."""
    data = (shared_models / "v4_yolo20.kmodel").read_bytes()
    files = {"dog.bmp": (shared_models / "dog_320x240.bmp").read_bytes()}
    anchors = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)
    with board(session_board, {MODEL_AT: data}, files) as dut:
        dut.exec("img = image.Image('/flash/dog.bmp')\n_ = img.pix_to_ai()", timeout_ms=30_000)
        dut.exec(f"m = kpu.load({MODEL_AT})\n_ = kpu.set_outputs(m, 0, 10, 7, 125)")
        dut.exec(f"_ = kpu.init_yolo2(m, 0.5, 0.3, 5, {anchors})")
        found = dut.eval("[(o.classid(), o.value()) for o in kpu.run_yolo2(m, img)]")
    assert isinstance(found, list)
    scores = {kind: value for kind, value in found}
    assert scores[1] == pytest.approx(0.92, abs=0.05)
    assert scores[6] == pytest.approx(0.84, abs=0.05)
