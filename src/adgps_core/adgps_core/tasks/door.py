"""Door: turn the handle of a door, and pull the door open (paper, section V-B).

What counts is what an inertial measurement unit on the reverse side of the handle says, against
what it said in a demonstration of the same handle, tick by tick:

    l(x, u, z) = ½ w_u ‖u‖² + ½ w_q ‖q̇‖² + ½ w_o 4 sin²(θ / 2) + ½ w_g ‖ω - ω*‖²

θ is the angle between the orientations of unit and demonstration, each relative to its own first
one: where the door stands and how its unit is mounted does not matter, as long as it is mounted
alike. ω are angular velocities, in the unit's axes. Nothing here needs to know where the door is.

An instance is a door: the place of its handle, the way that it faces, and which handle it has. No
policy is told. A visual task's global policy sees it: what it observes are feature points of the
camera's image, now and at the begin of the rollout, and the robot's own state with the opening of
its gripper. Without vision it observes the state alone.

Frames: the door's has its origin where the handle's axis meets the front of the shut door, x into
the door, z up. Seen from the arm, the hinge is on the left, and the lever points there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from adgps_core import end_effector as ee
from adgps_core.measurements import (
    ANGULAR_VELOCITY,
    DIM_IMU,
    FEATURES,
    GRIPPER,
    IMU,
    ORIENTATION,
)
from adgps_core.tasks.door_trials import door_grid
from adgps_core.tasks.doors import (
    CENTRE,
    HELD_OUT_HANDLE,
    SPREAD,
    TRAINED_HANDLES,
    drawn,
    handle_of,
    placed,
)
from adgps_core.tasks.readings import chord_squared, heading, since_first
from adgps_core.tasks.task import CostExpansion, Instance, Split
from adgps_core.tasks.trials import TrialGrid
from adgps_core.typing import Array, frozen
from adgps_core.vision.architecture import FIGURE_8
from adgps_core.vision.observation import dim_visual_observation, visual_observation

if TYPE_CHECKING:
    from adgps_core.demonstration import Demonstration

START = np.array([0.0143, -0.4897, -0.0032, -2.2645, -0.0167, 2.5601, -0.7644])
"""Joint angles with the hand above and before the handle, leaning forward by 45°."""

STANDOFF = 0.075
"""Distance of the lever from the door [m]."""

HINGE_RADIUS = 0.40
"""Distance of the handle's axis from the hinge [m]."""

OPEN = 0.35
"""Angle [rad] from which the door counts as open."""

_OPENING = 0.04  # [m]
_OPENING_SCALE = 25.0
_FEATURE_SCALE = 3.0
"""Features lie within ±0.2 of zero, mostly."""

_NONE_SHOWN = "the cost of the task door is the distance from a demonstration: there is none"


@dataclass(frozen=True)
class Demonstrated:
    """What the unit said when somebody led the hand.

    Parameters
    ----------
    instance : the door that it was.
    readings : (T, 10) at the ticks of a rollout: quaternion (x, y, z, w), angular velocity [rad/s],
        acceleration [m/s²].
    """

    instance: Instance
    readings: Array

    def __post_init__(self) -> None:
        """Validate, and freeze the readings."""
        shape = (len(self.readings), DIM_IMU)
        object.__setattr__(self, "readings", frozen(self.readings, shape, "readings"))
        if not len(self.readings):
            raise ValueError("a demonstration has no readings")


