"""A batch of rollouts: what a robot is asked for, and how often if it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from adgps_core.global_policy import GlobalPolicy
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks.task import Instance
from adgps_core.trajectory import Trajectory
from adgps_local_worker.progress import Progress

RunnablePolicy = LinearGaussianPolicy | GlobalPolicy


class RolloutError(Exception):
    """A rollout that cannot be learned from; the message says why."""


class RobotNotReadyError(RolloutError):
    """A rollout that failed whatever the policy: the robot is stopped, disarmed or away."""


class PolicyGoneError(RolloutError):
    """The robot does not have the version of the global policy that it was to run."""


class Robot(Protocol):
    """One robot, as far as practice needs it.

    Both methods raise RobotNotReadyError, after a pause, while the robot can run no policy.
    """

    def reset(self, instance: Instance, seed: int) -> None:
        """Bring the robot to the start of an instance; waits for a robot that is away."""

    def rollout(self, instance: Instance, policy: RunnablePolicy, seed: int) -> Trajectory:
        """Run a local policy, or exactly that global one; RolloutError if it did not end well."""


class Sampler:
    """Rolls policies out on a robot.

    Parameters
    ----------
    robot : which.
    samples : rollouts N of a batch.
    progress : where activity, times and failures are noted.
    log : called with one sentence for what the operator should know.
    """

    def __init__(
        self, robot: Robot, samples: int, progress: Progress, log: Callable[[str], None]
    ) -> None:
        self._robot = robot
        self._samples = samples
        self._progress = progress
        self._log = log

    def sample(
        self,
        instance: Instance,
        policy: RunnablePolicy,
        rng: np.random.Generator,
        start_seed: int | None = None,
    ) -> list[Trajectory]:
        """Roll a policy out N times; failed rollouts are tried N times more at most.

        Parameters
        ----------
        instance, policy : what to run.
        rng : of exploration.
        start_seed : of the initial state, if all rollouts shall share one.
        """
        self._progress.activity = f"sampling {instance.id}"
        batch: list[Trajectory] = []
        for _ in range(2 * self._samples):
            seed = int(rng.integers(2**63))
            start = seed if start_seed is None else start_seed
            try:
                trajectory = self._roll_out(instance, policy, seed, start)
            except PolicyGoneError as error:
                self._log(f"{instance.id}: {error}")
                break
            if trajectory is not None:
                batch.append(trajectory)
            if len(batch) == self._samples:
                break
        return batch

    def _roll_out(
        self, instance: Instance, policy: RunnablePolicy, seed: int, start_seed: int
    ) -> Trajectory | None:
        """One rollout from the start of an instance; None if it failed because of the policy.

        A robot that is not ready is waited for: no policy would have fared better.
        """
        while True:
            try:
                with self._progress.times["reset"].timed():
                    self._robot.reset(instance, start_seed)
                with self._progress.times["rollout"].timed():
                    trajectory = self._robot.rollout(instance, policy, seed)
                return trajectory
            except PolicyGoneError:
                raise
            except RolloutError as error:
                self._progress.failed_rollouts += 1
                self._log(f"{instance.id}: rollout discarded: {error}")
                if not isinstance(error, RobotNotReadyError):
                    return None
