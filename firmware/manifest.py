# Python that is part of every firmware. A board adds its own in boards/NAME/manifest.py.
include("$(MPY_DIR)/extmod/asyncio")
freeze("$(PORT_DIR)/modules")