@dataclass(frozen=True)
class Door:
    """The door task; see the module for the formula.

    Parameters
    ----------
    demonstrated : what the cost compares with; without any there is no cost.
    weight_action : w_u [1 / (N·m)²].
    weight_velocity : w_q [s²/rad²].
    weight_orientation : w_o [1/rad²].
    weight_rate : w_g [s²/rad²].
    visual : the global policy sees the door.
    """

    demonstrated: tuple[Demonstrated, ...] = ()
    start_joint_angles: Array = field(default_factory=START.copy)
    weight_action: float = 1e-3
    weight_velocity: float = 0.02
    weight_orientation: float = 10.0
    weight_rate: float = 0.05
    name: str = "door"
    horizon: int = 100
    control_period: float = 0.05
    dim_x: int = ee.DIM_X
    dim_u: int = ee.DIM_JOINTS
    visual: bool = False
    success_known: bool = True

    @property
    def dim_o(self) -> int:
        """161 with vision, 32 without."""
        return dim_visual_observation(FIGURE_8) if self.visual else self.dim_x

    @property
    def measured(self) -> tuple[str, ...]:
        """The IMU's readings, and what vision needs."""
        return (IMU, FEATURES, GRIPPER) if self.visual else (IMU,)

    def shown(self, demonstrations: Sequence[Demonstration]) -> Door:
        """Make the task whose cost compares with demonstrations.

        Raises
        ------
        ValueError
            If one has no readings of an IMU, or there is none.
        """
        if not demonstrations:
            raise ValueError(_NONE_SHOWN)
        if any(IMU not in each.measurements for each in demonstrations):
            raise ValueError("a demonstration of the task door has no readings of an IMU")
        found = (Demonstrated(each.instance, each.measurements[IMU]) for each in demonstrations)
        return replace(self, demonstrated=tuple(found))

    @property
    def observation_scaling(self) -> tuple[Array, Array]:
        """Offset and scale, (dO,) each, that bring what is seen in practice to about ±1."""
        lever = np.tile(CENTRE[:3] - (0.12, -0.06, 0.0), 3)
        offset = ee.state(self.start_joint_angles, np.zeros(7), lever, np.zeros(9))
        scale = ee.state(np.full(7, 2.0), np.full(7, 2.0), np.full(9, 5.0), np.full(9, 3.0))
        if not self.visual:
            return offset, scale
        seen = np.zeros(2 * FIGURE_8.dim_features)
        return (
            np.concatenate([seen, offset, [_OPENING]]),
            np.concatenate([np.full_like(seen, _FEATURE_SCALE), scale, [_OPENING_SCALE]]),
        )

    def instances(self, split: Split) -> tuple[Instance, ...]:
        """Return 32 training instances, 6 for validation, or 15 with the held-out handle."""
        return tuple(
            self.door(pose, handle, f"{split}/{index}")
            for index, (pose, handle) in enumerate(placed(split))
        )

    def door(self, pose: Array, handle: int, instance_id: str) -> Instance:
        """Make the instance with a door at a pose (4,), x, y, z [m] and yaw [rad], base frame."""
        numbers = np.append(frozen(pose, (4,), "pose"), handle)
        return Instance(self.name, instance_id, numbers)

    def trials(self, kind: int | None = None) -> TrialGrid:
        """Lay out doors of one handle; None: of the held-out one."""
        handle = HELD_OUT_HANDLE if kind is None else kind
        name = "held_out" if handle == HELD_OUT_HANDLE else f"handle_{handle}"

        def make(offset: Array, instance_id: str) -> Instance:
            door = self.door(CENTRE + offset, handle, instance_id)
            handle_of(door)  # refused if there is none such
            return door

        return door_grid(name, SPREAD, make)

    def goal_instance(self, position: Array, instance_id: str) -> Instance:
        """Make the instance with the first handle at position (3,) [m], facing the arm."""
        pose = np.append(frozen(position, (3,), "position"), 0.0)
        return self.door(pose, TRAINED_HANDLES[0], instance_id)

    def draw_instance(self, like: Instance, rng: np.random.Generator, instance_id: str) -> Instance:
        """Draw a door from the part of all that like's stands for, with like's handle."""
        return self.door(drawn(like.parameters[:4], rng), handle_of(like), instance_id)

    def observe(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Observations (..., T, 161), or (..., 32), the state alone, without vision.

        Raises
        ------
        ValueError
            If there are no features, or there is no opening, and vision needs them.
        """
        if not self.visual:
            return states
        measurements = measurements or {}
        for name in (FEATURES, GRIPPER):
            if name not in measurements:
                raise ValueError(f"the task door needs the measurement {name!r} to see")
        features = measurements[FEATURES]
        if features.shape[-1] != FIGURE_8.dim_features:
            raise ValueError(
                f"the task door needs {FIGURE_8.dim_features} features, not {features.shape[-1]}"
            )
        first = features[..., :1, :]
        return visual_observation(features, first, states, measurements[GRIPPER][..., 0])

    def cost(
        self,
        states: Array,
        actions: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Costs (..., T) of states (..., T, 32), actions (..., T, 7) and readings (..., T, 10).

        The first reading is that of the begin of the rollout. What lasts longer than the
        demonstration is compared with its end.

        Raises
        ------
        ValueError
            If there are no readings "imu", or there is no demonstration.
        """
        readings, desired = self._readings(measurements), self.desired(instance)
        last = len(desired) - 1
        desired = desired[np.minimum(np.arange(readings.shape[-2]), last)]
        off = chord_squared(
            since_first(readings[..., ORIENTATION]), since_first(desired[:, ORIENTATION])
        )
        rates = readings[..., ANGULAR_VELOCITY] - desired[:, ANGULAR_VELOCITY]
        velocities = states[..., ee.JOINT_VELOCITIES]
        cost: Array = 0.5 * (
            self.weight_action * (actions**2).sum(-1)
            + self.weight_velocity * (velocities**2).sum(-1)
            + self.weight_orientation * off
            + self.weight_rate * (rates**2).sum(-1)
        )
        return cost

    def expand_cost(self, states: Array, actions: Array, instance: Instance) -> CostExpansion:
        """Quadratic model of what states and actions cost, which leaves the IMU's readings out.

        LQR knows nothing of the door by it: the door is PI2's to open.
        """
        size = self.dim_x + self.dim_u
        shape = states.shape[:-1]
        diagonal = np.zeros((*shape, size))
        diagonal[..., ee.JOINT_VELOCITIES] = self.weight_velocity
        diagonal[..., self.dim_x :] = self.weight_action
        return CostExpansion(
            diagonal[..., None] * np.eye(size), np.zeros((*shape, size)), np.zeros(shape)
        )

    def distance(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Ways (..., T) [m] that the handle is short of where the door counts as open.

        How far the door is open, the readings (..., T, 10) tell, which need to begin with those
        of the begin of the rollout.
        """
        opened = heading(self._readings(measurements)[..., ORIENTATION])
        short: Array = HINGE_RADIUS * np.maximum(OPEN + opened, 0.0)
        return short

    def desired(self, instance: Instance) -> Array:
        """Readings (T, 10) of the demonstration nearest to an instance, of its handle if any is.

        Raises
        ------
        ValueError
            If there is no demonstration.
        """
        if not self.demonstrated:
            raise ValueError(_NONE_SHOWN)

        def apart(candidate: Demonstrated) -> tuple[bool, float]:
            difference = candidate.instance.parameters - instance.parameters
            return bool(difference[4]), float(np.linalg.norm(difference[:4] / SPREAD))

        return min(self.demonstrated, key=apart).readings

    def _readings(self, measurements: Mapping[str, Array] | None) -> Array:
        """Readings of the unit; ValueError if there are none."""
        if not measurements or IMU not in measurements:
            raise ValueError(f"the task door needs the measurement {IMU!r}")
        return measurements[IMU]
