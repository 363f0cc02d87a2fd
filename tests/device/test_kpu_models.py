"""Models by others on the board: from flash and from file, on real pictures, every KPU layer against the reference."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import numpy as np
import pytest
from kpu_board import MODEL_AT, board, free_memory, read_fmap, read_planes, remarks
from kpupy import models
from kpupy.kmodel import parse, reference
from kpupy.testing import Dut
from kpupy.testing.board import SessionBoard


@dataclass
class Job:
    """A model and pictures of its input's size. `exact`: it ends in nothing but additions and multiplications."""

    model: str
    pictures: tuple[str, ...]
    exact: bool = True


JOBS = [
    Job("v3_mnist.kmodel", ("digit7_28x28.bmp", "digit1_28x28.bmp"), exact=False),
    Job("v3_ld5.kmodel", ("grace_hopper_128x128.bmp",)),
    Job("v3_face_at_0x300000.kfpkg", ("face_320x240.jpg", "dog_320x240.bmp")),
    Job("v3_face_be_at_0x600000.kfpkg", ("face_320x240.jpg",)),
    Job("v3_mask.kmodel", ("face_320x240.jpg",)),
    Job("v3_yolo20.kmodel", ("dog_320x240.bmp",)),
    Job("v3_mbnet751.kmodel", ("elephant_224x224.bmp",), exact=False),
]


def same(found: np.ndarray, wanted: np.ndarray, exact: bool) -> None:
    if exact:
        assert found.tobytes() == wanted.tobytes()
    else:  # exp() of two libraries
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-12)


def check_layers(dut: Dut, result: reference.Result) -> None:
    """Run up to each KPU layer in turn: its result is brought out of AI RAM."""
    for wanted in result.kpu:
        code = f"print(kpu.set_layers(m, {wanted.layer + 1}), end=' '); f = kpu.forward(m, img); print(); print(f)"
        found = read_fmap(dut, code)
        assert (found.index, found.map.shape) == (wanted.layer, wanted.pixels.shape)
        differ = (found.map != wanted.pixels) & wanted.defined
        assert not differ.any(), f"layer {wanted.layer}: {differ.sum()} of {wanted.defined.sum()} bytes differ"
    dut.exec("kpu.set_layers(m, 0)")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.model.partition(".")[0])
def test_pictures(session_board: SessionBoard, shared_models: pathlib.Path, job: Job) -> None:
    data = models.read(shared_models / job.model)
    model = parse.parse(data)
    files = {"model.kmodel": data} | {name: (shared_models / name).read_bytes() for name in job.pictures}
    with board(session_board, {MODEL_AT: data}, files) as dut:
        before = free_memory(dut)
        for name in job.pictures:
            dut.exec(f"img = image.Image('/flash/{name}'); _ = img.pix_to_ai()", timeout_ms=30_000)
            planes = read_planes(dut, "img", model.input.shape)
            result = reference.run(model, planes)
            for source in (hex(MODEL_AT), "'/flash/model.kmodel'"):
                dut.exec(f"m = kpu.load({source})", timeout_ms=30_000)
                found = read_fmap(dut, "f = kpu.forward(m, img)\nprint(f)")
                same(found.f32, result.outputs[0], job.exact)
                assert (found.w, found.h, found.ch, found.index) == (found.f32.size, 1, 1, len(model.layers) - 1)
                if source == hex(MODEL_AT):
                    check_layers(dut, result)
                dut.exec("kpu.deinit(m)")
        dut.exec("del m, f, img")
        assert free_memory(dut) == before
        assert remarks(dut) == []


def test_float_input(session_board: SessionBoard, shared_models: pathlib.Path) -> None:
    """A model without KPU layers that takes a list."""
    data = (shared_models / "v3_iris.kmodel").read_bytes()
    model = parse.parse(data)
    with board(session_board, {MODEL_AT: data}, {"iris.kmodel": data}) as dut:
        for source in (hex(MODEL_AT), "'/flash/iris.kmodel'"):
            for flower in ([5.1, 3.5, 1.4, 0.2], [7.0, 3.2, 4.7, 1.4], [6.3, 3.3, 6.0, 2.5]):
                found = read_fmap(dut, f"m = kpu.load({source})\nf = kpu.forward(m, {flower})\nprint(f)")
                wanted = reference.run(model, np.array(flower, np.float32)).outputs[0]
                same(found.f32, wanted, exact=True)
