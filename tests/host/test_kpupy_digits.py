"""The digit classifier of examples/digits: its data, its file, and its accuracy on digits it was not trained on."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import numpy as np
import pytest
from kpupy.kmodel import parse, reference
from kpupy.kmodel.v3 import ModelV3
from PIL import Image


@pytest.fixture(scope="module")
def example(root: pathlib.Path) -> pathlib.Path:
    """The example's directory, importable."""
    path = root / "examples" / "digits"
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
    return path


@pytest.fixture(scope="module")
def held_out(example: pathlib.Path) -> Any:
    import dataset

    return dataset.held_out(dataset.load())


@pytest.fixture(scope="module")
def model(example: pathlib.Path) -> ModelV3:
    return parse.parse((example / "digits.kmodel").read_bytes())


def test_splits_are_apart_and_even(example: pathlib.Path, held_out: Any) -> None:
    import dataset

    digits = dataset.load()
    train, check = dataset.training_without_validation(digits), dataset.validation(digits)
    rows = [set(part.rows.tolist()) for part in (held_out, train, check)]
    assert [len(part) for part in rows] == [1000, 3500, 500]
    assert not rows[0] & rows[1] and not rows[0] & rows[2] and not rows[1] & rows[2]
    assert set(dataset.training(digits).rows.tolist()) == rows[1] | rows[2]
    assert np.bincount(held_out.labels).tolist() == [100] * 10
    seen = {picture.tobytes() for picture in dataset.training(digits).pixels}
    assert not any(picture.tobytes() in seen for picture in held_out.pixels)


def test_the_file_follows_from_the_stored_parameters(example: pathlib.Path) -> None:
    import quantize

    data = (example / "digits.kmodel").read_bytes()
    assert quantize.build(quantize.load_parameters()) == data
    assert len(data) < 60 * 1024


def test_shapes(model: ModelV3) -> None:
    assert model.warnings == []
    assert (model.input.shape, model.input.is_float) == ((1, 28, 28), False)
    assert model.output_shape(0) == (10, 1, 1)
    # nothing but DEQUANTIZE and SOFTMAX is float
    assert [layer.NAME for layer in model.layers][-2:] == ["DEQUANTIZE", "SOFTMAX"]
    assert all(layer.NAME.startswith("K210_") for layer in model.layers[:-2])
    # maps below 4x4 do not work on the KPU
    assert all(min(c.out_shape().height, c.out_shape().width) >= 4 for c in model.convolutions())


def test_accuracy_on_held_out_digits(model: ModelV3, held_out: Any) -> None:
    outputs = np.array([reference.run(model, picture[None]).outputs[0] for picture in held_out.pixels])
    assert (outputs.argmax(axis=1) == held_out.labels).mean() >= 0.97
    assert np.allclose(outputs.sum(axis=1), 1, atol=1e-5)


def test_accuracy_in_floating_point(example: pathlib.Path, held_out: Any) -> None:
    import quantize
    import train

    assert train.accuracy(quantize.load_parameters(), held_out) >= 0.98


def test_both_roundings_of_the_kpu_agree_on_the_class(model: ModelV3, held_out: Any) -> None:
    """Which rounding silicon has is not certain (spec kpu.md 5.4); it must not matter here."""
    pick = range(0, len(held_out), 10)
    for index in pick:
        a, b = (reference.run(model, held_out.pixels[index][None], p).outputs[0].argmax() for p in ("A", "B"))
        assert a == b


def test_pictures_are_grayscale_bitmaps_of_held_out_digits(
    example: pathlib.Path, held_out: Any, tmp_path: pathlib.Path
) -> None:
    import make_pictures

    paths = make_pictures.write_pictures(tmp_path, 12)
    assert [p.name for p in paths[:10]] == [f"digit_{label}.bmp" for label in range(10)]
    assert len(list(tmp_path.iterdir())) == 12
    known = {picture.tobytes(): int(label) for picture, label in zip(held_out.pixels, held_out.labels, strict=True)}
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (28, 28))
            assert known[np.asarray(picture).tobytes()] == int(path.stem.rsplit("_", 1)[1])
    with pytest.raises(ValueError, match="1001 pictures"):
        make_pictures.write_pictures(tmp_path, 1001)


def test_gradients_agree_with_differences(example: pathlib.Path) -> None:
    """Training's gradients against central differences of the loss, in f64."""
    import network

    rng = np.random.default_rng(0)
    p: Any = {name: value.astype(np.float64) for name, value in network.initial(rng).items()}
    x, labels, keep = rng.random((3, 28, 28, 1)), np.array([1, 5, 9]), np.ones((3, network.FEATURES))
    _, gradients = network.gradients(dict(p), x, labels, keep)
    for name, gradient in gradients.items():
        at = tuple(int(rng.integers(0, size)) for size in p[name].shape)
        losses = []
        for step in (1e-5, -1e-5):
            moved = {**p, name: p[name].copy()}
            moved[name][at] += step
            losses.append(network.gradients(moved, x, labels, keep)[0])
        assert gradient[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-3, abs=1e-6)


def test_the_padded_layer_is_the_fully_connected_one(model: ModelV3, held_out: Any) -> None:
    """The 1x1 convolution over 4x4 maps is a plain product of the 980 values with its weights."""
    from kpupy.kmodel import tables

    result = reference.run(model, held_out.pixels[0][None])
    conv = model.convolutions()[-1]
    values = result.kpu[2].pixels.reshape(-1).astype(np.int64)
    weights = np.frombuffer(conv.weights, np.uint8).astype(np.int64).reshape(10, 980)
    bn = tables.decode_bn(bytes(conv.bn))
    sums = weights @ values - 128 * values.sum()
    logits = [(int(s) * e.mul >> e.shift) + e.add for s, e in zip(sums, bn, strict=True)]
    expected = [min(255, max(0, round(v / 1024))) for v in logits]
    assert result.kpu[3].pixels[:, 0, 0].tolist() == expected
