"""Reach: bring the end-effector to a goal pose given by three points (paper, section V-A).

    l(x, u) = ½ w_u ‖u‖² + ½ w_q ‖q̇‖² + ½ w_d d² + ½ w_l log(1 + d² / α),   d = ‖p - g‖

p are the three end-effector points of the state and g the goal's. The square pulls from afar, the
logarithm asks for precision near the goal. The cost does not depend on time, as the global policy
does not either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from adgps_core import end_effector as ee
from adgps_core.tasks.goals import Box, split_goals
from adgps_core.tasks.task import CostExpansion, Instance, Split
from adgps_core.tasks.trials import TrialGrid, in_a_row
from adgps_core.typing import Array, frozen

if TYPE_CHECKING:
    from adgps_core.demonstration import Demonstration

START = np.array([0.0, -np.pi / 4, 0.0, -3 * np.pi / 4, 0.0, np.pi / 2, np.pi / 4])
ROTATION = np.diag([1.0, -1.0, -1.0])
"""R_BE: the hand points straight down."""

GOALS = Box(low=(0.40, -0.20, 0.15), high=(0.65, 0.20, 0.40))
GOAL_SEED = 1610


@dataclass(frozen=True)
class Reach:
    """The reaching task; see the module for the formula.

    Parameters
    ----------
    goals : where goals lie.
    rotation : (3, 3) R_BE of every goal, and of the hand at the start.
    start_joint_angles : (7,) [rad].
    weight_action : w_u [1 / (N·m)²].
    weight_velocity : w_q [s²/rad²].
    weight_distance : w_d [1/m²].
    weight_log : w_l.
    alpha : α [m²]; about the squared distance below which precision no longer pays.
    """

    goals: Box = GOALS
    rotation: Array = field(default_factory=ROTATION.copy)
    start_joint_angles: Array = field(default_factory=START.copy)
    weight_action: float = 1e-2
    weight_velocity: float = 1.0
    weight_distance: float = 10.0
    weight_log: float = 1.0
    alpha: float = 1e-3
    name: str = "reach"
    horizon: int = 100
    control_period: float = 0.05
    dim_x: int = ee.DIM_X
    dim_u: int = ee.DIM_JOINTS
    dim_o: int = ee.DIM_X + 9
    measured: tuple[str, ...] = ()
    success_known: bool = False

    def shown(self, demonstrations: Sequence[Demonstration]) -> Self:
        """Return the same task: what it asks for is known without demonstrations."""
        return self

    @cached_property
    def observation_scaling(self) -> tuple[Array, Array]:
        """Offset and scale, (dO,) each, that bring what is seen in practice to about ±1."""
        centre = (np.array(self.goals.low) + np.array(self.goals.high)) / 2
        points = ee.points_at(centre, self.rotation)
        offset = ee.state(self.start_joint_angles, np.zeros(7), points, np.zeros(9))
        scale = ee.state(np.full(7, 2.0), np.full(7, 2.0), np.full(9, 5.0), np.full(9, 3.0))
        return np.append(offset, points), np.append(scale, np.full(9, 5.0))

    def instances(self, split: Split) -> tuple[Instance, ...]:
        """Return the 8 training, 4 validation or 4 test instances."""
        positions = split_goals(self.goals, np.random.default_rng(GOAL_SEED))[split]
        return tuple(
            self.goal_instance(position, f"{split}/{index}")
            for index, position in enumerate(positions)
        )

    def trials(self, kind: int | None = None) -> TrialGrid:
        """Lay out the test instances; ValueError if a kind is asked for."""
        if kind is not None:
            raise ValueError(f"there is but one kind of {self.name}")
        return in_a_row("test", self.instances("test"))

    def goal_instance(self, position: Array, instance_id: str) -> Instance:
        """Make the instance with its goal at position (3,) [m], base frame."""
        points = ee.points_at(frozen(position, (3,), "position"), self.rotation)
        return Instance(self.name, instance_id, points)

    def draw_instance(self, like: Instance, rng: np.random.Generator, instance_id: str) -> Instance:
        """Draw a goal evenly from that octant of the goal box that like's goal lies in."""
        return self.goal_instance(self.goals.draw_octant(like.parameters[:3], rng), instance_id)

    def observe(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Observations (..., 41): the state and the goal's three points."""
        goal = np.broadcast_to(instance.parameters, (*states.shape[:-1], 9))
        return np.concatenate([states, goal], axis=-1)

    def cost(
        self,
        states: Array,
        actions: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Costs (...) of states (..., 32) and actions (..., 7)."""
        error = states[..., ee.POINT_POSITIONS] - instance.parameters
        square = (error**2).sum(-1)
        velocities = states[..., ee.JOINT_VELOCITIES]
        cost: Array = 0.5 * (
            self.weight_action * (actions**2).sum(-1)
            + self.weight_velocity * (velocities**2).sum(-1)
            + self.weight_distance * square
            + self.weight_log * np.log1p(square / self.alpha)
        )
        return cost

    def expand_cost(self, states: Array, actions: Array, instance: Instance) -> CostExpansion:
        """Quadratic upper bound of the cost, touching it at states (..., T, 32).

        The logarithm is concave in d², hence below its tangent there: log(1 + d²/α) ≤
        log(1 + d₀²/α) + (d² - d₀²) / (d₀² + α). A step that lowers this bound lowers the cost
        (majorisation), and its Hessian is positive semi-definite, unlike the cost's own.
        """
        goal = instance.parameters
        square = ((states[..., ee.POINT_POSITIONS] - goal) ** 2).sum(-1)
        slope = self.weight_log / (square + self.alpha)
        weight = self.weight_distance + slope

        size = self.dim_x + self.dim_u
        diagonal = np.zeros((*square.shape, size))
        diagonal[..., ee.JOINT_VELOCITIES] = self.weight_velocity
        diagonal[..., ee.POINT_POSITIONS] = weight[..., None]
        diagonal[..., self.dim_x :] = self.weight_action
        gradient = np.zeros_like(diagonal)
        gradient[..., ee.POINT_POSITIONS] = -weight[..., None] * goal
        value = 0.5 * (
            weight * (goal @ goal)
            + self.weight_log * np.log1p(square / self.alpha)
            - slope * square
        )
        return CostExpansion(diagonal[..., None] * np.eye(size), gradient, value)

    def distance(
        self,
        states: Array,
        instance: Instance,
        measurements: Mapping[str, Array] | None = None,
    ) -> Array:
        """Distances (...) [m] of the end-effector's origin from the goal's."""
        origin = slice(ee.POINT_POSITIONS.start, ee.POINT_POSITIONS.start + 3)
        distance: Array = np.linalg.norm(states[..., origin] - instance.parameters[:3], axis=-1)
        return distance
