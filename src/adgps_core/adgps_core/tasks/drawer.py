"""Drawer: push a drawer shut that has a catch against slamming.

A drawer stands pulled out in front of the hand. Pushed in gently it slides to its end; pushed in
too fast over its first centimetres it drops a pawl, which stops it half-way. Nothing in the
robot's state tells that the pawl has dropped, and nothing happens until the drawer gets there.

That is what PI2 is for. It sees what whole rollouts came to. A model of the next state, given this
one and the torques, sees at every step that pushing harder moves the hand further, and later that
the hand stands still whatever one does; the cause lies in what the state does not hold.

The cost is that of `reach` towards a goal behind the front of the drawer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from adgps_core import end_effector as ee
from adgps_core.tasks.goals import Box
from adgps_core.tasks.reach import Reach
from adgps_core.tasks.task import Instance
from adgps_core.typing import Array

START = np.array([0.0, -0.7419, 0.0, -2.4215, 0.0, 3.2504, np.pi / 4])
"""Joint angles with the end-effector at (0.45, 0, 0.75) m, pointing forward."""

ROTATION = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
"""R_BE: the hand points straight ahead, along x of the base."""

FRONT = np.array([0.465, 0.0, 0.75])
"""Centre of the front of the drawer when it is pulled out, base frame [m]."""

GOALS = Box(low=(0.57, -0.03, 0.73), high=(0.60, 0.03, 0.77))

SHUT = 0.03
"""Distance [m] from the goal up to which the drawer counts as shut; the pawl stops it 5 cm away."""


@dataclass(frozen=True)
class Drawer(Reach):
    """The drawer task; see the module."""

    name: str = "drawer"
    goals: Box = GOALS
    rotation: Array = field(default_factory=ROTATION.copy)
    start_joint_angles: Array = field(default_factory=START.copy)
    success_known: bool = True

    def distance(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Way (...) [m] that the hand is short of the goal, along the drawer."""
        short = instance.parameters[0] - states[..., ee.POINT_POSITIONS.start]
        distance: Array = np.maximum(short, 0.0)
        return distance
