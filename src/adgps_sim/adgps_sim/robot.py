"""A simulated robot without ROS: a world, simulated time, and which commands move it.

Time is kept in whole nanoseconds and never runs backwards, resets included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from adgps_core.tasks import Instance, Task
from adgps_core.typing import Array
from adgps_sim.commands import HeldCommand, LockStep, Refusal
from adgps_sim.pacing import Pacer
from adgps_sim.world import JOINT_NAMES, World

SECOND_NS = 1_000_000_000
FIRST_STAMP_NS = SECOND_NS  # zero means "no time yet" in ROS
LOCK_STEP_RESET_NS = SECOND_NS  # far more than a tick: nobody takes a reset for one
HOLD_PERIODS = 3  # control periods for which a command is held in real time


class Robot(Protocol):
    """What the node needs of either kind."""

    resets: int

    @property
    def stamp_ns(self) -> int:
        """Simulated time [ns]."""

    @property
    def ticks(self) -> int:
        """Control ticks advanced, or commands followed."""

    @property
    def refusals(self) -> Counter[Refusal]:
        """Commands refused, by reason."""

    def command(
        self, stamp_ns: int, sequence: int, names: Sequence[str], efforts: Sequence[float]
    ) -> bool:
        """Take a command; tell whether there is a new state because of it."""

    def reset(
        self, joint_angles: Array, instance: Instance, rng: np.random.Generator | None = None
    ) -> None:
        """Put the arm at rest at joint angles (7,) [rad], on an instance; there is a new state.

        `rng` draws the errors of the sensors until the next reset; None: always the same.
        """

    def advance(self, now: float) -> bool:
        """Let time pass up to `now`, steady clock [s]; tell whether there is a new state."""


class LockStepRobot:
    """Moves one control period for every command that answers its newest state, else never.

    Parameters
    ----------
    world : the arm.
    task : start pose and control period.
    """

    def __init__(self, world: World, task: Task) -> None:
        self._world = world
        self._period = task.control_period
        self._protocol = LockStep(JOINT_NAMES, round(task.control_period * SECOND_NS))
        self.resets = 0
        world.reset(task.start_joint_angles, task.instances("training")[0])
        self._protocol.begin(FIRST_STAMP_NS)

    @property
    def stamp_ns(self) -> int:
        """Simulated time [ns]."""
        return self._protocol.stamp_ns

    @property
    def ticks(self) -> int:
        """Control ticks advanced."""
        return self._protocol.ticks

    @property
    def refusals(self) -> Counter[Refusal]:
        """Commands refused, by reason."""
        return self._protocol.refusals

    def command(
        self, stamp_ns: int, sequence: int, names: Sequence[str], efforts: Sequence[float]
    ) -> bool:
        """Advance if this command completes the tick."""
        torques = self._protocol.offer(stamp_ns, names, efforts)
        if torques is None:
            return False
        self._world.step(torques, self._period)
        return True

    def reset(
        self, joint_angles: Array, instance: Instance, rng: np.random.Generator | None = None
    ) -> None:
        """Put the arm at rest at joint angles (7,) [rad], on an instance."""
        self._world.reset(joint_angles, instance, rng)
        self._protocol.begin(self.stamp_ns + LOCK_STEP_RESET_NS)
        self.resets += 1

    def advance(self, now: float) -> bool:
        """Wall-clock time means nothing here."""
        return False


class RealTimeRobot:
    """Moves on its own at a factor of the wall clock, following the command it holds.

    Parameters
    ----------
    world : the arm.
    task : start pose and control period.
    factor : simulated seconds per wall-clock second.
    state_rate : states per simulated second [Hz]; a divisor of the world's physics rate.

    Raises
    ------
    ValueError
        If the rates do not fit each other.
    """

    def __init__(self, world: World, task: Task, factor: float, state_rate: float) -> None:
        if abs(world.physics_rate / state_rate % 1.0) > 1e-9:
            raise ValueError(
                f"physics_rate {world.physics_rate} is not a multiple of state_rate {state_rate}"
            )
        self._world = world
        self._state_rate = state_rate
        self._held = HeldCommand(JOINT_NAMES, round(HOLD_PERIODS * task.control_period * SECOND_NS))
        self._pacer = Pacer(factor, 1 / state_rate)
        self._steps = 0
        self.resets = 0
        world.reset(task.start_joint_angles, task.instances("training")[0])

    @property
    def stamp_ns(self) -> int:
        """Simulated time [ns]."""
        return FIRST_STAMP_NS + round(self._steps * SECOND_NS / self._state_rate)

    @property
    def ticks(self) -> int:
        """Commands followed."""
        return self._held.accepted

    @property
    def refusals(self) -> Counter[Refusal]:
        """Commands refused, by reason."""
        return self._held.refusals

    @property
    def slipped(self) -> int:
        """State periods that the machine was too slow for."""
        return self._pacer.slipped

    @property
    def kept_pace(self) -> float:
        """Part of the time since the first reset that was kept pace with; 1: all of it."""
        return self._pacer.kept

    def command(
        self, stamp_ns: int, sequence: int, names: Sequence[str], efforts: Sequence[float]
    ) -> bool:
        """Follow this command from now on, if it is sound."""
        self._held.offer(stamp_ns, sequence, names, efforts, self.stamp_ns)
        return False

    def reset(
        self, joint_angles: Array, instance: Instance, rng: np.random.Generator | None = None
    ) -> None:
        """Put the arm at rest at joint angles (7,) [rad], on an instance."""
        if not self.resets:  # what came before, while processes started, was nobody's rollout
            self._pacer.mark()
        self._world.reset(joint_angles, instance, rng)
        self._held.release()
        self._steps += 1
        self.resets += 1

    def advance(self, now: float) -> bool:
        """Catch up with the steady clock at `now` [s]."""
        due = self._pacer.due(now)
        for _ in range(due):
            self._world.step(self._held.torques(self.stamp_ns), 1 / self._state_rate)
            self._steps += 1
        return due > 0
