"""Print the accuracy on the 1,000 held-out digits: of the float network, and of digits.kmodel in exact integers.

Usage:

    python examples/digits/evaluate.py
"""

from __future__ import annotations

from pathlib import Path

import dataset
import numpy as np
import quantize
import train
from kpupy.kmodel import parse, reference

HERE = Path(__file__).parent


def main() -> None:
    digits = dataset.held_out(dataset.load())
    exact = train.accuracy(quantize.load_parameters(), digits)
    print(f"floating point: {exact:.4f} of {len(digits)} held-out digits")
    model = parse.parse((HERE / "digits.kmodel").read_bytes())
    found = np.array([reference.run(model, picture[None]).outputs[0].argmax() for picture in digits.pixels])
    print(f"digits.kmodel:  {(found == digits.labels).mean():.4f} of {len(digits)} held-out digits")


if __name__ == "__main__":
    main()
