"""The reference on models by others, against results of another implementation (spec kmodel.md 9)."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from kpupy import models, picture
from kpupy.cli import main
from kpupy.kmodel import parse, reference
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3 import ModelV3
from PIL import Image

LCG_MODELS = ["v3_iris", "v3_mnist", "v3_ld5", "v3_mbnet751", "v3_mask", "v3_yolo20"]


def load(directory: pathlib.Path, name: str) -> ModelV3:
    return parse.parse(models.read(directory / name))


def expected(directory: pathlib.Path, name: str) -> Any:
    return json.loads((directory / "expected.json").read_text())[name]


@pytest.mark.parametrize("name", LCG_MODELS)
def test_noise(shared_models: pathlib.Path, name: str) -> None:
    model = load(shared_models, f"{name}.kmodel")
    out = reference.run(model, reference.lcg_input(model.input)).outputs[0]
    wanted = np.fromfile(shared_models / f"{name}.lcg.y0.bin", "<f4")
    # an 8-bit step of any of these models is above 1e-3; float layers differ in the last bits of f32
    np.testing.assert_allclose(out, wanted, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", ["v3_mnist", "v3_mask", "v3_yolo20"])
def test_noise_to_the_bit(shared_models: pathlib.Path, name: str) -> None:
    """These end in DEQUANTIZE, or their softmax agrees: no bit differs."""
    model = load(shared_models, f"{name}.kmodel")
    out = reference.run(model, reference.lcg_input(model.input)).outputs[0]
    assert out.tobytes() == (shared_models / f"{name}.lcg.y0.bin").read_bytes()


def test_profiles_differ_by_little(shared_models: pathlib.Path) -> None:
    """Spec kpu.md 5.4: on one layer the roundings differ in few bytes, and by one step."""
    model = load(shared_models, "v3_yolo20.kmodel")
    noise = reference.lcg_input(model.input)
    a, b = (reference.run(model, noise, profile).kpu[0].pixels.astype(int) for profile in ("A", "B"))
    assert np.abs(a - b).max() <= 1
    assert (a != b).mean() < 0.01


def pictures(directory: pathlib.Path, name: str) -> list[Any]:
    return list(expected(directory, name)["images"])


def check_outputs(out: Any, wanted: Any) -> None:
    stated = wanted["outputs"][0]
    assert len(out) == stated["count"]
    assert int(out.argmax()) == stated["argmax"]
    np.testing.assert_allclose(
        [out.min(), out.max(), *out[:6]], [stated["min"], stated["max"], *stated["first"]], rtol=2e-6
    )


@pytest.mark.parametrize("name", ["v3_mnist.kmodel", "v3_yolo20.kmodel", "v3_mbnet751.kmodel", "v3_ld5.kmodel"])
def test_pictures(shared_models: pathlib.Path, name: str) -> None:
    model = load(shared_models, name)
    for entry in pictures(shared_models, name):
        pixels = picture.load(shared_models / entry["image"], *model.input.shape)
        check_outputs(reference.run(model, pixels).outputs[0], entry)


@pytest.mark.parametrize("name", ["v3_face_at_0x300000.kfpkg", "v3_face_be_at_0x600000.kfpkg"])
def test_face_on_a_canvas(shared_models: pathlib.Path, name: str) -> None:
    """The package, and its word-swapped twin."""
    entry = pictures(shared_models, "v3_face_at_0x300000.kfpkg")[0]
    canvas = np.zeros((3, 240, 320), np.uint8)
    canvas[:, 56:184, 96:224] = picture.load(shared_models / entry["image"], 3, 128, 128)
    result = reference.run(load(shared_models, name), canvas)
    check_outputs(result.outputs[0], entry)
    assert len(result.kpu) == 23
    assert all(out.defined.all() for out in result.kpu)


def test_only_pixels_of_padded_vectors_are_defined(shared_models: pathlib.Path) -> None:
    model = load(shared_models, "v3_mnist.kmodel")
    result = reference.run(model, reference.lcg_input(model.input))
    assert [out.layer for out in result.kpu] == [0, 1, 7]
    assert result.kpu[0].defined.all()
    assert result.kpu[1].defined.all()
    last = result.kpu[2]
    assert last.defined[:, 0, 0].all()
    assert last.defined.sum() == 10


def test_wrong_inputs_are_named(shared_models: pathlib.Path) -> None:
    model = load(shared_models, "v3_mnist.kmodel")
    with pytest.raises(KModelError, match=r"1x28x28 uint8, not 785 values of uint8"):
        reference.run(model, np.zeros(785, np.uint8))
    with pytest.raises(KModelError, match=r"not 784 values of float32"):
        reference.run(model, np.zeros((1, 28, 28), np.float32))


def test_command_line(shared_models: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    digit = str(shared_models / "digit7_28x28.bmp")
    mnist = str(shared_models / "v3_mnist.kmodel")
    assert main(["model", "run-reference", mnist, digit, "--top", "1", "--save", str(tmp_path)]) == 0
    assert "[7] 0.580981" in capsys.readouterr().out
    assert (tmp_path / "output0.bin").stat().st_size == 40
    assert (tmp_path / "layer0.bin").stat().st_size == 16 * 14 * 14
    assert main(["model", "run-reference", str(shared_models / "v3_yolo20.kmodel"), digit]) == 1
    assert "28x28, the model's input is 320x240" in capsys.readouterr().err


def test_colours_of_a_16_bit_image(tmp_path: pathlib.Path) -> None:
    """Spec maixpy-image.md 2.2: every gray level, against the table given there and the nearest level by search."""
    fives = [0, 8, 16, 25, 33, 41, 49, 58, 66, 74, 82, 90, 99, 107, 115, 123, 132, 140, 148, 156, 165, 173, 181, 189]
    fives += [197, 206, 214, 222, 230, 239, 247, 255]
    sixes = [int(level * 255 / 63 + 0.5) for level in range(64)]
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "ramp.bmp")
    planes = picture.through_rgb565(picture.load(tmp_path / "ramp.bmp", 3, 16, 16))
    for plane, table in zip(planes.reshape(3, 256), (fives, sixes, fives), strict=True):
        for value, found in enumerate(plane.tolist()):
            assert found in table
            assert abs(found - value) == min(abs(level - value) for level in table)
