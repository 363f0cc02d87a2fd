"""`python -m kpupy`."""

import sys

from kpupy.cli import main

sys.exit(main())
