"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is: as it should be, worth knowing, or in the way of a run."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Parameters
    ----------
    level : how bad it is.
    detail : what was seen, and the remedy where one is needed.
    """

    level: Level
    detail: str

    def __post_init__(self) -> None:
        """Refuse a detail that is empty: a verdict says what it rests on."""
        if not self.detail.strip():
            raise ValueError("a finding needs a detail")

    def line(self, name: str) -> str:
        """Write it as one line of the report."""
        return f"{self.level.value}  {name:<14} {' '.join(self.detail.split())}"
