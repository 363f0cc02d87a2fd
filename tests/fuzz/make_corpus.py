"""Write the fuzzer's seeds: a small valid model for each kind of layer, and mixtures (tests/kmodel/samples*.py)."""

from __future__ import annotations

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from kmodel import samples, samples_v4, samples_v5
from kmodel.builder import DEQUANTIZE, Model, f32, random_kpu


def models() -> dict[str, bytes]:
    out = {f"layer_{kind}": samples.layer_model(kind, *samples.LAYERS[kind]) for kind in samples.LAYERS}
    out |= {f"mixed_{i}": data for i, data in enumerate(samples.sample_models())}
    out |= {f"v4_{i}": data for i, data in enumerate(samples_v4.sample_models())}
    out |= {f"v5_{name}": data for name, data in samples_v5.sample_models().items()}
    rng = np.random.default_rng(1)
    for pool in range(10):
        for kernel in (1, 3):
            first = random_kpu(rng, 12, 8, 2, 4, kernel=kernel, pool=pool, src=32000, dst=31000)
            second = random_kpu(rng, first.ow, first.oh, 4, 4, kernel=3, depthwise=True, src=31000, dst=30000)
            size = second.ow * second.oh * 4
            model = Model(5 * size + 64, [(-(-size // 8) * 8, 4 * size)]).conv(first).conv(second, main_out=0)
            model.add(DEQUANTIZE, 0, -(-size // 8) * 8, size, f32(0.5), f32(-3))
            out[f"conv_{pool}_{kernel}"] = model.build()
    wide = random_kpu(rng, 40, 6, 3, 16, kernel=3, weight_bytes=2, oc_per_load=4)
    out["conv_16_bit"] = Model(4096, [(0, 3840)], flags=0).conv(wide, main_out=0).build()
    return out


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in models().items():
        (folder / f"{name}.kmodel").write_bytes(data)


if __name__ == "__main__":
    main()
