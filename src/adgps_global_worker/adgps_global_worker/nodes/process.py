"""When this process began; on Linux, as everything here."""

from __future__ import annotations

import os
import time
from pathlib import Path


def process_start_ns() -> int:
    """System time at which this process was started [ns], imports included.

    What was published before is history to a worker. Reading the time after the imports would not
    do: they take seconds, in which the first trajectories may arrive.
    """
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # proc(5): starttime, since boot
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
    return time.time_ns() - int(age_s * 1e9)
