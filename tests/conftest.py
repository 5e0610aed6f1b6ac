"""One thread per test process: two workers with two threads each would spend their time on waiting for each other."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; commands that the tests start inherit it
