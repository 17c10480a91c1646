"""How fast the machine is at the moment: wall clocks compare only at the same speed.

A virtual machine may stand on other hardware tomorrow, or have other neighbours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from adgps_bringup.summary import write_json

FILE = "yardstick.json"
TOLERANCE = 1.5
"""Ratio of times of the same work beyond which runs do not compare."""

_TRIES = 10


def measure() -> float:
    """Time that a fixed piece of work takes on one core, the least of some tries [ms].

    It is some of what nodes do: interpreted code, and small linear algebra.
    """
    return min(_try() for _ in range(_TRIES))


def _try() -> float:
    matrices = np.random.default_rng(0).standard_normal((100, 40, 40))
    began = time.perf_counter()
    np.linalg.solve(matrices, matrices)
    total = 0
    for number in range(50_000):
        total += number
    return 1e3 * (time.perf_counter() - began)


def write(run: Path, milliseconds: float) -> None:
    """Keep in a run's folder how fast the machine was."""
    write_json(run / FILE, {"milliseconds": milliseconds})


def read(runs: Path) -> dict[str, float]:
    """How fast the machine was for each run that says so, by name [ms]."""
    return {
        path.parent.name: float(json.loads(path.read_text(encoding="utf-8"))["milliseconds"])
        for path in sorted(runs.glob(f"*/{FILE}"))
    }


def objection(now: float, before: Mapping[str, float]) -> str:
    """Why a run now would not compare with those before; "" if it would."""
    for name, then in before.items():
        ratio = max(now / then, then / now)
        if ratio > TOLERANCE:
            change = "slower" if now > then else "faster"
            return f"this machine is {ratio:.1f} times {change} than when {name} was run"
    return ""
