#include "py/builtin.h"

const char kpupy_help_text[] =
    "Welcome to MicroPython on the K210.\n"
    "\n"
    "  import KPU, image, os, machine, time, kpupy\n"
    "  help('modules')      lists all modules\n"
    "  kpupy.heap()         memory for models and images (free, largest block)\n"
    "  os.listdir('/flash') files; boot.py and main.py run after reset\n"
    "\n"
    "  Ctrl-A raw REPL, Ctrl-B normal REPL, Ctrl-C interrupt, Ctrl-D soft reset, Ctrl-E paste\n"
    "  Ctrl-C or the BOOT key just after reset skips boot.py and main.py\n";
