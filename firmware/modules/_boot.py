# Runs before boot.py, after every reset.
import flashfs
import os
import sys

sys.path[:] = ["", ".", "/sd", "/flash", ".frozen"]
try:
    flashfs.mount()
    os.chdir("/flash")
except Exception as e:
    # A broken file system must not keep the board from its prompt.
    print("/flash is not mounted:", e)
