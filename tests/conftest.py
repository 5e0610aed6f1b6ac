"""What every test process is started with, and the commands that tests start after it."""

import os
import sys

# One thread per process: two workers with two threads each would spend their time on waiting for each other.
os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; commands that the tests start inherit it
# Compiled modules are kept, whatever the machine says: hundreds of commands would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
