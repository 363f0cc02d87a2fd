"""Quantise the trained network and write digits.kmodel (kmodel V3).

    python examples/digits/quantize.py

Everything up to the last DEQUANTIZE is integer: three convolutions, then the fully connected layer as a 1x1
convolution over 4x4 maps of which only the pixel (0,0) counts (spec kpu.md 7.5).
"""

from __future__ import annotations

from pathlib import Path

import network
import numpy as np
from kpupy.kmodel.build_v3 import Builder
from kpupy.kmodel.quantize import Scale, conv_kernel
from kpupy.kmodel.v3_base import Shape

HERE = Path(__file__).parent
PIXELS = Scale(1 / 255, 0)
MAX_2X2 = 1


def load_parameters() -> network.Parameters:
    with np.load(HERE / "parameters.npz", allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def build(p: network.Parameters) -> bytes:
    """The kmodel of the trained parameters."""
    b = Builder()
    x, x_scale = b.input_map(Shape(1, 28, 28)), PIXELS
    for name, _, _, pool in network.CONVS:
        y_scale = Scale.covering(0.0, float(p[f"{name}.max"]))
        kernel = conv_kernel(p[f"{name}.weight"], p[f"{name}.bias"], x_scale, y_scale)
        x, x_scale = b.conv(x, kernel, pool=MAX_2X2 if pool else 0), y_scale
    vector = b.add_padding(b.to_main(x))
    low, high = (float(v) for v in p["logits.range"])
    y_scale = Scale.covering(low, high)
    weights = p["fc.weight"].reshape(network.CLASSES, network.FEATURES, 1, 1)
    logits = b.to_main(b.conv(vector, conv_kernel(weights, p["fc.bias"], x_scale, y_scale)))
    values = b.dequantize(b.remove_padding(logits), y_scale.scale, -y_scale.scale * y_scale.zero)
    b.output(b.softmax(values))
    return b.build()


def main() -> None:
    data = build(load_parameters())
    (HERE / "digits.kmodel").write_bytes(data)
    print(f"digits.kmodel: {len(data)} bytes")


if __name__ == "__main__":
    main()
