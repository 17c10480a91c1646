"""Practice in one process; the contact task that PI2 solves and LQR on fitted models does not."""

from dataclasses import replace

import numpy as np
import pytest

from adgps_bringup.in_process import InProcessRobot, practise
from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.measurements import DIM_IMU, FEATURES, GRIPPER, IMU
from adgps_core.phases import Phase
from adgps_core.tasks import Instance, make_task
from adgps_core.tasks.door import Door
from adgps_core.tasks.drawer import SHUT
from adgps_core.typing import Array
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import initial_state
from adgps_local_worker.sampling import RolloutError
from adgps_local_worker.schedule import Schedule
from adgps_sim.door import DoorScene
from adgps_sim.world import World

DRAWER = make_task("drawer")
INSTANCE = DRAWER.instances("validation")[0]
SLAM = LocalConfiguration(
    kl_step=0.01,
    pi2_kl=0.5,
    initial_pull=(0.0, 0.5332, 0.0, 0.4374, 0.0, 0.0957, 0.0),
    initial_stiffness=(20.0, 20.0, 5.0, 20.0, 3.0, 6.0, 2.0),
    initial_damping=(2.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    initial_noise=(0.25, 2.0, 0.15, 2.0, 0.1, 0.2, 0.1),
)


@pytest.mark.parametrize(("optimizer", "shuts"), [("pi2", True), ("lqr", False)])
def test_pi2_shuts_the_drawer_and_lqr_slams_it(optimizer: str, *, shuts: bool) -> None:
    """The same first policy, as many rollouts, six trials from initial states of their own."""
    robot = InProcessRobot(DRAWER)
    phases = (Phase("badmm", optimizer, 10),)
    states = practise(robot, DRAWER, (INSTANCE,), Schedule(phases, samples=12), SLAM)
    ends = []
    for trial in range(6):
        robot.reset(INSTANCE, 10**6 + trial)
        trajectory = robot.rollout(INSTANCE, states[INSTANCE.id].policy, trial, noise_scale=0.0)
        ends.append(DRAWER.distance(trajectory.states[-1], INSTANCE))
    robot.close()
    shut = int((np.array(ends) <= SHUT).sum())
    assert shut >= 5 if shuts else shut <= 2


def test_rollouts_repeat_and_limits_end_them() -> None:
    """Equal seeds, equal trajectories; a policy that no arm can run is an error with its reason."""
    task = make_task("reach")
    instance = task.instances("test")[0]
    policy = initial_state(task, LocalConfiguration()).policy
    robot = InProcessRobot(task, seed=1)
    runs = []
    for seed in (5, 6, 5):
        robot.reset(instance, seed)
        runs.append(robot.rollout(instance, policy, seed))
    np.testing.assert_array_equal(runs[0].states, runs[2].states)
    assert np.abs(runs[0].states - runs[1].states).max() > 1e-3
    assert runs[0].horizon == task.horizon
    robot.reset(instance, 0)
    with pytest.raises(RolloutError, match="joint"):
        robot.rollout(instance, replace(policy, k=policy.k + 80.0), 0)
    robot.close()


def test_the_drawer_s_imu_is_measured_and_repeats() -> None:
    """As over ROS; in reaching there is none."""
    policy = initial_state(DRAWER, SLAM).policy
    robot = InProcessRobot(DRAWER, seed=1)
    rows = []
    for seed in (5, 6, 5):
        robot.reset(INSTANCE, seed)
        rows.append(robot.rollout(INSTANCE, policy, seed).measurements[IMU])
    np.testing.assert_array_equal(rows[0], rows[2])
    assert (rows[0][:, 9] != rows[1][:, 9]).all()
    assert rows[0].shape == (DRAWER.horizon, DIM_IMU)
    robot.close()


def test_what_is_sensed_besides_is_observed_by_a_global_policy() -> None:
    """At every tick, with the world and the instance at hand; the arm goes by it."""
    task = Door(visual=True, horizon=12)
    instance = task.instances("training")[0]

    def sense(world: World, door: Instance, tick: int, state: Array) -> dict[str, Array]:
        assert door is instance and isinstance(world.scene, DoorScene)
        return {FEATURES: np.full(64, 0.01 * tick), GRIPPER: np.array([world.scene.turned])}

    network = Architecture(task.dim_o, task.dim_u, hidden=(4,))
    values = initial_values(network, np.random.default_rng(0))
    policy = GlobalPolicy(network, *task.observation_scaling, values)
    robot = InProcessRobot(task, sense=sense, name="seeing")
    robot.reset(instance, 1)
    trajectory = robot.rollout(instance, policy, 7, noise_scale=0.0)
    robot.close()
    assert (trajectory.robot, trajectory.rollout_id) == ("seeing", "seeing/7")
    np.testing.assert_allclose(trajectory.observations[:, 0], 0.01 * np.arange(12))
    np.testing.assert_allclose(
        trajectory.actions_sampled, policy.mean(trajectory.observations), atol=1e-6
    )
