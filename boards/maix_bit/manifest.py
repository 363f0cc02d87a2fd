# ruff: noqa: F821 (the functions are those of MicroPython's manifest files)
include("$(PORT_DIR)/manifest.py")
