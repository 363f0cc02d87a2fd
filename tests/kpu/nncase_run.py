"""Runs kmodels in the simulator of nncase 1.9.0. Started by kpu_oracle.py with a Python that has nncase.

Jobs come on stdin and results leave on stdout as JSON lines: {"model": base64, "input": base64, "shape": [...],
"repeat": n} and {"output": base64, "seconds": best time of a run}.
"""

import base64
import json
import sys
import time

import nncase  # type: ignore[import-not-found,unused-ignore]
import numpy


def run(job: dict) -> dict:  # type: ignore[type-arg]
    simulator = nncase.Simulator()
    simulator.load_model(base64.b64decode(job["model"]))
    pixels = numpy.frombuffer(base64.b64decode(job["input"]), dtype=numpy.uint8).reshape(job["shape"])
    simulator.set_input_tensor(0, nncase.RuntimeTensor.from_numpy(pixels))
    seconds = []
    for _ in range(job["repeat"]):
        start = time.perf_counter()
        simulator.run()
        seconds.append(time.perf_counter() - start)
    output = simulator.get_output_tensor(0).to_numpy().tobytes()
    return {"output": base64.b64encode(output).decode(), "seconds": min(seconds)}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
