"""Shared memory that Fast DDS leaves in /dev/shm when a process is killed.

What no living process uses any more is removed, if a process of ours was seen to use it, or if it
came while ours ran: one that is killed as it makes a segment was never seen with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_FOLDER = Path("/dev/shm")
_FILE = re.compile(r"(?:sem\.)?(fastrtps_(?:port\d+|[0-9a-f]+))(?:_el|_mutex)?")
_MAKING = 0.5
"""How long a segment may be there before its maker has mapped it, at most [s]."""
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
        self._before = _segments()
        self._seen: set[str] = set()
        self._period = period
        self._next = 0.0

    def watch(self, pids: Iterable[int], now: bool = False) -> None:
        """Note what the processes use, but not before the period is over, unless now."""
        if now or time.monotonic() >= self._next:
            self.note(pids)
            self._next = time.monotonic() + self._period

    def note(self, pids: Iterable[int]) -> None:
        """Note what the processes use."""
        for pid in pids:
            self._seen |= mapped_segments(pid)

    def clean(self) -> list[str]:
        """Remove the segments that nobody uses any more; their names."""
        dead = self._dead()
        if dead - self._seen:
            time.sleep(_MAKING)
            dead &= self._dead()
        for name in dead:
            for file in (name, f"{name}_el", f"sem.{name}_mutex"):
                with suppress(OSError):
                    (_FOLDER / file).unlink()
        return sorted(dead)

    def _dead(self) -> set[str]:
        """Segments that were seen, or came since, and that nobody uses now.

        Of those that were not seen none is a port: these belong to a domain, and any process in it
        may open one at any time.
        """
        found = _segments()
        came = {name for name in found - self._before if "port" not in name}
        suspects = (found & self._seen) | came
        if not suspects:
            return set()
        alive = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        return suspects.difference(*(mapped_segments(pid) for pid in alive))


def _segments() -> set[str]:
    """Names of all segments that there are."""
    files = _FOLDER.iterdir() if _FOLDER.is_dir() else ()
    matches = (_FILE.fullmatch(file.name) for file in files)
    return {match[1] for match in matches if match}
