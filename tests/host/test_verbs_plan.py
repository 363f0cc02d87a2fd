"""What may be written where, packages, models, boards and the command line's own words: all without a board."""

from __future__ import annotations

import hashlib
import json
import random
import re
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kpupy import boards, image, kfpkg, plan, ports
from kpupy.cli import parser
from kpupy.errors import Exit, ToolError
from kpupy.plan import Part
from kpupy.verbs.flash import join_addresses
from verbs_support import kpupy

AREAS = boards.default_areas()
PAYLOAD = random.Random(2).randbytes(5000)
MODEL = struct.pack("<7I", 3, 0, 0, 1, 0, 0, 0) + bytes(100)  # a head is enough for what is tested here


def save(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# ---- files to parts


def test_a_program_gets_its_header_once(tmp_path: Path) -> None:
    [part] = plan.load(save(tmp_path, "firmware.bin", PAYLOAD))
    head = b"\0" + len(PAYLOAD).to_bytes(4, "little") + PAYLOAD
    assert part.data == head + hashlib.sha256(head).digest() and part.address == 0 and part.kind == "firmware"
    [again] = plan.load(save(tmp_path, "firmware.img", part.data))
    assert again.data == part.data


def test_a_model_goes_to_its_area(tmp_path: Path) -> None:
    [part] = plan.load(save(tmp_path, "face.kmodel", MODEL), None, AREAS)
    assert (part.address, part.kind, part.data) == (0x300000, "model", MODEL)


@pytest.mark.parametrize("name,data,words", [
    ("a.kmodel", b"not a model at all, really", "not a kmodel"),
    ("a.kmodel", b"\xff" * 100, "erased flash"),
    ("a.kmodel", b"LDMK" + struct.pack("<7I", 6, 32, 0, 0, 0, 0, 0), "not for the K210"),
    ("a.bin", MODEL, "is no program"),
    ("a.bin", b"\x7fELF" + bytes(60), "ELF"),
    ("a.bin", b"", "empty"),
    ("a.kfpkg", b"no zip", "not a zip"),
])
def test_refused_files(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    run = kpupy("flash", save(tmp_path, name, data), "--port", "nowhere")
    assert run.status in (Exit.DATA, Exit.REFUSED) and words in run.err
    assert kpupy("flash", tmp_path / "missing.bin", "--port", "nowhere").status == Exit.DATA


def test_force_takes_anything_for_a_model(tmp_path: Path) -> None:
    [part] = plan.load(save(tmp_path, "a.kmodel", b"whatever it is, 20 bytes"), None, AREAS, force=True)
    assert part.address == 0x300000


def part(address: int, length: int, kind: str = "data") -> Part:
    return Part(f"{kind}.bin", address, bytes(length), kind)


@pytest.mark.parametrize("parts,words", [
    ([part(0, 100, "firmware"), part(99, 10)], "runs into .* by 1 bytes"),
    ([part(0xFFF000, 4097, "model")], "the flash of 16 MiB ends at 0x1000000"),
    ([part(0x1000000, 1, "model")], "ends at 0x1000001"),
    ([part(0, 0x300001, "firmware")], "would overwrite the models area"),
    ([part(0x2FFFFF, 10, "model")], "would overwrite the firmware area"),
    ([part(0xCFFFFF, 2, "model")], "would overwrite the filesystem area"),
    ([part(0xD00000, 0x1000, "data")], "would overwrite the filesystem area"),
    ([part(0x300000, 100, "filesystem")], "would overwrite the models area"),
    ([], "nothing to write"),
])
def test_refused_plans(parts: list[Part], words: str) -> None:
    with pytest.raises(ToolError, match=words):
        plan.check(parts, AREAS, 16 << 20)


@pytest.mark.parametrize("parts", [
    [part(0, 0x300000, "firmware"), part(0x300000, 0xA00000, "model"), part(0xD00000, 0x300000, "filesystem")],
    [part(0x300000, 100), part(0x300064, 100)],
])
def test_plans_that_just_fit(parts: list[Part]) -> None:
    plan.check(parts, AREAS, 16 << 20)


def test_a_small_flash_names_the_highest_address() -> None:
    with pytest.raises(ToolError) as caught:
        plan.check([part(0x3FF000, 0x2000, "model")], (), 4 << 20)
    assert caught.value.code is Exit.REFUSED
    assert caught.value.hints == ["the highest address it fits at is 0x3fe000"]


# ---- words


@pytest.mark.parametrize("words,joined", [
    (["flash", "a.bin"], ["flash", "a.bin"]),
    (["flash", "a.bin", "--addr", "0x10", "b", "-a", "32"], ["flash", "a.bin@0x10", "b@32"]),
    (["flash", "a.bin", "--addr=0x10", "-p", "x"], ["flash", "a.bin@0x10", "-p", "x"]),
    (["flash", "dir@home/a.bin", "--addr", "1"], ["flash", "dir@home/a.bin@1"]),
])
def test_addresses_join_the_file_before(words: list[str], joined: list[str]) -> None:
    assert join_addresses(words) == joined


@pytest.mark.parametrize("words", [["flash", "--addr", "1", "a"], ["flash", "a", "--addr", "x"],
                                   ["flash", "a@1", "-a", "2"], ["flash", "a", "--addr"]])
def test_wrong_addresses(words: list[str]) -> None:
    assert kpupy(*words).status == Exit.USAGE


@pytest.mark.parametrize("text,result", [("a.bin", ("a.bin", None)), ("a@b.bin", ("a@b.bin", None)),
                                         ("a.bin@0x300000", ("a.bin", 0x300000)), ("a.bin@12", ("a.bin", 12))])
def test_split_spec(text: str, result: tuple[str, int | None]) -> None:
    path, address = plan.split_spec(text)
    assert (str(path), address) == result


def leaves(top: Any) -> list[Any]:
    children = [c for a in top._actions if isinstance(getattr(a, "choices", None), dict) for c in a.choices.values()]
    return [leaf for child in children for leaf in leaves(child)] if children else [top]


def test_every_verb_has_examples_and_a_page(root: Path) -> None:
    verbs = leaves(parser())
    assert len(verbs) >= 20
    for verb in verbs:
        assert f"  {verb.prog}" in verb.format_help().partition("examples:")[2], verb.prog
        page = root / "docs" / "cli" / f"{verb.prog.split()[1]}.md"
        assert page.is_file(), page
        assert verb.prog in page.read_text(), f"{page} does not show {verb.prog}"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion(shell: str) -> None:
    run = kpupy("completion", shell)
    assert run.status == 0 and "ls-boards" in run.out and "manual" in run.out.replace("-", " ")


# ---- packages


def test_package_is_read_by_kflash_and_by_us(tmp_path: Path) -> None:
    """kflash quotes addresses by a regular expression before it parses (spec isp-flash.md 6.2)."""
    firmware, model = save(tmp_path, "firmware.bin", PAYLOAD), save(tmp_path, "face.kmodel", MODEL)
    package = tmp_path / "all.kfpkg"
    assert kpupy("kfpkg", "create", package, firmware, f"{model}@0x300000").status == 0
    text = zipfile.ZipFile(package).read("flash-list.json").decode()
    files = json.loads(re.sub(r'"address": (.*),', r'"address": "\1",', text))["files"]
    assert [(int(f["address"], 0), f["bin"], f["sha256Prefix"]) for f in files] == [
        (0, "firmware.bin", True), (0x300000, "face.kmodel", False)]
    listed = kpupy("kfpkg", "list", package, "--json").json
    assert [(r["name"], r["address"], r["kind"]) for r in listed] == [
        ("firmware.bin", 0, "firmware"), ("face.kmodel", 0x300000, "kmodel V3")]
    out = tmp_path / "out"
    assert kpupy("kfpkg", "extract", package, out).status == 0
    assert (out / "firmware.bin").read_bytes() == PAYLOAD and (out / "face.kmodel").read_bytes() == MODEL
    parts = plan.load(package, None, AREAS)
    assert [(p.address, p.kind) for p in parts] == [(0, "firmware"), (0x300000, "model")]
    assert image.unwrap(parts[0].data) == PAYLOAD


def test_same_members_give_the_same_package(tmp_path: Path) -> None:
    members = [kfpkg.Member("a", 0x300000, False, False, PAYLOAD)]
    for name in ("a.kfpkg", "b.kfpkg"):
        kfpkg.write(tmp_path / name, members)
    assert (tmp_path / "a.kfpkg").read_bytes() == (tmp_path / "b.kfpkg").read_bytes()


def test_extract_stays_in_its_folder(tmp_path: Path) -> None:
    kfpkg.write(tmp_path / "a.kfpkg", [kfpkg.Member("../evil", 0, False, False, b"x")])
    run = kpupy("kfpkg", "extract", tmp_path / "a.kfpkg", tmp_path / "out")
    assert run.status == Exit.REFUSED and not (tmp_path / "evil").exists()


def test_package_name_must_be_what_kflash_knows(tmp_path: Path) -> None:
    assert kpupy("kfpkg", "create", tmp_path / "a.zip", save(tmp_path, "f.bin", PAYLOAD)).status == Exit.USAGE


# ---- models


def test_model_info_of_every_version(shared_models: Path) -> None:
    expected = {}
    for path in sorted(shared_models.glob("*.kmodel")):
        data = path.read_bytes()
        version = 3 if data[:4] == b"\3\0\0\0" else data[4] if data[:4] == b"LDMK" else None
        run = kpupy("model", "info", path, "--json")
        if run.status == 0 and version:
            assert run.json["version"] == version
            assert 0 <= run.json["length"] - len(data) <= 7 or run.json["length"] <= len(data)
            expected[version] = expected.get(version, 0) + 1
        else:
            assert run.status == Exit.DATA and run.err.startswith("kpupy: "), path
    assert set(expected) == {3, 4, 5}


def v5_head(rank: int = 4) -> bytes:
    """A kmodel V5 by spec kmodel.md 5.1: one stackvm module with 64 bytes of data, f32[1,3,2,2] -> u8[7]."""
    size = 32 + 12 + 4 + 4 * rank + 12 + 8
    function = struct.pack("<8I", 32, size + -size % 8, 48, 7, 1, 1, 0, 0)
    function += struct.pack("<BBHII", 0, 9, 0, 0, 48) + struct.pack("<5I", rank, 1, 3, 2, 2)
    function += struct.pack("<BBHII", 1, 4, 0, 0, 7) + struct.pack("<2I", 1, 7)
    function += bytes(-len(function) % 8)
    assert len(function) == size + -size % 8
    pools = struct.pack("<BxxxI", 2, 0) + struct.pack("<BxxxI", 3, 64)
    size = 48 + len(pools) + len(function)
    module = b"stackvm".ljust(16, b"\0") + struct.pack("<8I", 1, 48, size, 2, 0, 0, 1, 0) + pools + function
    return b"LDMK" + struct.pack("<7I", 5, 32, 0, 8, 1, 0, 0) + module


def v4_head(body: int = 32) -> bytes:
    """A kmodel V4 by spec kmodel.md 4.1: u8[3,4,4] in main memory -> f32, one memory_copy, 8 bytes of constants."""
    head = b"LDMK" + struct.pack("<9I", 4, 0, 1, 8, 1000, 1, 1, 1, 0xCCCCCCCC)
    copy = struct.pack("<8I", 1, 1, 0, 40, 1, 0, 48, 40)
    ranges = struct.pack("<4I", 1, 1, 0, 48) + struct.pack("<4i", 1, 3, 4, 4) + struct.pack("<4I", 1, 0, 48, 40)
    return head + ranges + bytes(8) + struct.pack("<2I", 9, body) + copy.ljust(body, b"\0")


def test_headers_of_v4_and_v5(tmp_path: Path) -> None:
    told = kpupy("model", "info", save(tmp_path, "a.kmodel", v5_head()), "--json").json
    assert (told["version"], told["main_memory"], told["kpu_memory"]) == (5, 64 + 48 + 7, 0)
    assert told["inputs"] == [{"shape": [1, 3, 2, 2], "type": "f32", "size": 48, "elements": 12}]
    assert told["outputs"] == [{"shape": [7], "type": "u8", "size": 7, "elements": 7}]
    told = kpupy("model", "info", save(tmp_path, "b.kmodel", v4_head()), "--json").json
    assert (told["version"], told["main_memory"], told["length"]) == (4, 1000, len(v4_head()))
    assert told["inputs"] == [{"shape": [3, 4, 4], "type": "u8", "memory": "main memory", "address": 0, "size": 48}]
    assert told["outputs"] == [{"shape": [10], "type": "f32", "address": 48, "size": 40}]
    assert "module 0: stackvm" in kpupy("model", "info", tmp_path / "a.kmodel").out


@pytest.mark.parametrize("make", [v4_head, v5_head])
def test_truncated_headers_are_named(tmp_path: Path, make: Any) -> None:
    whole = make()
    for length in range(16, len(whole) - 8):
        run = kpupy("model", "info", save(tmp_path, "a.kmodel", whole[:length]))
        assert run.status == Exit.DATA and "cut off or damaged" in run.err, length


@pytest.mark.parametrize("options,fits", [
    (["--addr", "0x300000"], True), (["--addr", "0xcfff00"], False), (["--addr", "0x100000"], False),
    (["--memory", "1K"], False), (["--memory", "8K"], True), (["--board", "maixduino", "--addr", "0x400000"], True),
])
def test_model_check(tmp_path: Path, options: list[str], fits: bool) -> None:
    run = kpupy("model", "check", save(tmp_path, "b.kmodel", v4_head(4000)), *options, "--json")
    assert run.status == (Exit.OK if fits else Exit.REFUSED) and run.json["fits"] is fits
    assert "fits: KPU memory: 0 of 2097152" in kpupy("model", "check", tmp_path / "b.kmodel").out


# ---- boards and ports


def test_every_board_is_consistent() -> None:
    known = boards.load_all()
    assert len(known) == 31 and {"maix_bit", "maixduino", "m5stickv", "kd233"} <= set(known)
    for name, board in known.items():
        raw = boards.raw(name)
        assert board.id == name
        assert board.kflash is None or board.kflash in boards.KFLASH_WIRING
        if board.wiring:
            resets = "rts" if board.wiring is boards.Wiring.RTS_RESET else "dtr"
            assert raw["boot"][resets] == "reset", name
        assert board.usb_id is None or re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", board.usb_id)
        ends = [area.end for area in board.areas]
        assert [area.start for area in board.areas] == [0, *ends[:-1]][: len(ends)]
        assert not ends or ends[-1] == board.flash_size


@pytest.mark.parametrize("name,board", [("maix_bit", "maix_bit"), ("BiT", "maix_bit"), ("bit", "maix_bit"),
                                        ("goD", "goD"), ("bit_mic", "maix_bit_mic"), ("Maixduino", "maixduino")])
def test_board_names(name: str, board: str) -> None:
    found = boards.find(name)
    assert found.id == board or found.kflash == boards.find(board).kflash


def test_unknown_board_lists_the_known() -> None:
    run = kpupy("flash", "x", "--board", "nosuch")
    assert run.status == Exit.USAGE and "maix_bit" in run.err and "goE" in run.err


def usb(device: str, vid: int, pid: int, location: str) -> SimpleNamespace:
    return SimpleNamespace(device=device, vid=vid, pid=pid, location=location, description="d", serial_number="s",
                           name=device, hwid="")


TWO = [usb("/dev/ttyUSB1", 0x0403, 0x6010, "1-2:1.1"), usb("/dev/ttyUSB0", 0x0403, 0x6010, "1-2:1.0")]
CH340 = usb("/dev/ttyUSB10", 0x1A86, 0x7523, "1-4:1.0")
OTHER = usb("/dev/ttyACM0", 0x2E8A, 0x0005, "1-5:1.0")


@pytest.mark.parametrize("there,board,wanted", [
    ([OTHER, CH340], None, ["/dev/ttyUSB10"]),
    (TWO, "maixduino", ["/dev/ttyUSB0"]),
    (TWO, "maix_go", ["/dev/ttyUSB1"]),
    (TWO, "maix_cube", ["/dev/ttyUSB0", "/dev/ttyUSB1"]),
    ([*TWO, CH340], "maix_bit", ["/dev/ttyUSB10"]),
    ([*TWO, CH340], None, ["/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB10"]),
])
def test_port_by_usb_id(monkeypatch: pytest.MonkeyPatch, there: list[Any], board: str | None,
                        wanted: list[str]) -> None:
    monkeypatch.setattr(ports.list_ports, "comports", lambda: there)
    assert ports.candidates("auto", boards.find(board) if board else None) == wanted
    rows = kpupy("ls-boards", "--json").json
    assert {r["device"] for r in rows} == {p.device for p in there} - {"/dev/ttyACM0"}


def test_no_board_says_what_to_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ports.list_ports, "comports", lambda: [OTHER])
    run = kpupy("flash", save(tmp_path, "f.bin", PAYLOAD), "--port", "auto", "--json")
    assert run.status == Exit.PORT and run.json["exit"] == 3
    assert all(word in " ".join(run.json["hints"]) for word in ("cable", "driver", "/dev/ttyACM0", "--port"))


def test_several_boards_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports.list_ports, "comports", lambda: [*TWO, CH340])
    run = kpupy("fs", "ls", "--port", "auto")
    assert run.status == Exit.PORT and "/dev/ttyUSB0, /dev/ttyUSB1, /dev/ttyUSB10" in run.err and "--board" in run.err


def test_known_boards_are_listed() -> None:
    assert len(kpupy("ls-boards", "--known", "--json").json) == 31
    assert "Sipeed MaixDuino" in kpupy("ls-boards", "--known").out
