"""Reading kmodel V4 and V5: the specification's figures (kmodel.md 6.1, 9.3), the shapes of the models' own
expectations, the firmware's runtime as a second reader, and damaged files."""

from __future__ import annotations

import json
import math
import os
import pathlib
import random
import re
import struct
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from kpupy import models
from kpupy.cli import main
from kpupy.kmodel import v4, v5, v5_code
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.words import KpuLayer

from tests.kmodel import samples_v4, samples_v5

#: main memory (V5: data pools) and KPU memory, spec kmodel.md 6.1 and 9.3
FIGURES = {
    "v4_iris.kmodel": (216, 0),
    "v4_yolo20.kmodel": (43_752, 967_680),
    "v4_rfb320.kmodel": (548_736, 1_704_960),
    "v4_maix_asr.kmodel": (33_600, 164_864),
    "v5_190_yolox.kmodel": (1_204_224, 630_784),
    "v5_190_lm.kmodel": (1_843_200, 1_704_960),
    "v5_140_iris.kmodel": (40, 0),
}


@pytest.fixture(scope="module")
def expected(shared_models: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_models / "expected.json").read_text())
    return found


def files(shared_models: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    found = sorted(shared_models.glob(pattern))
    assert found
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_memory_figures(shared_models: pathlib.Path, name: str) -> None:
    told = models.summarise((shared_models / name).read_bytes())
    data = sum(module["data"] for module in told["modules"]) if told["version"] == 5 else told["main_memory"]
    assert (data, told["kpu_memory"]) == FIGURES[name]


def test_inputs_and_outputs(shared_models: pathlib.Path, expected: dict[str, Any]) -> None:
    for path in files(shared_models, "v[45]_*.kmodel"):
        told, wanted = models.summarise(path.read_bytes()), expected[path.name]
        shape = wanted["input"]["shape"]
        short = shape[1:] if told["version"] == 4 else shape
        assert [(i["shape"], i["type"]) for i in told["inputs"]] == [(short, wanted["input"]["dtype"])], path.name
        if told["version"] == 5:
            assert [(o["shape"], o["type"]) for o in told["outputs"]] == [
                (o["shape"], o["dtype"]) for o in wanted["outputs"]], path.name
        else:
            counts = [o["count"] for o in wanted["lcg"]["outputs"]]
            assert [math.prod(o["shape"]) for o in told["outputs"]] == counts, path.name
            assert [o["size"] for o in told["outputs"]] == [4 * count for count in counts], path.name


def test_dialect_is_the_compilers(shared_models: pathlib.Path, expected: dict[str, Any]) -> None:
    for path in files(shared_models, "v5_*.kmodel"):
        release = ".".join(expected[path.name]["compiler"].split(".")[:2])
        fits = "/".join(models.summarise(path.read_bytes())["dialects"]).split("/")
        assert release in fits, path.name


def test_dump_of_maix_asr(shared_models: pathlib.Path) -> None:
    model = v4.parse((shared_models / "v4_maix_asr.kmodel").read_bytes())
    assert [(node.name, node.position, node.size) for node in model.nodes] == [
        ("kpu_conv2d", 176, 1064), ("kpu_conv2d", 1240, 11432), ("kpu_conv2d", 12672, 21632), ("transpose", 34304, 64),
        ("pad", 34368, 88), ("kpu_upload", 34456, 48), ("kpu_conv2d", 34504, 496184), ("kpu_conv2d", 530688, 266752),
        ("pad", 797440, 88), ("transpose", 797528, 64), ("dequantize", 797592, 40)]
    first, sixth, seventh = (model.nodes[i] for i in (0, 6, 7))
    assert first.record and sixth.record and seventh.record
    assert (first.in_shape, first.out_shape) == ((1, 1, 28, 80), (1, 24, 14, 40))
    assert (first.record.kernel, first.record.pool_type, first.record.src_row, first.record.dst_row) == (3, 5, 0, 168)
    assert (sixth.record.kernel, sixth.record.loads, seventh.record.loads) == (1, 16, 9)
    assert (seventh.write.start, seventh.write.size) == (3584, 14336)
    assert model.nodes[3].out_shape == (1, 48, 20, 7) and model.nodes[8].out_shape == (1, 512, 7, 1)
    assert model.length == 797_632 and model.warnings == ["997632 bytes behind the model"]
    assert model.output_shape(0) == (1, 7, 1, 512)


def test_dump_of_yolo(shared_models: pathlib.Path) -> None:
    told = models.summarise((shared_models / "v5_190_yolo_u8.kmodel").read_bytes())
    stackvm, k210 = told["modules"]
    assert [(m["type"], m["position"], m["size"]) for m in (stackvm, k210)] == [("stackvm", 32, 1624),
                                                                               ("k210", 1656, 34384)]
    assert stackvm["pools"] == {"rdata": 0, "data": 360448}
    assert k210["pools"] == {"rdata": 32400, "data": 0, "KPU": 2 << 20}
    assert stackvm["sections"] == {".rdata": {"position": 256, "size": 0}, ".text": {"position": 288, "size": 1364}}
    assert k210["sections"] == {".rdata": {"position": 2304, "size": 32400}, ".text": {"position": 34816, "size": 1220}}
    assert [f["entry"] for f in k210["functions"]] == [0, 392, 980]
    steps = stackvm["functions"][0]["steps"]
    assert [(s["offset"], s["name"]) for s in steps] == [
        (136, "CALL"), (240, "DEQUANTIZE"), (366, "REDUCE_WINDOW2D"), (487, "QUANTIZE"), (699, "CALL"),
        (803, "DEQUANTIZE"), (904, "DEQUANTIZE"), (1005, "RESIZE_IMAGE"), (1108, "QUANTIZE"), (1252, "CALL"),
        (1356, "DEQUANTIZE")]
    assert steps[4]["call"] == {"module": 1, "function": 1, "inputs": 1, "outputs": 2}
    work = [(r["name"], r["out_shape"]) for r in k210["functions"][1]["records"]]
    assert work == [("kpu_upload", [32, 16, 16]), ("kpu_conv2d", [64, 16, 16]), ("kpu_conv2d", [30, 16, 16]),
                    ("kpu_download", [30, 16, 16]), ("kpu_conv2d", [32, 16, 16]), ("kpu_download", [32, 16, 16])]
    record = k210["functions"][1]["records"][1]["record"]
    assert (record["src_row"], record["dst_row"]) == (0, 128)


@pytest.fixture(scope="module")
def kmodel_run(root: pathlib.Path) -> pathlib.Path:
    """components/kmodel's runner, freshly built."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")  # parallel workers must not build into one directory
    target = root / "build" / "kmodel" / f"kpupy-{worker}" / "kmodel_run"
    make = ["make", "-s", "-C", str(root / "components" / "kmodel"), f"BUILD={target.parent}", str(target)]
    subprocess.run(make, check=True, timeout=300)
    return target


def test_the_runtime_reads_the_same(shared_models: pathlib.Path, kmodel_run: pathlib.Path) -> None:
    for path in files(shared_models, "v[45]_*.kmodel"):
        text = subprocess.run([kmodel_run, path], capture_output=True, text=True, timeout=60, check=True).stdout
        head = re.match(r"kmodel V(\d): (\d+) layers \((\d+) on the KPU\), file (\d+), .* KPU rows (\d+)", text)
        assert head, text
        told = models.summarise(path.read_bytes())
        nodes = told.get("layers") or [
            work for module in told["modules"] for function in module["functions"]
            for work in function.get("steps", []) + function.get("records", [])]
        on_kpu = sum(node.get("batches", 0) for node in nodes)  # the runtime counts every batch
        mine = (told["version"], len(nodes), on_kpu, told["length"], told["kpu_memory"] // 64)
        assert tuple(map(int, head.groups())) == mine, path.name
        assert [node["name"] for node in nodes] == re.findall(r"^layer \d+: (\w+),", text, re.M), path.name
        if told["version"] == 4:
            shapes = re.findall(r"^layer \d+: .* bytes, (\S+) -> (\S+)", text, re.M)
            for node, (source, target) in zip(nodes, shapes, strict=True):
                for key, axes in (("in_shape", source), ("out_shape", target)):
                    assert key not in node or "x".join(map(str, node[key][-3:])) == axes, (path.name, node)


# ---- damaged files


SMALL = ["v4_iris.kmodel", "v4_seg128_tiny.kmodel", "v5_100_iris.kmodel", "v5_140_sine.kmodel", "v5_190_misc_u8.kmodel"]


def used_bytes(data: bytes) -> int:
    """What must be there: all but the last body's, or module's, padding."""
    if data[4] == 4:
        last = v4.parse(data).nodes[-1]
        return last.position + last.used
    at, size = v5.parse(data).modules[-1].sections[".text"]
    return at + size


@pytest.mark.parametrize("name", SMALL)
def test_truncation_at_every_byte(shared_models: pathlib.Path, name: str) -> None:
    data = (shared_models / name).read_bytes()
    used = used_bytes(data)
    assert len(data) - 8 < used <= len(data)
    for length in range(len(data)):
        if length >= used:
            assert "padding are missing" in "".join(models.summarise(data[:length])["warnings"]), length
            continue
        with pytest.raises(KModelError):
            models.summarise(data[:length])


@pytest.mark.parametrize("name", SMALL)
def test_damaged_bytes_are_read_or_refused(shared_models: pathlib.Path, name: str) -> None:
    """Any byte may be anything: the only outcomes are a description and KModelError."""
    data, refused = (shared_models / name).read_bytes(), 0
    for at in range(0, len(data), 1 if len(data) < 1000 else 7):
        for value in (0, 0xFF, data[at] ^ 0x80):
            damaged = data[:at] + bytes([value]) + data[at + 1 :]
            try:
                models.summarise(damaged)
            except KModelError:
                refused += 1
    assert refused


@pytest.mark.parametrize("samples", [samples_v4.sample_models(), list(samples_v5.sample_models().values())])
def test_samples_of_every_operation(samples: list[bytes], kmodel_run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Every operation of V4 and V5, the ones that no compiler's file here has too; and nothing refused when a byte of
    it is damaged that the runtime accepts, apart from what it repairs by itself (K4, K7 of spec kmodel.md 7.2)."""
    path, rng = tmp_path / "m.kmodel", random.Random(1)
    repaired = re.compile(r"weight loads of|channel pitch are|name of section")
    refused = 0
    for data in samples:
        models.summarise(data)
        for _ in range(20):
            at = rng.randrange(len(data))
            damaged = data[:at] + rng.randbytes(1) + data[at + 1 :]
            try:
                models.summarise(damaged)
            except KModelError as error:
                refused += 1
                path.write_bytes(damaged)
                run = subprocess.run([kmodel_run, path], capture_output=True, timeout=60)
                assert run.returncode or repaired.search(str(error)), (at, str(error))
    assert refused > len(samples)


def word(at: int, value: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + struct.pack("<I", value & 0xFFFFFFFF) + data[at + 4 :]


@pytest.mark.parametrize(("at", "value", "text"), [
    (12, 2, "version 4, target 2"),
    (16, 1 << 31, r"the file ends at 720, its constants of 2147483648 bytes and headers of 4 nodes would end"),
    (24, 5000, r"node count 5000 is outside 1\.\.4096"),
    (24, 0, "node count 0"),
    (28, 65, "65 inputs and 1 outputs"),
    (20, 215, r"node 1 \(matmul\): out at 176 with 40 bytes ends behind the 215 bytes of main memory"),
    (0x38, 0, "input 0 0x1x1x4: every axis must be at least 1"),
    (0x34, 12, r"input 0: 12 bytes of type 0 in main memory cannot be 1x1x1x4, which takes 16"),
    (0x48, 0, "output 0 is 12 bytes of f32 in constants; it must be whole elements in main memory"),
    (0x54, 10, "output 0 is 10 bytes"),
    (0x170, 0x99, "node 0 .opcode 0x99.: opcode 0x99 is not supported: no such operation"),
    (0x170, 0x1001, "only a CPU runs it"),
    (0x174, 32, r"node 0 \(transpose\): body of 32 bytes is shorter than the 64 of its fixed part"),
    (0x18C, 1 << 20, r"node 3 \(matmul\): body at 640 with 1048576 bytes ends"),
    (0x190, 3, "in: memory 3 and type 0 must be"),
    (0x190 + 12, 156, "in of 156 bytes must hold 160"),
    (0x1A0 + 8, 18, "out at 18 is not a multiple of 4"),
    (0x1A0, 0, "the output lies in the constants"),
    (0x1A0, 2, "out at 16 is not a multiple of 64"),
    (0x1C0, 1, r"perm \(1, 1, 3, 2\) is no permutation"),
    (0x1D0 + 48, 0, "n is 0, it must be at least 1"),
    (0x1D0 + 56, 11, "b of 160 bytes must hold 176"),
    (0x1D0 + 40, 0, "a 0..15 and out 0..39 overlap"),
    (0x1D0 + 4, 1, "a is u8, it must be f32"),
])  # fmt: skip
def test_v4_refusals(shared_models: pathlib.Path, at: int, value: int, text: str) -> None:
    data = (shared_models / "v4_iris.kmodel").read_bytes()
    with pytest.raises(KModelError, match=text):
        v4.parse(word(at, value)(data))


def record_with(**changes: int) -> Callable[[bytes], bytes]:
    """Changes the KPU record of maix_asr's first node."""
    def change(data: bytes) -> bytes:
        r = KpuLayer.from_bytes(data[200:296])
        for name, value in changes.items():
            setattr(r, name, value)
        return data[:200] + r.to_bytes() + data[296:]
    return change


@pytest.mark.parametrize(("change", "text"), [
    (record_with(pool_type=10), "pool type 10"),
    (record_with(dst_row=32767), "end behind the last row 32767"),
    (record_with(bn_address=0xFFFFFFF8), r"tables behind 4294967288, 64 and 112 bytes end at \d+ of a body of 1064"),
    (record_with(in_width=82), "does not follow"),
    (record_with(act_address=63), r"at \(512, 767, 1023\) of the file must be at multiples of 8, 256 and 8"),
    (word(176 + 16, 0), r"batches is 0, outside 1\.\.32768"),
    (word(176 + 16, 400), "400 batches end at KPU row"),
    (word(176 + 12, 16), "out at 0 with 16 bytes ends behind the 0 bytes of constants"),
])
def test_v4_kpu_refusals(shared_models: pathlib.Path, change: Callable[[bytes], bytes], text: str) -> None:
    data = (shared_models / "v4_maix_asr.kmodel").read_bytes()
    with pytest.raises(KModelError, match=text) as error:
        v4.parse(change(data))
    assert str(error.value).startswith("node 0 (kpu_conv2d): ")


@pytest.mark.parametrize(("at", "value", "text"), [
    (16, 24, "alignment 24 is no power of two up to 4096"),
    (20, 17, "17 modules"),
    (24, 2, "entry in module 2"),
    (28, 1, "the entry function 1 is not among the 1"),
    (32, 0x78787878, "type 'xxxxkvm'"),
    (48, 2, "version 2"),
    (56, 1 << 20, "stackvm module of 1048576 bytes would end"),
    (56, 1625, "a multiple of 8 from 48"),
    (60, 17, "17 mempools; up to 16"),
    (68, 17, "17 sections; up to 16"),
    (72, 1025, "1025 functions; up to 1024"),
    (80, 9, "mempool 0 at location 9"),
    (80, 3, "mempool 1 at location 3: unknown or there twice"),
    (84, 4, r"4 bytes of constants are announced, .rdata has 0"),
    (96 + 4, 8, "the function 0 ends at 104, its input ranges would end at 140"),
    (96 + 28, 1365, "function 0 at 0 with 1365 bytes ends behind the 1364 of .text"),
    (96 + 32 + 8, 100, r"input 0: 100 bytes of u8 are not of shape \[1, 3, 64, 64\]"),
    (96 + 44, 9, r"rank 9 .* up to 8"),
    (288 + 136, 0x00FF5E, "instruction set not recognised"),
    (288 + 128, 0, "instruction set not recognised .*: 4 values are left on the stack"),
])  # fmt: skip
def test_v5_refusals(shared_models: pathlib.Path, at: int, value: int, text: str) -> None:
    data = (shared_models / "v5_190_yolo_u8.kmodel").read_bytes()
    with pytest.raises(KModelError, match=text):
        v5.parse(word(at, value)(data))


TEXT = 34816  # of the k210 module; function 0: upload at 0, convolutions at 44 and 196, download at 348


@pytest.mark.parametrize(("at", "value", "text"), [
    (TEXT, 4, r"k210 function 0: record 0 at 0: kind 4 is outside 0..3"),
    (TEXT, 2, r"record 0 \(kpu_conv2d\): output 1x1 does not follow from input 145x1"),
    (TEXT + 8, 8, r"record 0 \(kpu_upload\): in: no input of the function starts at 8"),
    (TEXT + 20, 32, "out at 32 in KPU memory is not a multiple of 64"),
    (TEXT + 20, 2 << 20, "ends behind its memory of 2097152"),
    (TEXT + 32, 4, r"record 0 \(kpu_upload\): 12288 bytes of type 4 must hold 16384 u8"),
    (TEXT + 44 + 8, 32400, r"record 1 \(kpu_conv2d\): weights at 32400 with \d+ bytes ends behind its memory of 32400"),
    (TEXT + 44 + 12, 8, "weights of 8 bytes at 0 of location 2; it must be 432 bytes of .rdata at a multiple of 8"),
    (TEXT + 44 + 20, 12, "BN table of 128 bytes at 12"),
    (TEXT + 44 + 52, 0, "0 batches end"),
    (TEXT + 348 + 16, 0x400, r"record 3 \(kpu_download\): out at 0 with 32768 bytes ends behind its memory of 12288"),
])  # fmt: skip
def test_v5_k210_refusals(shared_models: pathlib.Path, at: int, value: int, text: str) -> None:
    data = (shared_models / "v5_190_yolo_u8.kmodel").read_bytes()
    with pytest.raises(KModelError, match=text):
        v5.parse(word(at, value)(data))


def test_calls_of_missing_functions(shared_models: pathlib.Path) -> None:
    data = (shared_models / "v5_190_yolo_u8.kmodel").read_bytes()
    with pytest.raises(KModelError, match="CALL at 136: there is no function 7 in module 1"):
        v5.parse(word(288 + 139, 7)(data))


def test_calls_go_one_deep(shared_models: pathlib.Path) -> None:
    """The first CALL is made to name its own function."""
    data = (shared_models / "v5_190_cls_u8.kmodel").read_bytes()
    model = v5.parse(data)
    (step,) = [step for step in model.entry.steps if step.call and step.call.function == 0]
    assert step.call and (len(model.entry.inputs), len(model.entry.outputs)) == (step.call.inputs, step.call.outputs)
    at = model.modules[0].sections[".text"][0] + step.offset + 3
    assert struct.unpack_from("<IH", data, at) == (0, 1)
    with pytest.raises(KModelError, match="function 0 of module 0 calls further functions"):
        v5.parse(data[: at + 4] + bytes(2) + data[at + 6 :])


# ---- stackvm code, written by hand (spec kmodel.md 5.4, 5.6)

PUSH = bytes([0x02])


def shape(register: int, *dims: int) -> bytes:
    return b"".join(PUSH + struct.pack("<i", dim) for dim in dims) + bytes([0x31, register, len(dims)])


LEA_IN, LEA_OUT = bytes([0x17, 0, 0, 0, 0, 0, 0]), bytes([0x17, 1, 0, 0, 0, 0, 0])
UNARY = shape(0, 1, 4) + shape(1, 4, 1) + LEA_IN + LEA_OUT + bytes([0x5E, 0x26, 0, 9, 0, 1, 1, 18])
NEWEST = len(v5_code.DIALECTS) - 1


def test_code_by_hand() -> None:
    (step,) = v5_code.decode(UNARY, 100, NEWEST)
    assert (step.name, step.shapes, step.types) == ("UNARY", [[1, 4], [4, 1], [4, 1]], [9])
    assert step.offset == 100 + len(UNARY) - 8
    with pytest.raises(KModelError, match="tensor function 0x26 is unknown"):
        v5_code.decode(UNARY, 0, v5_code.DIALECTS.index("1.2"))


@pytest.mark.parametrize(("code", "text"), [
    (UNARY[:-1], "the record of UNARY ends behind"),
    (UNARY[:3], "ends behind its function"),
    (UNARY[:-1] + bytes([19]), r"UNARY: 19 is outside 0\.\.18"),
    (UNARY[:-5] + bytes([12, 0, 1, 1, 0]), r"datatype 12 is outside 0\.\.11"),
    (UNARY[:-5] + bytes([9, 2, 1, 1, 0]), "shape register 2 was not set"),
    (UNARY[:-8], "2 values are left on the stack"),
    (UNARY[7:], "the stack has"),
    (LEA_IN + bytes([0x31, 0, 1]), "a shape takes integers only"),
    (bytes([0x31, 32, 0]), "register 32"),
    (bytes([0x03]) * 65, "more than 64 values"),
    (bytes([0x56, 0, 0, 0, 0]), "opcode 0x56"),
    (bytes([0x17, 4, 0, 0, 0, 0, 0]), "memory 4"),
])
def test_code_refusals(code: bytes, text: str) -> None:
    with pytest.raises(KModelError, match=text):
        v5_code.decode(code, 0, NEWEST)


# ---- the verbs


def test_info_as_text(shared_models: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "info", str(shared_models / "v4_maix_asr.kmodel")]) == 0
    text = capsys.readouterr().out
    assert "input 0: u8 1x28x80, 3584 bytes at 0 of KPU memory" in text
    assert "0 kpu_conv2d         3x3 1x28x80 → 24x14x40, left top of 2x2, rows 0 → 168" in text
    assert main(["model", "info", str(shared_models / "v5_190_yolo_u8.kmodel")]) == 0
    text = capsys.readouterr().out
    assert "module 1: k210, 34384 bytes, memory: rdata 32400, data 0, KPU 2097152" in text
    assert "output 1: f32 1x30x32x32, 122880 bytes" in text
    assert "0 CALL               function 0 of module 1" in text


def test_check_compares_both_memories(shared_models: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared_models / "v5_190_yolox.kmodel"
    need = path.stat().st_size + 1_204_224 + 3 * 224 * 224 + 4 * 1029 * 85
    for memory, status in ((need, 0), (need - 1, 7)):
        assert main(["model", "check", str(path), "--memory", str(memory), "--json"]) == status
        kpu, main_memory = json.loads(capsys.readouterr().out)["needs"]
        assert (kpu["needs"], main_memory["needs"]) == (630_784, need)
