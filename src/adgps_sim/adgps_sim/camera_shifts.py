"""Cameras that are not where they were in training, as those of section V-B of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # who only wants the numbers loads no physics
    from adgps_sim.camera import CameraPose

Shift = tuple[float, float, float]
MOST = 1.0
"""Furthest that a camera may be moved along each axis [m]."""

SHIFTS: Mapping[str, Shift] = MappingProxyType(
    {"lowered": (0.0, 0.0, -0.05), "away": (-0.02297, -0.02589, 0.02005)}
)
"""The paper's two by name, base frame [m]: 5 cm down, and 4 cm straight back."""


def check_shift(shift: Sequence[float]) -> Shift:
    """Take a way (3,) by which a camera is moved, base frame [m].

    Raises
    ------
    ValueError
        If that is not three finite numbers of at most `MOST`.
    """
    way = np.asarray(shift, dtype=np.float64)
    if way.shape != (3,) or not (np.abs(way) <= MOST).all():
        raise ValueError(
            f"a camera is moved by three numbers of at most {MOST:g} m, not {list(shift)}"
        )
    x, y, z = way.tolist()
    return x, y, z


def shifted(pose: CameraPose, shift: Sequence[float]) -> CameraPose:
    """Move a camera without turning it; ValueError as of `check_shift`."""
    way = check_shift(shift)
    eye, target = np.add(pose.eye, way).tolist(), np.add(pose.target, way).tolist()
    return replace(pose, eye=tuple(eye), target=tuple(target))
