"""Practise in one process, with a simulated arm and without ROS, for experiments and debugging.

What runs is what the nodes run: the local worker's practice, the controller's rollout with its
limits, the simulator. `practise` has no global policy, so that BADMM is plain trajectory
optimisation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from adgps_core.demonstration import Demonstration
from adgps_core.global_policy import Architecture, GlobalPolicy
from adgps_core.measurements import IMU
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance, Task, start_angles
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import LocalState
from adgps_local_worker.practice import Practice
from adgps_local_worker.sampling import RolloutError, RunnablePolicy
from adgps_local_worker.schedule import Schedule
from adgps_robot.goal import Goal
from adgps_robot.kinematics import Kinematics
from adgps_robot.outcome import RolloutError as StoppedError
from adgps_robot.panda import panda_limits
from adgps_robot.rollout import Rollout
from adgps_robot.sampling import GlobalSampler, LocalSampler, Sampler
from adgps_sim.scene import scene_builder
from adgps_sim.variation import Variation
from adgps_sim.world import JOINT_NAMES, URDF, World

_TICK_NS = 1_000_000_000


class InProcessRobot:
    """A simulated arm in lock-step that runs policies.

    Parameters
    ----------
    task : what is practised.
    seed : of the initial states.
    perturbation : standard deviation of the initial joint angles [rad].
    variation : how the arm differs from others; None: not at all.
    watch : called at every tick of a rollout with the world, the tick's number, from 0, and the
        state (dX,).
    sense : what else is measured then, name to (dZ,), from the world, the instance, the tick's
        number and the state.
    name : of the robot, for the record.
    """

    def __init__(
        self,
        task: Task,
        seed: int = 0,
        perturbation: float = 0.01,
        variation: Variation | None = None,
        watch: Callable[[World, int, Array], None] = lambda *_: None,
        sense: Callable[[World, Instance, int, Array], Mapping[str, Array]] = lambda *_: {},
        name: str = "in_process",
    ) -> None:
        self._task = task
        self._seed = seed
        self._perturbation = perturbation
        self._kinematics = Kinematics(URDF, JOINT_NAMES)
        self._limits = panda_limits(self._kinematics)
        self._world = World(scene=scene_builder(task.name), variation=variation)
        self._watch = watch
        self._sense = sense
        self._name = name

    def reset(self, instance: Instance, seed: int) -> None:
        """Bring arm and scene to the start of an instance."""
        rng = np.random.default_rng((self._seed, seed))
        shape = instance.parameters.shape
        angles = start_angles(self._task, shape, instance, self._perturbation, rng)
        self._world.reset(angles, instance, rng)

    def rollout(
        self, instance: Instance, policy: RunnablePolicy, seed: int, noise_scale: float = 1.0
    ) -> Trajectory:
        """Run a policy from where the arm is; RolloutError if a limit ended it."""
        trajectory, stopped = self.attempt(instance, policy, seed, noise_scale)
        if stopped is not None:
            raise RolloutError(stopped.reason) from stopped
        assert trajectory is not None  # it ran to its end
        return trajectory

    def attempt(
        self, instance: Instance, policy: RunnablePolicy, seed: int, noise_scale: float = 1.0
    ) -> tuple[Trajectory | None, StoppedError | None]:
        """Run a policy from where the arm is; what there is of it, and why it ended early."""
        local = policy if isinstance(policy, LinearGaussianPolicy) else None
        goal = Goal(
            instance,
            self._task.horizon,
            seed=seed,
            policy=local,
            noise_scale=noise_scale,
            rollout_id=f"{self._name}/{seed}",
        )
        sampler: Sampler
        sampler = (
            GlobalSampler(policy) if isinstance(policy, GlobalPolicy) else LocalSampler(policy)
        )
        rollout = Rollout(goal, sampler, self._task, self._limits, self._name)
        period = self._task.control_period
        try:
            for tick in range(self._task.horizon + 1):
                arm = self._world.state
                state = self._kinematics.state(arm.positions, arm.velocities)
                self._watch(self._world, tick, state)
                stamp = round(tick * period * _TICK_NS)
                reading = self._world.imu
                measurements = dict(self._sense(self._world, instance, tick, state))
                if reading is not None:
                    measurements[IMU] = reading.row
                torques = rollout.tick(
                    stamp, arm.positions, arm.velocities, state, measurements=measurements
                )
                if torques is not None:
                    self._world.step(torques, period)
        except StoppedError as error:
            return rollout.trajectory(), error
        return rollout.trajectory(), None

    @property
    def succeeded(self) -> bool | None:
        """Whether the scene knows that the task is done; None where there is none that knows."""
        return self._world.succeeded

    def close(self) -> None:
        """Free the physics."""
        self._world.close()


class _Alone:
    """Peers of one who practises alone."""

    def __init__(self, task: Task) -> None:
        network = Architecture(task.dim_o, task.dim_u, hidden=(1,))
        values = np.zeros(network.size, dtype=np.float32)
        self._untrained = GlobalPolicy(network, *task.observation_scaling, values)
        self.states: dict[str, LocalState] = {}

    def global_policy(self) -> GlobalPolicy:
        """Return a policy that was never trained, which nobody consults."""
        return self._untrained

    def publish(self, optimized: OptimizedTrajectories, state: LocalState) -> None:
        """Keep the newest state."""
        self.states[optimized.condition] = state

    def wait_for_training(self, rounds: int) -> None:
        """Nothing trains."""


def practise(
    robot: InProcessRobot,
    task: Task,
    instances: Sequence[Instance],
    schedule: Schedule,
    configuration: LocalConfiguration,
    log: Callable[[str], None] = lambda _: None,
    demonstrations: Sequence[Demonstration] = (),
) -> Mapping[str, LocalState]:
    """Improve local policies of instances; their last states, by the instance's id."""
    peers = _Alone(task)
    name = "in_process"
    practice = Practice(
        task,
        tuple(instances),
        configuration,
        schedule,
        robot,
        peers,
        name,
        log=log,
        demonstrations=demonstrations,
    )
    practice.run()
    return peers.states
