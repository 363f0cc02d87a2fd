"""Networks of many kinds against nncase 1.9.0: its compiler made the models, its simulator the expected outputs."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import Runtime
from .v5_goldens import names, read, values

TYPES = {"uint8": 0, "float32": 1, "int8": 2, "int32": 3, "int64": 4}  # kmodel_type_t


@pytest.mark.parametrize("name", names())
def test_against_the_simulator(runtime: Runtime, name: str) -> None:
    golden = read(name)
    answer = runtime.job(golden.model, b"".join(values(tensor).tobytes() for tensor in golden.inputs))
    assert len(answer.outputs) == len(golden.outputs)
    for out, tensor, expected in zip(answer.outputs, golden.outputs, golden.expected, strict=True):
        assert list(out.dims) == tensor.shape
        assert out.type == TYPES[tensor.dtype]
        if tensor.dtype == "float32":
            want = np.frombuffer(expected, "<f4")
            # A sum that cancels has no more digits than its terms: hence an ulp of the largest value.
            np.testing.assert_allclose(out.f32, want, rtol=1e-5, atol=1e-7 * float(np.abs(want).max()))
        else:
            assert out.data == expected


def test_there_are_enough() -> None:
    assert len(names()) >= 40
