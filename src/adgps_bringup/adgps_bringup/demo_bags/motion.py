"""Smooth motion through measured joint angles, at whatever rate they came."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import make_smoothing_spline

from adgps_core.typing import Array

_BIN = 0.03
"""Joint states that came faster are averaged over this [s]: nothing that an arm does is lost."""

_LEAST = 5
"""Points that a smoothing spline needs."""


class Motion:
    """Cubic smoothing splines through the angles of each joint.

    How smooth they are is found by generalised cross-validation: where the angles carry no noise,
    they are interpolated.

    Parameters
    ----------
    stamps : (n,) rising [s].
    angles : (n, dU) [rad].

    Raises
    ------
    ValueError
        If there are too few of them.
    """

    def __init__(self, stamps: Array, angles: Array) -> None:
        times, means = _binned(stamps, angles)
        if len(times) < _LEAST:
            raise ValueError(
                f"{len(stamps)} joint states within {np.ptp(stamps):.2f} s are too few"
            )
        self._splines = [make_smoothing_spline(times, joint) for joint in means.T]

    def at(self, times: Array) -> tuple[Array, Array, Array]:
        """Angles, velocities and accelerations at times (t,), (t, dU) each [rad], .. [rad/s²]."""
        angles, velocities, accelerations = (
            np.stack([spline(times, nu=order) for spline in self._splines], axis=-1)
            for order in range(3)
        )
        return angles, velocities, accelerations


def _binned(stamps: Array, angles: Array) -> tuple[Array, Array]:
    """Average stamps (n,) and angles (n, dU) that fall into the same bin."""
    _, member = np.unique(np.floor((stamps - stamps[0]) / _BIN), return_inverse=True)
    counts = np.bincount(member)
    times = np.bincount(member, stamps) / counts
    return times, np.stack([np.bincount(member, joint) / counts for joint in angles.T], axis=-1)
