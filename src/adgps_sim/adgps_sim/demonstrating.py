"""A simulated arm that a guide leads through instances, one after the other. No ROS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adgps_core.tasks import Instance, Task, start_angles
from adgps_core.typing import Array
from adgps_sim.guide import Waypoint
from adgps_sim.robot import FIRST_STAMP_NS, SECOND_NS
from adgps_sim.world import World

HOLD_DAMPING: Array = np.array([2.0] * 4 + [0.2] * 3)
"""Of an arm that nobody commands, on top of its own [N·m·s/rad]."""

REST = 0.5  # [s] before the guide takes the hand, and after it has arrived


class GuidedArm:
    """Leads the arm of a world; time goes on through all demonstrations.

    Parameters
    ----------
    world : the arm and what it works on.
    task : what is demonstrated.
    state_rate : states per simulated second [Hz]; a divisor of the world's physics rate.
    rng : draws where demonstrations start, and the errors of sensors.
    perturbation : standard deviation of the joint angles at the start [rad].

    Raises
    ------
    ValueError
        If the rates do not fit each other.
    """

    def __init__(
        self,
        world: World,
        task: Task,
        state_rate: float,
        rng: np.random.Generator,
        perturbation: float = 0.0,
    ) -> None:
        if abs(world.physics_rate / state_rate % 1.0) > 1e-9:
            raise ValueError(
                f"physics_rate {world.physics_rate} is not a multiple of state_rate {state_rate}"
            )
        self._world = world
        self._task = task
        self._state_rate = state_rate
        self._rng = rng
        self._perturbation = perturbation
        self._states = 0
        self._left = 0
        self._leads_from = 0
        self._path: Sequence[Waypoint] = ()
        world.reset(task.start_joint_angles, task.instances("training")[0])

    @property
    def stamp_ns(self) -> int:
        """Simulated time of the newest state [ns]."""
        return FIRST_STAMP_NS + round(self._states * SECOND_NS / self._state_rate)

    def begin(self, instance: Instance) -> None:
        """Put the arm to the start of an instance, at rest; there is a new state.

        Raises
        ------
        ValueError
            If it is none of the task's.
        """
        shape = self._task.instances("training")[0].parameters.shape
        angles = start_angles(self._task, shape, instance, self._perturbation, self._rng)
        self._world.reset(angles, instance, self._rng)
        self._path = self._world.guide_path(instance)
        self._leads_from = round((self._path[-1].time + REST) * self._state_rate)
        self._left = self._leads_from + round(REST * self._state_rate)
        self._states += 1

    def advance(self) -> bool:
        """Go on by one state; False if the demonstration has ended before."""
        if self._left == 0:
            return False
        if self._left == self._leads_from:
            self._world.lead(self._path)
        self._world.step(-HOLD_DAMPING * self._world.state.velocities, 1 / self._state_rate)
        self._left -= 1
        self._states += 1
        return True
