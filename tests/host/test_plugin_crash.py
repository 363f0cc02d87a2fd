"""Crash dumps in console text."""

from __future__ import annotations

from kpupy.testing import crash

TRAP = (
    "some output\r\ncore dump: fault load\r\n"
    "Cause 0x0000000000000005, EPC 0x000000008000ab70, address 0x0000000000000020, hart 1\r\n"
    "  ra 0x0000000080009ec2    sp 0x000000008006b6f0    gp 0x00000000800570e0\r\n"
    "  tp 0x000000008005be40    t0 0x000000008006fe50    t1 0xffffffffffffff83\r\n"
    " s10 0x000000008006b890   s11 0x000000008007230a\r\n"
    "[MaixPy] init end\r\n  a0 0x1 belongs to something else\r\n>>> "
)


def test_trap() -> None:
    (found,) = crash.parse(TRAP)
    assert found.as_dict() == {
        "reason": "fault load",
        "cause": 5,
        "epc": 0x8000AB70,
        "address": 0x20,
        "hart": 1,
        "registers": {
            "ra": 0x80009EC2,
            "sp": 0x8006B6F0,
            "gp": 0x800570E0,
            "tp": 0x8005BE40,
            "t0": 0x8006FE50,
            "t1": 0xFFFFFFFFFFFFFF83,
            "s10": 0x8006B890,
            "s11": 0x8007230A,
        },
    }


def test_several_and_those_without_registers() -> None:
    text = (
        "\ncore dump: C heap fault 3 at 0x80123450\n"
        + TRAP
        + "core dump: misaligned store\nCause 0x6, EPC 0x80000100\n"
    )
    heap, trap, store = crash.parse(text)
    assert (heap.reason, heap.cause, heap.registers) == ("C heap fault 3 at 0x80123450", None, {})
    assert trap == crash.parse(TRAP)[0]
    assert (store.reason, store.cause, store.epc, store.address, store.hart) == (
        "misaligned store",
        6,
        0x80000100,
        None,
        None,
    )


def test_none() -> None:
    assert crash.parse(">>> print('dump core')\r\ncore dum") == []
