# The SDK as a make fragment. An including Makefile may set SDK_CONSOLE, adds its own objects and links with
# SDK_LDFLAGS; everything unused is dropped by --gc-sections.
#
#   SDK_DIR       this directory (set here)
#   SDK_CONSOLE   uart3 (the vendor's default) or uarths: what printf and printk use, both on pads 4 and 5
#   SDK_SOURCES   absolute paths of all sources       SDK_INCLUDES  -I options of the public headers
#   SDK_CFLAGS    machine, language and section flags SDK_ASFLAGS   the same for assembly
#   SDK_OPT_<file stem>  optimisation of one hot file (default SDK_OPT)
#   $(call sdk_objects,DIR)  object paths under DIR;  $(eval $(call sdk_rules,DIR))  rules that build them

SDK_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
SDK_CONSOLE ?= uart3

CROSS_COMPILE ?= riscv64-unknown-elf-
SDK_CC ?= $(CROSS_COMPILE)gcc

SDK_SOURCES = $(wildcard $(SDK_DIR)/drivers/*.c) \
	$(filter-out $(SDK_DIR)/bsp/console_%.c,$(wildcard $(SDK_DIR)/bsp/*.c)) \
	$(SDK_DIR)/bsp/console_$(SDK_CONSOLE).c $(SDK_DIR)/bsp/crt.S
SDK_INCLUDES = -I$(SDK_DIR)/include

# A _zicsr suffix would pick the wrong multilib of gcc 12.2.
SDK_ARCH = -march=rv64imafdc -mabi=lp64d -mcmodel=medany
SDK_CFLAGS = $(SDK_ARCH) --specs=picolibc.specs -std=gnu11 -ffunction-sections -fdata-sections -fno-common \
	-ffreestanding -fstrict-volatile-bitfields -fno-builtin-malloc -D__riscv64
SDK_OPT ?= -Os
SDK_OPT_heap ?= -O2
# Else the compiler would make calls of memcpy and memset out of the loops that are them.
SDK_OPT_string ?= -O2 -fno-tree-loop-distribute-patterns
SDK_WARNINGS = -Wall -Wextra
SDK_ASFLAGS = $(SDK_ARCH) $(SDK_INCLUDES) -D__ASSEMBLER__
SDK_LINKER_SCRIPT = $(SDK_DIR)/bsp/sdk.ld
SDK_LDFLAGS = $(SDK_ARCH) --specs=picolibc.specs -nostartfiles -static -T $(SDK_LINKER_SCRIPT) \
	-Wl,--gc-sections -Wl,--no-warn-rwx-segments

sdk_objects = $(patsubst $(SDK_DIR)/%,$(1)/%.o,$(basename $(SDK_SOURCES)))

define sdk_rules
$(1)/%.o: $(SDK_DIR)/%.c
	@mkdir -p $$(@D)
	$$(SDK_CC) $$(SDK_CFLAGS) $$(or $$(SDK_OPT_$$(basename $$(notdir $$<))),$$(SDK_OPT)) $$(SDK_WARNINGS) \
		$$(SDK_INCLUDES) -I$$(SDK_DIR)/drivers -MMD -MP -c $$< -o $$@

$(1)/%.o: $(SDK_DIR)/%.S
	@mkdir -p $$(@D)
	$$(SDK_CC) $$(SDK_ASFLAGS) -c $$< -o $$@

-include $$(patsubst %.o,%.d,$$(call sdk_objects,$(1)))
endef
