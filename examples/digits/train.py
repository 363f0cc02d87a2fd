"""Train the digit network and write parameters.npz.

    python examples/digits/train.py               train on the 4,000 training samples, write the parameters
    python examples/digits/train.py --validate    train on 3,500 of them, print the accuracy on the other 500

The held-out 1,000 are not touched here: `evaluate.py` prints the accuracy on them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import dataset
import network
import numpy as np
from network import Array, Parameters

HERE = Path(__file__).parent
SEED = 210
EPOCHS = 60
BATCH = 100
RATE = 3e-3
DROPOUT = 0.3
WEIGHT_DECAY = 3e-4


def distort(pixels: Array, rng: np.random.Generator) -> Array:
    """Rotate, scale, shear, shift, and change the contrast of each picture [n, 28, 28], values 0..1."""
    n, side = len(pixels), pixels.shape[1]
    angle = rng.uniform(-0.2, 0.2, n)
    zoom_y, zoom_x = rng.uniform(0.86, 1.16, (2, n))
    shear = rng.uniform(-0.2, 0.2, n)
    shift_y, shift_x = rng.uniform(-1.8, 1.8, (2, n))
    middle = (side - 1) / 2
    y, x = np.mgrid[0:side, 0:side] - middle
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    from_y = (cos * y + sin * x) / zoom_y[:, None, None] + middle + shift_y[:, None, None]
    from_x = (cos * x - sin * y + shear[:, None, None] * y) / zoom_x[:, None, None] + middle + shift_x[:, None, None]

    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
    from_y, from_x = np.clip(from_y + 1, 0, side), np.clip(from_x + 1, 0, side)
    row, column = from_y.astype(np.int64), from_x.astype(np.int64)
    fy, fx = from_y - row, from_x - column
    which = np.arange(n)[:, None, None]
    upper = padded[which, row, column] * (1 - fx) + padded[which, row, column + 1] * fx
    lower = padded[which, row + 1, column] * (1 - fx) + padded[which, row + 1, column + 1] * fx
    moved = upper * (1 - fy) + lower * fy
    gain = rng.uniform(0.8, 1.0, n)[:, None, None]
    return np.asarray(moved * gain, dtype=np.float32)


def train(digits: dataset.Digits, epochs: int) -> Parameters:
    """Adam with a cosine rate over `epochs` passes; the same seed gives the same samples in the same order."""
    rng = np.random.default_rng(SEED)
    p = network.initial(rng)
    trained = [key for key in p if key.rsplit(".", 1)[1] not in network.RUNNING]
    first = {key: np.zeros_like(p[key]) for key in trained}
    second = {key: np.zeros_like(p[key]) for key in trained}
    pixels = digits.pixels.astype(np.float32) / np.float32(255)
    steps, step, started = epochs * (len(digits) // BATCH), 0, time.monotonic()
    for epoch in range(epochs):
        order, total = rng.permutation(len(digits)), 0.0
        for start in range(0, len(digits) - BATCH + 1, BATCH):
            pick = order[start : start + BATCH]
            keep = (rng.random((BATCH, network.FEATURES)) >= DROPOUT).astype(np.float32) / np.float32(1 - DROPOUT)
            loss, g = network.gradients(p, distort(pixels[pick], rng)[..., None], digits.labels[pick], keep)
            total, step = total + loss, step + 1
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            for key in trained:
                first[key] = 0.9 * first[key] + 0.1 * g[key]
                second[key] = 0.999 * second[key] + 0.001 * g[key] ** 2
                move = (first[key] / (1 - 0.9**step)) / (np.sqrt(second[key] / (1 - 0.999**step)) + 1e-8)
                decay = WEIGHT_DECAY * p[key] if key.endswith("weight") else 0
                p[key] = (p[key] - rate * move - RATE * decay).astype(np.float32)
        mean = total / (len(digits) // BATCH)
        print(f"epoch {epoch + 1:3d}/{epochs}  loss {mean:.4f}  {time.monotonic() - started:5.0f} s", flush=True)
    return p


def accuracy(folded: Parameters, digits: dataset.Digits) -> float:
    """Share of pictures whose largest logit is the label's."""
    logits = network.infer(folded, digits.pixels[..., None].astype(np.float32) / np.float32(255))[-1]
    return float((logits.argmax(axis=1) == digits.labels).mean())


def half_precision(folded: Parameters) -> Parameters:
    """The parameters as they are stored: in 16 bits, more than the 8 that quantisation leaves."""
    return {name: value.astype(np.float16).astype(np.float32) for name, value in folded.items()}


def ranges(folded: Parameters, digits: dataset.Digits) -> Parameters:
    """Largest activation of each layer, and least and largest logit, on `digits`: what quantisation has to cover.

    They are stored, not computed again, because their last bits depend on the machine's matrix product.
    """
    *blocks, logits = network.infer(folded, digits.pixels[..., None].astype(np.float32) / np.float32(255))
    found = {f"{shape.name}.max": np.array(x.max()) for shape, x in zip(network.CONVS, blocks, strict=True)}
    return {**found, "logits.range": np.array([logits.min(), logits.max()])}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the digit network")
    parser.add_argument("--validate", action="store_true", help="keep 500 training samples back and test on them")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    args = parser.parse_args()
    digits = dataset.load()
    if args.validate:
        folded = network.fold(train(dataset.training_without_validation(digits), args.epochs))
        print(f"validation accuracy {accuracy(folded, dataset.validation(digits)):.4f} (floating point, 500 digits)")
        return
    samples = dataset.training(digits)
    folded = half_precision(network.fold(train(samples, args.epochs)))
    weights = {name: value.astype(np.float16) for name, value in folded.items()}
    np.savez_compressed(HERE / "parameters.npz", allow_pickle=False, **weights, **ranges(folded, samples))
    print(f"training accuracy {accuracy(folded, samples):.4f}; wrote parameters.npz")


if __name__ == "__main__":
    main()
