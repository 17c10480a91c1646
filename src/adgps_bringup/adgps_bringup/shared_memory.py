"""Shared memory that Fast DDS leaves in /dev/shm when a process is killed.

Only what a process of ours was seen to use, and what no living process uses any more, is removed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_FOLDER = Path("/dev/shm")
_MAPPED = re.compile(r"/dev/shm/(?:sem\.)?(fastrtps_(?:port\d+|[0-9a-f]+))")


def mapped_segments(pid: int) -> set[str]:
    """Names of the Fast DDS segments that a process has mapped; none if it is gone."""
    try:
        return set(_MAPPED.findall(Path(f"/proc/{pid}/maps").read_text(errors="replace")))
    except OSError:
        return set()


class SegmentLedger:
    """Remembers which segments our processes used, and removes the dead ones."""

    def __init__(self, period: float = 3.0) -> None:
        """Look at the processes at most once a period [s]."""
        self._seen: set[str] = set()
        self._period = period
        self._next = 0.0

    def watch(self, pids: Iterable[int], now: bool = False) -> None:
        """Note what the processes use; does nothing before the period is over unless now."""
        if now or time.monotonic() >= self._next:
            for pid in pids:
                self._seen |= mapped_segments(pid)
            self._next = time.monotonic() + self._period

    def clean(self) -> list[str]:
        """Remove the segments that nobody uses any more; their names."""
        if not any(self._files(name) for name in self._seen):
            return []
        alive = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        used = set[str]().union(*(mapped_segments(pid) for pid in alive))
        removed = [name for name in sorted(self._seen - used) if self._files(name)]
        for name in removed:
            for file in self._files(name):
                with suppress(OSError):
                    file.unlink()
        return removed

    @staticmethod
    def _files(name: str) -> list[Path]:
        """Files that belong to a segment: its memory, its lock, its semaphore."""
        names = (name, f"{name}_el", f"sem.{name}_mutex")
        return [_FOLDER / file for file in names if (_FOLDER / file).exists()]
