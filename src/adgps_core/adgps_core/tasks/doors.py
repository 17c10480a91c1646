"""Where doors stand, and which handles they have."""

from __future__ import annotations

import numpy as np

from adgps_core.tasks.task import Instance, Split
from adgps_core.typing import Array

CENTRE = np.array([0.65, -0.08, 0.52, 0.0])
"""Position [m] and yaw [rad] of the door that the others lie around, base frame."""

SPREAD = np.array([0.03, 0.03, 0.02, 0.12])
"""How far from it doors may stand, to either side [m, rad]."""

TRAINED_HANDLES = (0, 1, 2)
HELD_OUT_HANDLE = 3

_DEAL = (0, 1, 2, 0)
"""Handles in turn: four robots that are dealt instances as cards have one handle each."""


def handle_of(instance: Instance) -> int:
    """Number of the handle that an instance's door has; ValueError if there is none such."""
    number = instance.parameters[4]
    if number not in (*TRAINED_HANDLES, HELD_OUT_HANDLE):
        raise ValueError(f"there is no handle {number:g}")
    return int(number)


def pose_of(instance: Instance) -> tuple[Array, float]:
    """Position (3,) [m] and yaw [rad] of an instance's door in the base frame."""
    return instance.parameters[:3], float(instance.parameters[3])


def placed(split: Split) -> list[tuple[Array, int]]:
    """Poses (4,), x, y, z [m] and yaw [rad] in the base frame, and handles of a split's doors.

    Training doors stand towards the corners of what `SPREAD` allows, four near them and four about
    half as far, opposite, for each robot of four, which keeps its handle; validation doors within
    it. Test doors stand on a grid: five places by three ways to face.
    """
    if split == "training":
        corners = np.array([[1, 1, 1, -1], [-1, 1, -1, 1], [1, -1, -1, -1], [-1, -1, 1, 1]])
        turned = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, 1], [-1, 1, 1, -1]])
        doors = [
            (far * corners[place] * turned[robot], handle)
            for far in (0.8, -0.4)
            for place in range(4)
            for robot, handle in enumerate(_DEAL)
        ]
    elif split == "validation":
        doors = [
            (side * np.array(place), handle)
            for handle, place in zip(
                TRAINED_HANDLES,
                ((0.5, -0.5, 0.3, 0.5), (-0.5, 0.2, 0.5, 0.5), (0.2, 0.5, -0.5, 0.5)),
                strict=True,
            )
            for side in (1, -1)
        ]
    else:
        places = ((0, 0), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7))
        doors = [
            (np.array([*place, 0.0, yaw]), HELD_OUT_HANDLE)
            for place in places
            for yaw in (-0.7, 0.0, 0.7)
        ]
    return [(CENTRE + SPREAD * offset, handle) for offset, handle in doors]


def drawn(pose: Array, rng: np.random.Generator) -> Array:
    """Draw a pose (4,) evenly from the part of `SPREAD` around another one.

    The part is half as wide as `SPREAD` and reaches to its border in every number in which the pose
    is nearer to that border than to the centre.
    """
    middle = np.clip((pose - CENTRE) / SPREAD, -0.5, 0.5)
    found: Array = CENTRE + SPREAD * (middle + rng.uniform(-0.5, 0.5, 4))
    return found
