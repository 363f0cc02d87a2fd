#!/usr/bin/env python3
"""Makes goldens.txt anew with the simulator of nncase 1.9.0 (about a minute; needs a Python 3.7 to 3.10 besides)."""

from __future__ import annotations

import sys
import zlib

from kpu_goldens import COUNT, FILE, WHOLE_EVERY, Golden
from kpu_layers import golden_layer
from kpu_oracle import PACKAGE, OracleMissing, simulate

HEADER = f"""# Results of {PACKAGE} for kpu_layers.golden_layer(index), by make_goldens.py.
# index, CRC-32 of the layer, CRC-32 of the output [, the output: zlib, base85]
"""


def main() -> int:
    layers = [golden_layer(index) for index in range(COUNT)]
    try:
        lines = []
        for index, (layer, (output, _)) in enumerate(zip(layers, simulate(layers), strict=True)):
            whole = output if index % WHOLE_EVERY == 0 else None
            lines.append(Golden(index, layer.digest(), zlib.crc32(output), whole).line())
            if index % 100 == 99:
                print(f"\r{index + 1} of {COUNT} layers", end="", file=sys.stderr)
    except OracleMissing as error:
        print(error, file=sys.stderr)
        return 1
    FILE.write_text(HEADER + "\n".join(lines) + "\n")
    print(f"\n{FILE}: {FILE.stat().st_size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
