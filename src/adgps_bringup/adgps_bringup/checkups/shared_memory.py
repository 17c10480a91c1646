"""Shared memory: room for messages, and what killed processes have left in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from adgps_bringup.checkups.finding import Finding, Level
from adgps_bringup.shared_memory import mapped_segments

FOLDER = Path("/dev/shm")
NEEDED_MB = 256
_SEGMENT = re.compile(r"(?:sem\.)?(fastrtps_(?:port\d+|[0-9a-f]+))(?:_el|_mutex)?")


def dead_files(files: Iterable[str], used: Iterable[str]) -> list[str]:
    """Select the files of Fast DDS whose segment no process uses.

    Parameters
    ----------
    files : names of the files in shared memory, of Fast DDS and of others.
    used : names of the segments that living processes have mapped.
    """
    alive = set(used)
    matches = ((name, _SEGMENT.fullmatch(name)) for name in sorted(files))
    return [name for name, match in matches if match and match.group(1) not in alive]


def left_behind() -> Finding:
    """Look for segments of dead processes, and for the room that is left."""
    if not FOLDER.is_dir():
        return Finding(Level.FAIL, f"{FOLDER} is not mounted")
    free_mb = shutil.disk_usage(FOLDER).free // 2**20
    files = [path.name for path in FOLDER.iterdir()]
    processes = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    dead = dead_files(files, set[str]().union(*map(mapped_segments, processes)))
    detail = f"{free_mb} MB free in {FOLDER}"
    if free_mb < NEEDED_MB:
        return Finding(
            Level.FAIL,
            f"{detail}, a run needs {NEEDED_MB}; in a container give it more (--shm-size=1g)",
        )
    if dead:
        return Finding(
            Level.WARN,
            f"{detail}; {len(dead)} files of dead processes, {_megabytes(dead):.1f} MB:"
            " ./adgps exec fastdds shm clean removes them",
        )
    return Finding(Level.PASS, f"{detail}, nothing left behind")


def _megabytes(names: Iterable[str]) -> float:
    """Memory that files take [MB]; one that vanishes meanwhile counts nothing."""
    total = 0
    for name in names:
        try:
            total += (FOLDER / name).stat().st_blocks * 512
        except OSError:
            continue
    return total / 1e6
