"""Bad models are refused with the value and the limit named; nothing leaks (every job checks it)."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

import numpy as np
import pytest

from . import builder as b
from .builder import Kpu, Model, identity, swap_words
from .conftest import Runtime
from .samples import LAYERS, conv_model, layer_model, sample_models, small_conv

MAX = 2**32 - 1
NAN, INF = 0x7FC00000, 0x7F800000


@pytest.mark.parametrize("kind", LAYERS)
def test_base_is_valid(runtime: Runtime, kind: int) -> None:
    fields, tail = LAYERS[kind]
    assert runtime.load_error(layer_model(kind, fields, tail)) == (0, "")


# kind, field (0 = the first after flags), bad value, last good value of that side, what the text must say
BAD: list[tuple[int, int, int, int | None, str]] = [
    (b.ADD, 0, 1000, 992, "1000 .*1024"),
    (b.ADD, 0, 2, 4, "2 is not a multiple of 4"),
    (b.ADD, 0, MAX, None, "4294967295"),
    (b.ADD, 0, MAX - 3, None, "4294967292 .*1024"),
    (b.ADD, 1, 996, 992, "996 .*1024"),
    (b.ADD, 2, 996, 992, "output 996 .*1024"),
    (b.ADD, 3, 0, 1, "0 elements"),
    (b.ADD, 3, 129, 128, "516 bytes .*1024"),
    (b.ADD, 3, 2**30, None, "1073741824 elements, .* 268435456"),
    (b.ADD, 3, MAX, None, "4294967295 elements"),
    (b.QUANTIZED_ADD, 0, 1017, 1016, "1017"),
    (b.QUANTIZED_ADD, 3, 513, 512, "513"),
    (b.QUANTIZED_ADD, 6, 64, 63, "shift 64, must be 0 to 63"),
    (b.QUANTIZED_ADD, 9, MAX, 0, "shift -1"),
    (b.QUANTIZED_ADD, 12, 2**31, 63, "shift -2147483648"),
    (b.GLOBAL_AVERAGE_POOL2D, 2, 0, 1, "shape 0x1x2"),
    (b.GLOBAL_AVERAGE_POOL2D, 2, 129, 128, "1032 bytes"),
    (b.GLOBAL_AVERAGE_POOL2D, 3, 0, 1, "shape 4x1x0"),
    (b.GLOBAL_AVERAGE_POOL2D, 3, 2**30, None, "1073741824"),
    *[
        (kind, *case)
        for kind in (b.MAX_POOL2D, b.QUANTIZED_MAX_POOL2D, b.AVERAGE_POOL2D)
        for case in [
            (2, 0, None, "shape 0x4x2"),
            (3, MAX, None, "4294967295"),
            (4, 3, None, "3 input and 2 output channels"),
            (5, 0, 1, "shape 0x2x2"),
            (5, 3, 2, "width: 3 outputs at stride 2 leave an input of 4"),
            (6, 3, 2, "height: 3 outputs"),
            (7, 1, None, "2 input and 1 output channels"),
            (8, 0, 1, "kernel 0"),
            (9, 0, 1, "kernel 0"),
            (10, 0, 1, "stride 0"),
            (11, 0, 1, "stride 0"),
            (10, 4, 3, "width: 2 outputs at stride 4"),
            (11, MAX, None, "height: 2 outputs at stride 4294967295"),
            (12, 2, 1, "padding 2, must be below the kernel's 2"),
            (13, MAX, 1, "padding 4294967295"),
        ]
    ],
    (b.MAX_POOL2D, 14, 3, 2, "activation 3, must be 0 to 2"),
    (b.AVERAGE_POOL2D, 14, MAX, 2, "activation 4294967295"),
    (b.QUANTIZE, 3, 0, None, "scale must be finite and not 0"),
    (b.QUANTIZE, 3, 2**31, None, "scale"),
    (b.QUANTIZE, 3, NAN, None, "scale"),
    (b.QUANTIZE, 3, INF, None, "scale"),
    (b.QUANTIZE, 1, 1017, 1016, "1017"),
    (b.DEQUANTIZE, 1, 510, None, "510 is not a multiple of 4"),
    (b.DEQUANTIZE, 2, 129, 128, "516 bytes"),
    (b.REQUANTIZE, 2, 513, 512, "513"),
    (b.L2_NORMALIZATION, 2, 129, 128, "129|516"),
    (b.SOFTMAX, 2, 0, 1, "0 elements"),
    (b.LOGISTIC, 2, 2**31, None, "2147483648"),
    (b.CONCAT, 0, 1016, 1012, "1016"),
    (b.CONCAT, 1, 0, 1, "0 inputs"),
    (b.CONCAT, 1, 3, 2, "body needs 36 bytes, has 28"),
    (b.CONCAT, 1, 2**29, None, "body needs 4294967308"),
    (b.CONCAT, 1, MAX, None, "body needs 34359738372"),
    (b.CONCAT, 2, 1020, 1016, "1020"),
    (b.CONCAT, 3, 0, 4, "input 0 has 0 bytes"),
    (b.CONCAT, 3, 6, 4, "input 0 has 6 bytes"),
    (b.CONCAT, 3, MAX - 3, None, "4294967292"),
    (b.QUANTIZED_CONCAT, 5, 1025, None, "1025"),
    (b.QUANTIZED_CONCAT, 5, 510, 509, "513"),
    (b.FULLY_CONNECTED, 2, 0, 1, "shape 1x1x0"),
    (b.FULLY_CONNECTED, 2, 4, 3, "body needs 64 bytes, has 60"),
    (b.FULLY_CONNECTED, 3, 3, 2, "body needs 72 bytes, has 60"),
    (b.FULLY_CONNECTED, 3, MAX, None, "4294967295"),
    (b.FULLY_CONNECTED, 4, 3, 2, "activation 3"),
    (b.FLATTEN, 2, 0, 1, "shape 0x2x2"),
    (b.FLATTEN, 3, 2**31, None, "2147483648"),
    (b.FLATTEN, 4, 17, 16, "544 bytes|1088"),
    (b.RESIZE, 5, 0, 1, "shape 0x4x2"),
    (b.RESIZE, 6, 2**30, None, "1073741824"),
    (b.QUANTIZED_RESIZE, 2, 0, 1, "shape 0x2x2"),
    (b.QUANTIZED_RESIZE, 6, 86, 85, "516"),
    (b.CHANNELWISE_DEQUANTIZE, 2, 3, 2, "body needs 44 bytes, has 36"),
    (b.CHANNELWISE_DEQUANTIZE, 2, 0, 1, "x0"),
    (b.CHANNELWISE_DEQUANTIZE, 2, 2**29 + 1, None, "body needs 4294967324"),
    (b.CHANNELWISE_DEQUANTIZE, 3, 0, 1, "shape 0x1x2"),
    (b.ADD_PADDING, 1, 32765, 32764, "row 32765 .*32768"),
    (b.ADD_PADDING, 1, MAX, None, "row 4294967295"),
    (b.ADD_PADDING, 2, 0, 1, "0 elements"),
    (b.ADD_PADDING, 2, 769, 768, "772 rows"),
    (b.REMOVE_PADDING, 2, 65, 64, "1040 bytes"),
    (b.REMOVE_PADDING, 2, 2**28, None, "268435456"),
    (b.UPLOAD, 1, 32767, 32766, "row 32767 .*32768"),
    (b.UPLOAD, 2, 0, 1, "shape 0x2x2"),
    (b.UPLOAD, 2, MAX, None, "4294967295"),
    (b.UPLOAD, 3, 2**31, None, "2147483648"),
    (b.UPLOAD, 4, 129, 128, "1032 bytes"),
]


@pytest.mark.parametrize(("kind", "index", "bad", "good", "text"), BAD)
def test_field(runtime: Runtime, kind: int, index: int, bad: int, good: int | None, text: str) -> None:
    base, tail = LAYERS[kind]
    code, detail = runtime.load_error(layer_model(kind, [*base[:index], bad, *base[index + 1 :]], tail))
    assert code == 2003
    assert detail.startswith("layer 0 (")
    assert re.search(text, detail), detail
    if good is not None:
        assert runtime.load_error(layer_model(kind, [*base[:index], good, *base[index + 1 :]], tail)) == (0, "")


@pytest.mark.parametrize("kind", LAYERS)
def test_body_shorter_than_its_struct(runtime: Runtime, kind: int) -> None:
    fields, tail = LAYERS[kind]
    whole = 4 + 4 * len(fields) + tail
    for size in range(0, whole, 4):
        model = bytearray(layer_model(kind, fields, tail))
        struct.pack_into("<I", model, 40, size)
        code, detail = runtime.load_error(bytes(model))
        assert code == 2003
        assert re.fullmatch(rf"layer 0 \(\w+\): body needs \d+ bytes, has {size}", detail)


# word, mask of what is replaced, bits, text; the layer is 8x4x2 -> 3, 1x1
RECORD: list[tuple[int, int, int, str]] = [
    (0, 0, 8, "depthwise with 2 input and 3 output channels"),
    (1, 0x7FFF, 0x7FFF, "row 32767 .*32768"),
    (1, 0x7FFF << 32, 32765 << 32, "row 32765 .*32768"),
    (3, 0x3FF << 32, 0, "output 1x4, pool code 0 makes 8x4"),
    (3, 0x3FF << 32, 8 << 32, "output 9x4"),
    (3, 0x1FF << 42, 0, "output 8x1, pool code 0 makes 8x4"),
    (3, 0x3FF | 0x3FF << 32, 960 | 960 << 32, "width 961, the KPU takes up to 960"),
    (4, 7, 2, "kernel type 2"),
    (4, 7, 7, "kernel type 7"),
    (4, 0xF0, 0xA0, "pool code 10, must be 0 to 9"),
    (4, 0xF0, 0xF0, "pool code 15"),
    (4, 0xF0, 0x10, "output 8x4, pool code 1 makes 4x2"),
]


@pytest.mark.parametrize(("word", "clear", "bits", "text"), RECORD)
def test_kpu_record(runtime: Runtime, word: int, clear: int, bits: int, text: str) -> None:
    code, detail = runtime.load_error(conv_model(small_conv(patch={word: (clear, bits)})).build())
    assert code == 2003
    assert re.search(text, detail), detail


def test_kpu_map_smaller_than_its_pool(runtime: Runtime) -> None:
    layer = Kpu(3, 4, 1, 1, weights=[1], bn=[(1, 0, 0)], segments=identity())
    layer.patch = {4: (0xF0, 0x30)}
    code, detail = runtime.load_error(Model(128, [(0, 4)]).conv(layer, 0).build())
    assert (code, detail.split(": ")[1]) == (2003, "output 3x4, pool code 3 makes 0x1 of input 3x4")


def test_kpu_rows_limits(runtime: Runtime) -> None:
    fits = small_conv(src=32768 - 4, dst=32768 - 8)
    assert runtime.load_error(conv_model(fits).build()) == (0, "")
    for src, dst in ((32768 - 3, 0), (0, 32768 - 3)):
        code, detail = runtime.load_error(conv_model(small_conv(src=src, dst=dst)).build())
        assert code == 2003
        assert "row 32765 + 4 rows" in detail


# body word, value as a function of the file's length, text
TABLES: list[tuple[int, Callable[[int], int], str]] = [
    (1, lambda n: 33, "output 33 . 96 bytes"),
    (1, lambda n: MAX, "4294967295"),
    (2, lambda n: n - 92, "layer words .* end outside"),
    (2, lambda n: 0, "layer words .* in the header"),
    (2, lambda n: 40, "layer words .* in the header"),
    (2, lambda n: MAX - 3, "layer words .* end outside"),
    (2, lambda n: 50, "layer words .* multiple of 4"),
    (3, lambda n: 0, "weights .* in the header"),
    (3, lambda n: n - n % 8, "weights .* end outside"),
    (3, lambda n: 257, "weights .* multiple of 8"),
    (3, lambda n: MAX - 7, "weights .* end outside"),
    (4, lambda n: 260, "batch norm .* multiple of 8"),
    (4, lambda n: 8, "batch norm .* in the header"),
    (4, lambda n: MAX - 7, "batch norm .* end outside"),
    (5, lambda n: 128, "activation .* multiple of 256"),
    (5, lambda n: 0, "activation .* in the header"),
    (5, lambda n: n + 256 - n % 256, "activation .* end outside"),
    (5, lambda n: MAX - 255, "activation .* end outside"),
]


@pytest.mark.parametrize(("word", "value", "text"), TABLES)
def test_kpu_tables(runtime: Runtime, word: int, value: Callable[[int], int], text: str) -> None:
    size = len(conv_model().build())
    code, detail = runtime.load_error(conv_model(patch={word: value(size)}).build())
    assert code == 2003
    assert re.search(text, detail), detail


def test_kpu_more_loads_than_it_can(runtime: Runtime) -> None:
    """1024 channels of 3x3 into 193 outputs: three channels per load, 65 loads."""
    for oc, code in ((192, 0), (193, 2003)):
        layer = Kpu(4, 4, 1024, oc, kernel=3, oc_per_load=1, weights=bytes(9216 * oc))
        layer.bn, layer.segments = [(1, 0, 0)] * oc, identity()
        layer.patch = {5: (0x7E, 0)}
        assert runtime.load_error(Model(16 * oc, [(0, 16)]).conv(layer, 0).build())[0] == code


HEADER: list[tuple[int, int, int, str]] = [
    (3, 0, 2003, "0 layers, must be 1 to 4096"),
    (3, 4097, 2003, "4097 layers, must be 1 to 4096"),
    (3, MAX, 2003, "4294967295 layers"),
    (3, 4096, 2003, "truncated: the model needs 32804 bytes"),
    (6, 0, 2003, "0 outputs, must be 1 to 64"),
    (6, 65, 2003, "65 outputs, must be 1 to 64"),
    (6, MAX, 2003, "4294967295 outputs"),
    (2, 1, 2002, "architecture 1"),
    (5, 511, 2003, "511 bytes"),
    (0, 0, 2002, "not a kmodel .first bytes 00 00 00 00"),
    (0, 4, 2002, "not a kmodel .first bytes 04 00 00 00"),
]


@pytest.mark.parametrize(("word", "value", "code", "text"), HEADER)
def test_header(runtime: Runtime, word: int, value: int, code: int, text: str) -> None:
    model = Model(1024, [(512, 32)]).add(b.SOFTMAX, 0, 512, 8)
    model.header[word] = value
    got, detail = runtime.load_error(model.build())
    assert got == code
    assert re.search(text, detail), detail


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ((512, 0), "0 bytes"),
        ((512, 513), "513 bytes"),
        ((1024, 4), "1024 . 4 bytes"),
        ((MAX, 4), "4294967295"),
        ((MAX - 3, 4), "4294967292"),
        ((512, MAX), "4294967295"),
        ((512, 30), "size 30 must be multiples of 4"),
        ((510, 32), "address 510"),
    ],
)
def test_output(runtime: Runtime, output: tuple[int, int], text: str) -> None:
    code, detail = runtime.load_error(Model(1024, [output]).add(b.SOFTMAX, 0, 512, 8).build())
    assert code == 2003
    assert detail.startswith("output 0: ")
    assert text in re.sub(r"\+", ".", detail)


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        (0, 2014, "layer 0 (INVALID): no compiler"),
        (3, 2014, "GLOBAL_MAX_POOL2D"),
        (4, 2014, "QUANTIZED_GLOBAL_MAX_POOL2D"),
        (6, 2014, "QUANTIZED_GLOBAL_AVERAGE_POOL2D"),
        (10, 2014, "QUANTIZED_AVERAGE_POOL2D"),
        (19, 2014, "QUANTIZED_FULLY_CONNECTED"),
        (21, 2014, "QUANTIZED_TENSORFLOW_FLATTEN"),
        (26, 2003, "layer 0 has type 26"),
        (10239, 2003, "type 10239"),
        (10244, 2003, "type 10244"),
        (MAX, 2003, "type 4294967295"),
    ],
)
def test_layer_type(runtime: Runtime, kind: int, code: int, text: str) -> None:
    got, detail = runtime.load_error(Model(1024, [(512, 4)]).add(kind, *[0] * 20).build())
    assert got == code
    assert text in detail


def test_body_position(runtime: Runtime) -> None:
    model = Model(1024, [(512, 4)]).add(b.SOFTMAX, 0, 512, 8, tail=b"??").add(b.SOFTMAX, 0, 512, 8)
    data = bytearray(model.build())
    struct.pack_into("<I", data, 40, 18)
    code, detail = runtime.load_error(bytes(data))
    assert (code, detail) == (2003, "layer 1 (SOFTMAX): body at file offset 70 is not a multiple of 4")


@pytest.mark.parametrize("size", [2**31, MAX])
def test_body_size_that_wraps(runtime: Runtime, size: int) -> None:
    data = bytearray(Model(1024, [(512, 4)]).add(b.SOFTMAX, 0, 512, 8).add(b.SOFTMAX, 0, 512, 8).build())
    struct.pack_into("<I", data, 40, size)
    code, detail = runtime.load_error(bytes(data))
    assert (code, detail.split(",")[0]) == (2003, f"truncated: the model needs {52 + size + 16} bytes")


@pytest.mark.parametrize(
    ("head", "code", "text"),
    [
        (b"\xff" * 16, 2002, "erased flash at this address (first bytes ff ff ff ff)"),
        (struct.pack("<4I", 1, 0, 3, 0), 2002, "kmodel V1; recompile"),
        (struct.pack("<4I", 2, 0, 3, 0), 2002, "kmodel V2; recompile"),
        (struct.pack("<4I", 10003, 56, 0, 0), 2004, "encrypted model, bound to one chip"),
        (b"LDMS" + bytes(12), 2004, "encrypted model"),
        (b"LDME" + bytes(12), 2002, "wrapped model"),
        (struct.pack("<4I", 0x12345678, 0, 0, 0), 2002, "first compiler, not a kmodel"),
        (b"PK\x03\x04" + bytes(12), 2002, ".kfpkg"),
        (b"LDMK" + struct.pack("<3I", 4, 0, 0), 2002, "kmodel V4 for target 0; only 1 (K210) can be run"),
        (b"LDMK" + struct.pack("<3I", 5, 32, 0), 2003, "0 modules (1 to 16)"),
        (b"LDMK" + struct.pack("<3I", 5, 24, 0), 2002, "pre-release nncase; recompile with nncase 1.x"),
        (b"LDMK" + struct.pack("<3I", 7, 32, 0), 2002, "kmodel version 7 is not for the K210"),
        (b"LDMK" + struct.pack("<3I", 2, 0, 0), 2002, "bad kmodel version 2"),
        (b"KMDL" + struct.pack(">3I", 6, 0, 0), 2002, "kmodel version 6"),
        (b"\x7fELF" + bytes(12), 2002, "not a kmodel (first bytes 7f 45 4c 46)"),
        (b"\0" + struct.pack("<4I", 40, 3, 1, 0), 2002, "5 bytes further"),
        (b"\0" + struct.pack("<4I", 2000, 3, 1, 0), 2002, "not a kmodel"),
    ],
)
def test_other_data(runtime: Runtime, head: bytes, code: int, text: str) -> None:
    got, detail = runtime.load_error(head.ljust(64, b"\0" if head[0] != 0xFF else b"\xff"))
    assert got == code
    assert text in detail


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("swap", [False, True])
def test_truncated_at_every_byte(runtime: Runtime, index: int, swap: bool) -> None:
    """Only final padding may be missing (spec kmodel.md 1.2, 7.6); what loads must give the same result."""
    model = sample_models()[index]
    unpadded = len(sample_models()[index | 1])
    data = bytes(range(64)) * 2 if index < 4 else np.linspace(0, 20, 32, dtype="<f4").tobytes()
    data = data[:64] if index < 4 else data[:16] if index < 6 else data
    stored = swap_words(model) if swap else model
    expected = runtime.job(model, data).outputs[0].data
    for size in range(len(stored) + 1):
        answer = runtime.job(stored[:size], data)
        usable = size - size % 4 if swap else size
        if usable >= unpadded:
            assert answer.outputs[0].data == expected
        else:
            code, detail = answer.error
            assert code == 2003, size
            assert "truncated" in detail or "body needs" in detail or "outside the file" in detail


def test_trailing_bytes_are_ignored(runtime: Runtime) -> None:
    for model in sample_models():
        answer = runtime.job(model + b"language data" * 100)
        assert answer.raw["load"]["code"] == 0
        assert answer.raw["info"]["file"] - len(model) in (0, *range(8))


FAILING = sample_models()[0]


def test_no_memory_at_any_allocation(runtime: Runtime) -> None:
    total = runtime.job(FAILING, bytes(64)).raw["allocs"]
    for n in range(1, total + 1):
        code, detail = runtime.job(FAILING, bytes(64), fail_alloc=n).error
        assert code == 2006
        assert re.search(r"no \d+ bytes", detail)


def test_no_memory_names_what_is_needed(runtime: Runtime) -> None:
    model = Model(97280, [(512, 4)]).add(b.SOFTMAX, 0, 512, 8).build()
    code, detail = runtime.job(model, memory_limit=50000).error
    assert (code, detail) == (2006, "no 97288 bytes in one piece for the work memory (the model takes 64)")
    huge = Model(MAX, [(512, 4)]).add(b.SOFTMAX, 0, 512, 8).build()
    code, detail = runtime.job(huge, memory_limit=50000).error
    assert (code, detail) == (2006, "no 4294967303 bytes in one piece for the work memory (the model takes 64)")


def test_no_memory_for_a_layers_result(runtime: Runtime) -> None:
    layer = small_conv()
    model = Model(64, [(0, 4)]).conv(layer).add(b.SOFTMAX, 0, 0, 1).build()
    code, detail = runtime.job(model, bytes(64), layers=1, fail_alloc=5).error
    assert (code, detail) == (2006, "no 96 bytes for the result of layer 0")


def test_source_fails_at_any_read(runtime: Runtime) -> None:
    total = runtime.job(FAILING, bytes(64)).raw["reads"]
    for n in range(1, total + 1):
        code, detail = runtime.job(FAILING, bytes(64), fail_read=n).error
        assert code == 2005
        assert re.fullmatch(r"reading \d+ bytes at \d+ failed \(-1\)", detail)


def test_interrupted_load(runtime: Runtime) -> None:
    model = Model(1024, [(512, 4)]).add(b.SOFTMAX, 0, 512, 8, tail=bytes(300000)).build()
    reads = runtime.job(model).raw["reads"]
    assert reads >= 6  # the user is asked at least every 64 KiB
    for n in range(1, reads + 1):
        assert runtime.job(model, stop_load=n).raw["load"]["code"] == 1


def test_interrupted_run_leaves_the_model_usable(runtime: Runtime) -> None:
    x = bytes(range(64))
    expected = runtime.job(FAILING, x).outputs[0].data
    for n in (1, 2):
        answer = runtime.job(FAILING, x, stop_run=n)
        assert answer.raw["first_run"]["code"] == 1
        assert answer.outputs[0].data == expected


@pytest.mark.parametrize(
    ("result", "code", "text"),
    [(1, 2008, "layers 0 to 0: the KPU failed"), (2, 2008, "did not finish"), (3, 1, "interrupted at layer 0 of 2")],
)
def test_kpu_that_does_not_finish(runtime: Runtime, result: int, code: int, text: str) -> None:
    x = bytes(range(64))
    answer = runtime.job(FAILING, x, kpu_result=result)
    assert answer.raw["first_run"]["code"] == code
    assert text in answer.raw["first_run"]["detail"]
    assert answer.outputs[0].data == runtime.job(FAILING, x).outputs[0].data


@pytest.mark.parametrize(
    ("options", "size", "text"),
    [
        ({"input_type": 0}, 63, "input has 63 elements, the model takes 64"),
        ({"input_type": 0}, 0, "input has 0 elements, the model takes 64"),
        ({"input_type": 1}, 64, "input is f32, the model takes u8 (64 elements)"),
        (
            {"input_type": 0, "shape": (4, 8, 2)},
            64,
            "input is 4x8x2, the model takes 8x4x2 (width, height, channels)",
        ),
        ({"input_type": 0, "shape": (8, 4, 1)}, 32, "input is 8x4x1, the model takes 8x4x2"),
    ],
)
def test_wrong_input(runtime: Runtime, options: dict[str, int], size: int, text: str) -> None:
    code, detail = runtime.job(FAILING, bytes(size), **options).error  # type: ignore[arg-type]
    assert code == 2012
    assert text in detail


def test_codes_and_texts(runtime: Runtime) -> None:
    load = runtime.job(b"\xff" * 64).raw["load"]
    assert load["text"].startswith("ERR_KMODEL_VERSION")
    assert runtime.job(FAILING, fail_alloc=1).raw["load"]["text"] == "ERR_NO_MEM: memory not enough"
    assert runtime.job(FAILING, fail_read=1).raw["load"]["text"] == "ERR_READ_FILE: read file failed"
    assert runtime.job(FAILING).raw["run"]["text"] == "SIPEED_KPU_ERR_SIZE_NOTMATCH"
