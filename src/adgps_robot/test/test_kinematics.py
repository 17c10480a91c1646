"""Points move as their velocities say, with the arm's joints in any order."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pybullet
import pybullet_data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core import end_effector as ee
from adgps_core.tasks import drawer, make_task
from adgps_robot.kinematics import Kinematics

URDF = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
NAMES = tuple(f"panda_joint{number}" for number in range(1, 8))
ARM = Kinematics(URDF, NAMES)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_point_velocities_are_the_derivative_of_the_points(seed: int) -> None:
    """Against central differences along the motion."""
    rng = np.random.default_rng(seed)
    angles, velocities = rng.uniform(-2, 2, 7), rng.uniform(-2, 2, 7)
    step = 1e-6
    ahead = ARM.state(angles + step * velocities, velocities)[ee.POINT_POSITIONS]
    behind = ARM.state(angles - step * velocities, velocities)[ee.POINT_POSITIONS]
    np.testing.assert_allclose(
        ARM.state(angles, velocities)[ee.POINT_VELOCITIES], (ahead - behind) / (2 * step), atol=1e-7
    )


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_the_points_are_rigid(seed: int) -> None:
    """Their distances from each other never change, and joints are passed through."""
    rng = np.random.default_rng(seed)
    angles, velocities = rng.uniform(-2, 2, 7), rng.uniform(-2, 2, 7)
    state = ARM.state(angles, velocities)
    points = state[ee.POINT_POSITIONS].reshape(3, 3)
    np.testing.assert_allclose(
        np.linalg.norm(points[:, None] - points[None], axis=-1),
        np.linalg.norm(ee.POINTS[:, None] - ee.POINTS[None], axis=-1),
        atol=1e-12,
    )
    np.testing.assert_array_equal(state[:14], np.append(angles, velocities))


def test_the_start_pose_points_straight_down() -> None:
    """The reaching task's start and its goals have the same orientation."""
    task = make_task("reach")
    points = ARM.state(task.start_joint_angles, np.zeros(7))[ee.POINT_POSITIONS].reshape(3, 3)
    goal = task.instances("training")[0].parameters.reshape(3, 3)
    np.testing.assert_allclose(points - points[0], goal - goal[0], atol=1e-6)


def test_order_of_the_joints_is_the_callers() -> None:
    """A permuted list of names means permuted angles."""
    rng = np.random.default_rng(0)
    angles, velocities = rng.uniform(-1, 1, 7), rng.uniform(-1, 1, 7)
    order = rng.permutation(7)
    permuted = Kinematics(URDF, [NAMES[index] for index in order])
    np.testing.assert_allclose(
        permuted.state(angles[order], velocities[order])[14:], ARM.state(angles, velocities)[14:]
    )
    accelerations = rng.uniform(-1, 1, 7)
    np.testing.assert_allclose(
        permuted.inverse_dynamics(angles[order], velocities[order], accelerations[order]),
        ARM.inverse_dynamics(angles, velocities, accelerations)[order],
    )
    np.testing.assert_array_equal(permuted.velocity_limits, ARM.velocity_limits[order])
    np.testing.assert_array_equal(permuted.effort_limits, ARM.effort_limits[order])
    np.testing.assert_array_equal(permuted.position_limits[0], ARM.position_limits[0][order])


@pytest.fixture(scope="module")
def bullet() -> Iterator[tuple[int, int]]:
    """Client and body of an arm without gravity."""
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(
        str(URDF),
        useFixedBase=True,
        flags=pybullet.URDF_USE_INERTIA_FROM_FILE,
        physicsClientId=client,
    )
    yield client, body
    pybullet.disconnect(physicsClientId=client)


def test_inverse_dynamics_are_those_of_another_library(bullet: tuple[int, int]) -> None:
    """PyBullet's, where nothing pulls the arm down and its fingers keep still."""
    client, body = bullet
    rng = np.random.default_rng(0)
    for _ in range(20):
        motion = rng.uniform(-2, 2, (3, 7))
        with_fingers = np.hstack([motion, np.zeros((3, 2))]).tolist()
        expected = pybullet.calculateInverseDynamics(body, *with_fingers, physicsClientId=client)
        np.testing.assert_allclose(ARM.inverse_dynamics(*motion), expected[:7], atol=1e-6)


def test_an_arm_of_other_names_is_the_same_arm(tmp_path: Path) -> None:
    """Nothing but the parameters knows how joints and links are called."""
    text = URDF.read_text().replace("panda_joint", "left_j").replace("panda_grasptarget", "tip")
    other = tmp_path / "arm.urdf"
    other.write_text(text)
    arm = Kinematics(other, [name.replace("panda_joint", "left_j") for name in NAMES], "tip")
    angles, velocities = np.linspace(-1, 1, 7), np.linspace(1, -1, 7)
    np.testing.assert_array_equal(arm.state(angles, velocities), ARM.state(angles, velocities))


def test_what_the_urdf_lacks_is_named() -> None:
    """File, joint and frame."""
    with pytest.raises(ValueError, match="no URDF at"):
        Kinematics("nowhere.urdf", NAMES)
    with pytest.raises(ValueError, match="elbow"):
        Kinematics(URDF, ["elbow", *NAMES[1:]])
    with pytest.raises(ValueError, match="third_hand"):
        Kinematics(URDF, NAMES, "third_hand")


def test_an_arm_has_as_many_joints_as_the_state() -> None:
    """One too few is noticed before the arm is."""
    with pytest.raises(ValueError, match="the state has 7 joints, 6 are named"):
        Kinematics(URDF, NAMES[1:])


def test_it_is_fast_enough_for_the_command_path() -> None:
    """The fastest of many, so that a busy machine does not fail it."""
    angles, velocities = np.full(7, 0.3), np.full(7, 0.1)
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        ARM.state(angles, velocities)
        times.append(time.perf_counter() - begin)
    assert min(times) < 100e-6


def test_the_drawer_starts_with_the_hand_pointing_ahead() -> None:
    """The pose that its start is said to be, a few millimetres before the front."""
    points = ARM.state(drawer.START, np.zeros(7))[ee.POINT_POSITIONS]
    expected = ee.points_at(np.array([0.45, 0.0, 0.75]), drawer.ROTATION)
    np.testing.assert_allclose(points, expected, atol=1e-3)
