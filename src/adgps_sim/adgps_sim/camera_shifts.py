"""Cameras that are not where they were in training, as those of section V-B of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from adgps_sim.camera import OVER_SHOULDER, CameraPose

Shift = tuple[float, float, float]
MOST = 1.0
"""Furthest that a camera may be moved along each axis [m]."""

_LOWERED, _AWAY = 0.05, 0.04  # [m], as in the paper


def shifted(pose: CameraPose, shift: Sequence[float]) -> CameraPose:
    """Move a camera without turning it.

    Parameters
    ----------
    pose : where it was.
    shift : (3,) way, base frame [m].

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
    return CameraPose(eye=_triple(pose.eye + way), target=_triple(pose.target + way))


def _away(pose: CameraPose, distance: float) -> Shift:
    """Way (3,) [m] straight back from what a camera looks at."""
    back = np.subtract(pose.eye, pose.target)
    return _triple(distance * back / np.linalg.norm(back))


def _triple(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Shift:
    x, y, z = values.tolist()
    return x, y, z


SHIFTS: Mapping[str, Shift] = MappingProxyType(
    {"lowered": (0.0, 0.0, -_LOWERED), "away": _away(OVER_SHOULDER, _AWAY)}
)
"""The paper's two by name, base frame [m]."""
