# kpupy: every verb of the project. `make help` lists them.

BOARD ?= maix_bit
PYTHON ?= python3
BUILD := build
VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= $(shell nproc)

# A tree of MicroPython 1.25 ... 1.29 to build with; by default Debian's source package is fetched and verified.
MICROPY_DIR ?= $(BUILD)/micropython
FIRMWARE := $(BUILD)/firmware/$(BOARD)/firmware.img
FLASH ?= $(BUILD)/emulated/$(BOARD).flash

PACKAGES := build-essential xz-utils python3-venv gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf

.DEFAULT_GOAL := help
.PHONY: help
help: ## show this list
	@echo "kpupy: MicroPython for the Kendryte K210, its tools and an emulated board"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'
	@echo
	@echo "  BOARD=$(BOARD)  MICROPY_DIR=$(MICROPY_DIR)  PYTHON=$(PYTHON)  JOBS=$(JOBS)"

.PHONY: demo
demo: firmware ## build, boot the emulated board and classify pictures on it
	@$(PY) examples/digits/demo.py --firmware $(FIRMWARE) --board $(BOARD)

.PHONY: test
test: firmware ## build everything and run all tests
	@$(PY) -m pytest -n $(JOBS) --dist worksteal tests $(PYTEST_ARGS)

.PHONY: hil
hil: firmware ## flash, test and report on the board at PORT (default: first found; emu: the emulated one)
	@mkdir -p $(BUILD)/hil
	@$(PY) -m pytest tests/device --target=$(or $(PORT),auto) --board=$(BOARD) --firmware=$(FIRMWARE) \
		$(if $(filter emu,$(PORT)),-n $(JOBS)) --hil-report=$(BUILD)/hil/report.html \
		--junitxml=$(BUILD)/hil/report.xml $(PYTEST_ARGS)

.PHONY: firmware
firmware: tools micropython ## build the firmware for BOARD
	@$(PY) tools/setup/progress.py --label "firmware for $(BOARD)" -- \
		$(MAKE) -C firmware -j$(JOBS) BOARD=$(BOARD) MICROPY_DIR=$(abspath $(MICROPY_DIR)) PYTHON=$(abspath $(PY))

.PHONY: sdk-app
sdk-app: setup ## build the C program in the folder APP= on the standalone SDK alone, into build/sdk-app
	@test -d "$(APP)" || { echo "which one? make sdk-app APP=folder" >&2; exit 2; }
	@$(MAKE) --no-print-directory -s -f components/kendryte_sdk/app.mk -j$(JOBS) APP=$(abspath $(APP)) \
		BUILD=$(abspath $(BUILD))/sdk-app PYTHON=$(abspath $(PY))

.PHONY: emu
emu: firmware ## a REPL on the emulated board in this terminal, Ctrl-] leaves; PORT=pty: a port for other programs
	@mkdir -p $(dir $(FLASH))
	@$(PY) -m k210emu --board $(BOARD) --flash $(FLASH) --firmware $(FIRMWARE) \
		$(if $(PORT),--serve --port $(PORT),--console)

# Verbs for a board at PORT=, by default the first one found. BOARD= counts only if it was given: it says more than
# what to build for.
KPUPY := $(PY) -m kpupy
AT_PORT = $(if $(PORT),--port $(PORT)) $(if $(filter command environment,$(firstword $(origin BOARD))),--board $(BOARD))

.PHONY: flash
flash: firmware ## write the firmware to the board and verify it (PORT=, BOARD=)
	@$(KPUPY) flash $(FIRMWARE) $(AT_PORT)

.PHONY: flash-model
flash-model: tools ## write MODEL= to flash offset ADDR= (default: the models area)
	@test -n "$(MODEL)" || { echo "which one? make flash-model MODEL=face.kmodel ADDR=0x300000" >&2; exit 2; }
	@$(KPUPY) flash $(MODEL)$(if $(ADDR),@$(ADDR)) $(AT_PORT)

.PHONY: flash-fs
flash-fs: tools ## replace the board's /flash by the folder FS=
	@test -n "$(FS)" || { echo "which folder? make flash-fs FS=project" >&2; exit 2; }
	@$(KPUPY) fs flash $(FS) $(AT_PORT)

.PHONY: erase
erase: tools ## erase the whole flash, or AREA=firmware|models|filesystem
	@$(KPUPY) erase $(if $(AREA),--area $(AREA),--all) $(AT_PORT)

.PHONY: repl
repl: setup ## a terminal on the board; Ctrl-] leaves
	@$(KPUPY) repl $(AT_PORT)

.PHONY: monitor
monitor: setup ## what the board says; Ctrl-C leaves
	@$(KPUPY) monitor $(AT_PORT)

.PHONY: bench
bench: firmware ## measure and print the table of figures
	@$(PY) tests/bench/bench.py --board $(BOARD) $(BENCH_ARGS)

.PHONY: fuzz
fuzz: setup ## feed mutated models to the runtime under ASan and UBSan (SECONDS=60)
	@$(MAKE) --no-print-directory -C tests/fuzz run SECONDS=$(or $(SECONDS),60)

.PHONY: lint
lint: setup ## ruff and mypy over the Python code
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

.PHONY: size
size: firmware ## firmware size by section
	@riscv64-unknown-elf-size -A -d $(BUILD)/firmware/$(BOARD)/firmware.elf

.PHONY: setup
setup: ## install what is missing: packages by apt, a virtual environment by pip
	@tools/setup/apt_packages.sh $(PACKAGES)
	@tools/setup/venv.sh $(PYTHON) $(VENV)

.PHONY: tools
tools: setup ## build the emulator and the flash reader
	@$(PY) tools/setup/progress.py --label "the emulator" -- \
		$(MAKE) --no-print-directory -C tools/k210emu -j$(JOBS) PYTHON=$(abspath $(PY))
	@$(MAKE) --no-print-directory -s -C tools/kpupy/passthrough -j$(JOBS)
	@$(MAKE) --no-print-directory -s -C tools/kpupy/stub -j$(JOBS)

.PHONY: wheel
wheel: tools ## build the host package for pip into build/dist, with the programs that it loads into boards
	@cp $(BUILD)/kpupy/reader.bin tools/kpupy/stub/
	@cp $(BUILD)/passthrough/passthrough.bin tools/kpupy/passthrough/
	@$(PY) -m pip wheel --disable-pip-version-check -q --no-deps --no-build-isolation -w $(BUILD)/dist .
	@rm tools/kpupy/stub/reader.bin tools/kpupy/passthrough/passthrough.bin
	@ls $(BUILD)/dist/*.whl

.PHONY: micropython
micropython: setup
ifeq ($(abspath $(MICROPY_DIR)),$(abspath $(BUILD)/micropython))
	@tools/setup/fetch_micropython.sh $(BUILD)/micropython $(BUILD)/cache
else
	@test -f $(MICROPY_DIR)/py/mpconfig.h || { echo "MICROPY_DIR=$(MICROPY_DIR) is not a MicroPython tree" >&2; exit 1; }
endif

.PHONY: clean
clean: ## remove what was built (keeps the virtual environment and MicroPython's source)
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name micropython ! -name cache -exec rm -rf {} + 2>/dev/null || true

.PHONY: distclean
distclean: ## remove everything that is not in the repository
	@rm -rf $(BUILD) $(VENV)
