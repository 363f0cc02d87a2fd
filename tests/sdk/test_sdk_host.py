"""The parts of the SDK that run on the host: the allocator, and the headers under both languages' warnings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SDK = ROOT / "components" / "kendryte_sdk"
BUILD = ROOT / "build" / "sdk" / "host"
HEADERS = sorted(path.name for path in (SDK / "include").glob("*.h"))
MACHINE = ["-march=rv64imafdc", "-mabi=lp64d", "-mcmodel=medany", "--specs=picolibc.specs", "-fsyntax-only"]


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_heap_against_a_shadow_record() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    program = BUILD / "heap_host"
    run(["cc", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", f"-I{SDK / 'include'}", str(HERE / "host" / "heap_host.c"),
         str(SDK / "bsp" / "heap.c"), "-o", str(program)])
    assert run([str(program), "45"]) == "OK\n"


@pytest.mark.parametrize("language", ["c", "c++"])
def test_headers_alone_and_together(language: str, tmp_path: Path) -> None:
    """Every header by itself (iomem.h asks for stdint.h, which it includes), then all in both orders."""
    compiler = "riscv64-unknown-elf-gcc" if language == "c" else "riscv64-unknown-elf-g++"
    standard = "-std=c11" if language == "c" else "-std=gnu++17"
    groups = [[name] for name in HEADERS] + [HEADERS, HEADERS[::-1]]
    for number, names in enumerate(groups):
        source = tmp_path / f"all{number}.{'c' if language == 'c' else 'cpp'}"
        source.write_text("".join(f'#include "{name}"\n' for name in names))
        output = run([compiler, *MACHINE, standard, "-Wall", "-Wextra", "-Werror", f"-I{SDK / 'include'}", str(source)])
        assert output == "", output


def test_register_structs_have_the_published_layout(tmp_path: Path) -> None:
    """Offsets of spec soc.md, checked by the compiler for the target."""
    facts = {
        ("sysctl.h", "sysctl_t"): {"pll_lock": 0x18, "clk_sel0": 0x20, "peri_reset": 0x34, "misc": 0x54,
                                   "power_sel": 0x6C},
        ("fpioa.h", "fpioa_t"): {"io[47]": 0xBC, "tie.en": 0xC0, "tie.val": 0xE0},
        ("gpiohs.h", "gpiohs_t"): {"output_val": 0x0C, "low_ip": 0x34, "output_xor": 0x40},
        ("gpio.h", "gpio_t"): {"interrupt_enable": 0x30, "data_input": 0x50, "interrupt_bothedge": 0x68},
        ("uarths.h", "uarths_t"): {"rxctrl": 0x0C, "div": 0x18},
        ("uart.h", "uart_t"): {"LSR": 0x14, "SRBR": 0x30, "USR": 0x7C, "STET": 0xA0, "DLF": 0xC0, "CTR": 0xFC},
        ("spi.h", "spi_t"): {"dr": 0x60, "rx_sample_delay": 0xF0, "spi_ctrlr0": 0xF4, "endian": 0x118},
        ("dmac.h", "dmac_t"): {"chen": 0x18, "reset": 0x58, "channel": 0x100},
        ("dmac.h", "dmac_channel_t"): {"ctl": 0x18, "intstatus_en": 0x80, "intclear": 0x98},
        ("clint.h", "clint_t"): {"mtimecmp": 0x4000, "mtime": 0xBFF8},
        ("plic.h", "plic_t"): {"pending_bits": 0x1000, "target_enables": 0x2000, "targets": 0x200000},
        ("timer.h", "kendryte_timer_t"): {"channel[1]": 0x14, "intr_stat": 0xA0, "load_count2": 0xB0},
        ("wdt.h", "wdt_t"): {"stat": 0x10, "prot_level": 0x1C, "comp_param_5": 0xE4, "comp_type": 0xFC},
        ("rtc.h", "rtc_t"): {"alarm_date": 0x08, "interrupt_ctrl": 0x18, "extended": 0x28},
        ("i2c.h", "i2c_t"): {"data_cmd": 0x10, "intr_stat": 0x2C, "clr_tx_abrt": 0x54, "enable": 0x6C,
                             "tx_abrt_source": 0x80, "dma_cr": 0x88, "fs_spklen": 0xA0, "comp_type": 0xFC},
        ("i2s.h", "i2s_t"): {"ccr": 0x10, "channel[1]": 0x60, "channel[3].tff": 0x114, "rxdma": 0x1C0,
                             "i2s_comp_type": 0x1FC},
        ("apu.h", "apu_reg_t"): {"bf_dir_bidx": 0x08, "bf_pre_fir0_coef": 0x88, "bf_post_fir1_coef": 0xF4,
                                 "bf_dwsz_cfg_reg": 0x118, "sobuf_dma_rdata": 0x120, "saturation_limits": 0x134},
        ("dvp.h", "dvp_t"): {"cmos_cfg": 0x10, "sts": 0x20, "rgb_addr": 0x28},
        ("kpu.h", "kpu_config_t"): {"interrupt_clear": 0x20, "fifo_data_out": 0x30, "eight_bit_mode": 0x40},
    }
    sizes = {("dmac.h", "dmac_channel_t"): 0x100, ("dmac.h", "dmac_lli_item_t"): 64, ("sysctl.h", "sysctl_t"): 128,
             ("kpu.h", "kpu_layer_argument_t"): 96, ("kpu.h", "kpu_activate_table_t"): 144}
    lines = ["#include <stddef.h>", *sorted({f'#include "{header}"' for header, _ in facts})]
    for (_, name), fields in facts.items():
        lines += [f'_Static_assert(offsetof({name}, {field}) == {offset}, "{name}.{field}");'
                  for field, offset in fields.items()]
    lines += [f'_Static_assert(sizeof({name}) == {size}, "{name}");' for (_, name), size in sizes.items()]
    source = tmp_path / "layout.c"
    source.write_text("\n".join(lines) + "\n")
    run(["riscv64-unknown-elf-gcc", *MACHINE, "-std=gnu11", f"-I{SDK / 'include'}", str(source)])
