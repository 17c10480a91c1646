"""How a guide's hand opens the door.

Frames: B base, D the door's (see `bodies`), E end-effector, between the fingertips. The hand leans
forward by 45°, with a finger on either side of the lever, and does not close: it hooks the lever.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from adgps_core.tasks import Instance
from adgps_core.tasks.door import HINGE_RADIUS, STANDOFF
from adgps_core.tasks.doors import pose_of
from adgps_sim.guide import Waypoint

GRASP = 0.105
"""Distance of the fingers from the handle's axis, along the lever [m]: near the shortest's end.

What is recorded of a demonstration is where the hand went, not how hard it pressed. With 2 cm less
of a lever, the held-out handle is too stiff for a policy that follows a demonstration of its own
door."""

ROLL = 0.3
"""Part of the handle's turn that the hand rolls along with.

If it did not, a lever that slopes would slide out between the fingers that pull it; if it did all
of it, they would be wedged."""

TURNED, OPENED = 1.2, 0.7
"""How far the guide turns its hand about the handle's axis and about the hinge [rad]; the handle
meets its stop before."""

BEFORE = 0.07
"""How far before the lever the hand begins [m]."""

_DEEPER = 0.02  # [m] that the fingertips reach beyond the lever's axis

_LEANING = Rotation.from_euler("ZX", (90.0, 135.0), degrees=True)
"""R_DE of the door that is shut."""

_OVERLAP = 0.4
"""How long one motion goes on beside the next [s]. A network that does not know the time could not
tell whether a hand that rests should go on. For the same reason the hand is quick: the torques that
move a slow one are hardly more than the joints' friction, which differs between robots, and a
network that imitates them rests where they are a little less."""

_WAY = (
    (0.4, 0.0, 0.0, BEFORE),
    (1.0, 0.0, 0.0, 0.0),
    (1.4, 0.5 * TURNED, 0.0, 0.0),
    (1.8, TURNED, 0.0, 0.0),
    (2.5, TURNED, 0.5 * OPENED, 0.0),
    (3.2, TURNED, OPENED, 0.0),
)
"""Time [s], handle and door turned [rad], and how far the hand is behind the lever [m]."""


def way(instance: Instance) -> tuple[Waypoint, ...]:
    """Before the lever, to it, down with it, and back with the door, in 3.2 s."""
    return tuple(_waypoint(instance, *numbers) for numbers in _WAY)


def _waypoint(
    instance: Instance, time: float, turned: float, opened: float, behind: float
) -> Waypoint:
    position, yaw = pose_of(instance)
    hinge = np.array([0.0, HINGE_RADIUS, 0.0])
    held = np.array([-STANDOFF, GRASP * np.cos(turned), -GRASP * np.sin(turned)])
    swung = Rotation.from_euler("z", -opened)
    facing = Rotation.from_euler("z", yaw)
    rotation = facing * swung * Rotation.from_euler("x", -ROLL * turned) * _LEANING
    lever = position + facing.apply(hinge + swung.apply(held - hinge))
    tip = lever + rotation.apply((0.0, 0.0, _DEEPER - behind))
    return Waypoint(time, tip, rotation.as_matrix(), overlap=_OVERLAP)
