"""The controller's own gains bring the simulated Panda back from anywhere, however fast it was."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pybullet
import pytest

rclpy = pytest.importorskip("rclpy")

from adgps_core.tasks import make_task  # noqa: E402
from adgps_robot.holding import PERIOD, Holding  # noqa: E402
from adgps_robot.joint_states import JointSample  # noqa: E402
from adgps_robot.kinematics import Kinematics  # noqa: E402
from adgps_robot.limits import Limits, violation  # noqa: E402
from adgps_robot.motion import MotionSettings  # noqa: E402
from adgps_robot.nodes import parameters  # noqa: E402
from adgps_sim.world import JOINT_NAMES, URDF, World  # noqa: E402

START = make_task("reach").start_joint_angles
KINEMATICS = Kinematics(URDF, JOINT_NAMES)
LOWER, UPPER = KINEMATICS.position_limits


class Defaults:
    """Stands in for a node while its parameters are declared."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        parameters.declare(self)

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        self.values[name] = default


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(500.0)
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(4))
def test_the_arm_comes_back_within_its_limits(world: World, seed: int) -> None:
    values = Defaults().values
    speed = np.array(values["limits.velocity"])
    joint_damping = np.array(values["limits.joint_damping"])
    limits = Limits(
        effort=np.array(values["limits.effort"]),
        effort_rate=np.array(values["limits.effort_rate"]),
        velocity=speed,
        lower=LOWER,
        upper=UPPER,
        velocity_gain=np.array(values["limits.velocity_gain"]),
        joint_damping=joint_damping,
    )
    motion = MotionSettings(
        stiffness=np.array(values["motion.stiffness"]),
        damping=np.array(values["motion.damping"]),
        joint_damping=joint_damping,
        velocity=0.6 * speed,
    )
    holding = Holding(np.array(values["hold_damping"]), limits, motion)
    rng = np.random.default_rng(seed)
    angles = np.clip(START + rng.uniform(-1.2, 1.2, 7), LOWER + 0.2, UPPER - 0.2)
    world.reset(angles)
    for dof, angle, rate in zip(world._dofs, angles, rng.uniform(-1, 1, 7) * speed, strict=False):
        pybullet.resetJointState(world._arm, dof, angle, rate, physicsClientId=world._client)
    ends: list[str] = []
    holding.move(START, 0.0, lambda reason, _: ends.append(reason))
    ticks = 0
    while not ends:
        now, arm = ticks * PERIOD, world.state
        sample = JointSample(ticks, now, arm.positions, arm.velocities)
        world.step(holding.torques(sample, True, now), PERIOD)
        ticks += 1
        assert violation(limits, arm.positions, arm.velocities, np.zeros(9)) == ""
    assert ends == [""]
    assert np.abs(world.state.positions - START).max() < motion.tolerance + 0.01
