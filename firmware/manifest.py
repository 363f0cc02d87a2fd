# ruff: noqa: F821 (the functions are those of MicroPython's manifest files)
# Python that is part of every firmware. A board adds its own in boards/NAME/manifest.py.
include("$(MPY_DIR)/extmod/asyncio")
freeze("$(PORT_DIR)/modules")
