"""The digit network in floating point, with its gradients, in plain numpy.

    1x28x28 → conv 3x3 16, max 2x2 → conv 3x3 48, max 2x2 → conv 3x3 20 → 980 values → fully connected → 10 logits

Each convolution is followed by batch normalisation and ReLU. Activations are N,H,W,C here; the flattened vector
and all stored weights are in the order of the kmodel (C,H,W and [out][in][ky][kx]).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Parameters = dict[str, Array]


class ConvShape(NamedTuple):
    name: str
    inputs: int
    outputs: int
    pool: bool


CONVS = (ConvShape("conv1", 1, 16, True), ConvShape("conv2", 16, 48, True), ConvShape("conv3", 48, 20, False))
FEATURES, CLASSES = 20 * 7 * 7, 10
EPSILON = np.float32(1e-5)
MOMENTUM = np.float32(0.95)  # of the running batch statistics
RUNNING = ("mean", "variance")


def initial(rng: np.random.Generator) -> Parameters:
    """He-scaled random weights, neutral batch normalisation."""
    p: Parameters = {}
    for name, inputs, outputs, _ in CONVS:
        spread = np.sqrt(2.0 / (9 * inputs))
        p[f"{name}.weight"] = rng.normal(0.0, spread, (outputs, inputs, 3, 3)).astype(np.float32)
        p[f"{name}.gamma"] = np.ones(outputs, np.float32)
        p[f"{name}.beta"] = np.zeros(outputs, np.float32)
        p[f"{name}.mean"] = np.zeros(outputs, np.float32)
        p[f"{name}.variance"] = np.ones(outputs, np.float32)
    p["fc.weight"] = rng.normal(0.0, np.sqrt(1.0 / FEATURES), (CLASSES, FEATURES)).astype(np.float32)
    p["fc.bias"] = np.zeros(CLASSES, np.float32)
    return p


def _windows(x: Array) -> Array:
    """N,H,W,C → N·H·W, C·3·3 with a border of zeros."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    n, h, w, c = x.shape
    taps = [padded[:, ky : ky + h, kx : kx + w] for ky in range(3) for kx in range(3)]
    return np.stack(taps, axis=-1).reshape(n * h * w, c * 9)


def _scatter_windows(columns: Array, shape: tuple[int, ...]) -> Array:
    """Adjoint of `_windows`."""
    n, h, w, c = shape
    taps = columns.reshape(n, h, w, c, 3, 3)
    padded = np.zeros((n, h + 2, w + 2, c), np.float32)
    for ky in range(3):
        for kx in range(3):
            padded[:, ky : ky + h, kx : kx + w] += taps[..., ky, kx]
    return padded[:, 1:-1, 1:-1]


def _max_pool(x: Array) -> Array:
    n, h, w, c = x.shape
    return np.asarray(x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4)))


def _max_pool_back(x: Array, pooled: Array, gradient: Array) -> Array:
    n, h, w, c = x.shape
    cells = x.reshape(n, h // 2, 2, w // 2, 2, c)
    hit = (cells == pooled[:, :, None, :, None, :]).astype(np.float32)
    hit /= hit.sum(axis=(2, 4), keepdims=True)
    return np.asarray(hit * gradient[:, :, None, :, None, :]).reshape(x.shape)


def fold(p: Parameters) -> Parameters:
    """Weights and biases of each layer with the running statistics multiplied in."""
    folded = {"fc.weight": p["fc.weight"], "fc.bias": p["fc.bias"]}
    for name, *_ in CONVS:
        scale = p[f"{name}.gamma"] / np.sqrt(p[f"{name}.variance"] + EPSILON)
        folded[f"{name}.weight"] = p[f"{name}.weight"] * scale[:, None, None, None]
        folded[f"{name}.bias"] = p[f"{name}.beta"] - p[f"{name}.mean"] * scale
    return folded


def infer(folded: Parameters, x: Array) -> list[Array]:
    """Activations after each convolution block (N,H,W,C), then the logits."""
    found = []
    for name, _, outputs, pool in CONVS:
        y = _windows(x) @ folded[f"{name}.weight"].reshape(outputs, -1).T + folded[f"{name}.bias"]
        x = np.maximum(y, 0).reshape(*x.shape[:3], outputs)
        if pool:
            x = _max_pool(x)
        found.append(x)
    found.append(x.transpose(0, 3, 1, 2).reshape(len(x), -1) @ folded["fc.weight"].T + folded["fc.bias"])
    return found


def gradients(p: Parameters, x: Array, labels: npt.NDArray[np.int64], keep: Array) -> tuple[float, Parameters]:
    """Cross entropy of a batch and its gradients; the running statistics in `p` move along.

    `keep` is the dropout mask over the features, already scaled.
    """
    tape = []
    for name, _, outputs, pool in CONVS:
        columns = _windows(x)
        y = columns @ p[f"{name}.weight"].reshape(outputs, -1).T
        mean, variance = y.mean(axis=0), y.var(axis=0)
        for key, value in (("mean", mean), ("variance", variance)):
            p[f"{name}.{key}"] = MOMENTUM * p[f"{name}.{key}"] + (1 - MOMENTUM) * value
        deviation = np.sqrt(variance + EPSILON)
        normal = (y - mean) / deviation
        rectified = np.maximum(normal * p[f"{name}.gamma"] + p[f"{name}.beta"], 0).reshape(*x.shape[:3], outputs)
        out = _max_pool(rectified) if pool else rectified
        tape.append((x.shape, columns, normal, deviation, rectified, out))
        x = out
    features = x.transpose(0, 3, 1, 2).reshape(len(x), -1) * keep
    logits = features @ p["fc.weight"].T + p["fc.bias"]

    logits -= logits.max(axis=1, keepdims=True)
    share = np.exp(logits)
    share /= share.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = float(-np.log(share[rows, labels] + 1e-12).mean())
    share[rows, labels] -= 1
    share /= len(labels)

    g: Parameters = {"fc.weight": share.T @ features, "fc.bias": share.sum(axis=0)}
    n, h, w, c = tape[-1][5].shape
    back: Array = ((share @ p["fc.weight"]) * keep).reshape(n, c, h, w).transpose(0, 2, 3, 1)
    for (name, _, outputs, pool), (shape, columns, normal, deviation, rectified, out) in zip(
        reversed(CONVS), reversed(tape), strict=True
    ):
        if pool:
            back = _max_pool_back(rectified, out, back)
        flat = (back * (rectified > 0)).reshape(-1, outputs)
        g[f"{name}.gamma"] = (flat * normal).sum(axis=0)
        g[f"{name}.beta"] = flat.sum(axis=0)
        flat = flat * p[f"{name}.gamma"]
        flat = (flat - flat.mean(axis=0) - normal * (flat * normal).mean(axis=0)) / deviation
        g[f"{name}.weight"] = (flat.T @ columns).reshape(p[f"{name}.weight"].shape)
        if name != CONVS[0].name:
            back = _scatter_windows(flat @ p[f"{name}.weight"].reshape(outputs, -1), shape)
    return loss, g
