"""The guide: smooth from rest to rest, it brings the hand there, and shuts a drawer gently."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from adgps_core.end_effector import points_at, pose_of
from adgps_core.tasks import Instance, make_task
from adgps_core.typing import Array
from adgps_sim.demonstrating import REST, GuidedArm
from adgps_sim.drawer import DrawerScene
from adgps_sim.guide import GuidePath, Pose, Waypoint
from adgps_sim.links import link_motion
from adgps_sim.world import World

RATE = 120.0
TURNED = Rotation.from_rotvec([0.0, 1.2, -0.3])
WAYPOINTS = (
    Waypoint(0.0, np.array([0.4, 0.0, 0.5]), np.eye(3), 0.02),
    Waypoint(2.0, np.array([0.5, 0.1, 0.5]), TURNED.as_matrix(), 0.04),
    Waypoint(3.0, np.array([0.5, 0.3, 0.4]), np.eye(3), 0.0),
)


def test_a_path_rests_at_each_waypoint_and_never_jumps() -> None:
    """At the waypoints' times their poses and no speed; between, speeds are the derivatives."""
    path = GuidePath(WAYPOINTS)
    for waypoint in WAYPOINTS:
        pose = path.at(waypoint.time)
        np.testing.assert_allclose(pose.position, waypoint.position, atol=1e-12)
        np.testing.assert_allclose(pose.rotation.as_matrix(), waypoint.rotation, atol=1e-12)
        assert pose.opening == pytest.approx(waypoint.opening)
        np.testing.assert_allclose([*pose.velocity, *pose.spin], 0.0, atol=1e-12)
    step = 1e-4

    def moved(before: Pose, after: Pose) -> Array:
        turned = (after.rotation * before.rotation.inv()).as_rotvec()
        return np.concatenate([after.position - before.position, turned]) / step

    times = np.arange(0.0, 3.5, 0.01)
    for time in times:
        middle = path.at(time + step / 2)
        speeds = np.concatenate([middle.velocity, middle.spin])
        np.testing.assert_allclose(moved(path.at(time), path.at(time + step)), speeds, atol=1e-4)
    speeds = np.array([path.at(time).velocity for time in times])
    assert np.abs(np.diff(speeds, axis=0)).max() < 0.02  # 2 m/s²


def test_a_waypoint_with_an_overlap_is_passed_and_not_rested_at() -> None:
    """Ends are the same; on the way speeds are the derivatives still, and never nought."""
    passed = [replace(each, overlap=0.5) for each in WAYPOINTS]
    path, resting = GuidePath(passed), GuidePath(WAYPOINTS)
    for time in (-1.0, 0.0, 3.0, 9.0):
        np.testing.assert_allclose(path.at(time).position, resting.at(time).position, atol=1e-12)
    step = 1e-4
    for time in np.arange(0.3, 2.7, 0.1):
        before, after, middle = (path.at(time + part) for part in (0.0, step, step / 2))
        assert np.linalg.norm(middle.velocity) > 0.02
        np.testing.assert_allclose(
            (after.position - before.position) / step, middle.velocity, atol=1e-4
        )
        turned = (after.rotation * before.rotation.inv()).as_rotvec()
        np.testing.assert_allclose(turned / step, middle.spin, atol=1e-4)
    for overlap, reason in ((2.1, "too long"), (-0.1, "not be negative")):
        with pytest.raises(ValueError, match=reason):
            GuidePath([*WAYPOINTS[:1], replace(WAYPOINTS[1], overlap=overlap), WAYPOINTS[2]])


def test_impossible_paths_are_refused() -> None:
    """Each with its reason."""
    with pytest.raises(ValueError, match="at least two"):
        GuidePath(WAYPOINTS[:1])
    with pytest.raises(ValueError, match="must rise"):
        GuidePath(WAYPOINTS[::-1])
    with pytest.raises(ValueError, match="not a rotation"):
        Waypoint(1.0, np.zeros(3), np.ones((3, 3)))
    with pytest.raises(ValueError, match="opens by"):
        Waypoint(1.0, np.zeros(3), np.eye(3), 0.1)


def test_points_have_one_pose() -> None:
    """There and back is exact; other points are no pose."""
    position, rotation = pose_of(points_at(WAYPOINTS[1].position, WAYPOINTS[1].rotation))
    np.testing.assert_allclose(position, WAYPOINTS[1].position)
    np.testing.assert_allclose(rotation, WAYPOINTS[1].rotation)
    with pytest.raises(ValueError, match="not those of"):
        pose_of(np.arange(9.0) ** 2)


class Shown:
    """A task's demonstrations, and what came of them."""

    def __init__(self, task: str, perturbation: float = 0.0) -> None:
        self.task = make_task(task)
        self.scenes: list[DrawerScene] = []
        self.world = World(scene=self._build if task == "drawer" else None)
        rng = np.random.default_rng(1)
        self.arm = GuidedArm(self.world, self.task, RATE, rng, perturbation)

    def _build(self, client: int) -> DrawerScene:
        self.scenes.append(DrawerScene(client))
        return self.scenes[-1]

    def show(self, instance: Instance) -> Array:
        """Joint angles and velocities (T, 14) of a demonstration."""
        self.arm.begin(instance)
        rows, stamp = [], self.arm.stamp_ns
        while True:
            state = self.world.state
            rows.append(np.append(state.positions, state.velocities))
            if not self.arm.advance():
                return np.array(rows)
            assert self.arm.stamp_ns - stamp in (8_333_333, 8_333_334)
            stamp = self.arm.stamp_ns

    def points(self) -> Array:
        """Where the end-effector's points are now (9,)."""
        world = self.world
        hand = link_motion(world._client, world._arm, world._hand, np.zeros(3))
        return points_at(hand.position, hand.rotation.as_matrix())


@pytest.mark.parametrize("task", ["reach", "drawer"])
def test_the_hand_is_led_to_the_goal_and_comes_to_rest(task: str) -> None:
    """Gently: from rest to rest, far below the joints' limits, and the drawer is not slammed."""
    shown = Shown(task, perturbation=0.003)
    for instance in (*shown.task.instances("training")[::3], *shown.task.instances("test")[:1]):
        rows = shown.show(instance)
        assert np.abs(shown.points() - instance.parameters).max() < 0.01
        assert np.abs(rows[: round(REST * RATE), 7:]).max() < 0.02
        assert np.abs(rows[-1, 7:]).max() < 0.05
        assert 0.15 < np.abs(rows[:, 7:]).max() < 1.0
        if shown.scenes:
            assert not shown.scenes[0].caught and shown.scenes[0].slid > 0.09
    shown.world.close()


def test_demonstrations_repeat_and_time_rises_through_them() -> None:
    """Same seed, same motion, bit for bit; after the end nothing moves any more."""
    first, second = Shown("drawer", 0.003), Shown("drawer", 0.003)
    instance = first.task.instances("training")[0]
    rows = first.show(instance)
    np.testing.assert_array_equal(second.show(instance), rows)
    ends = [first.arm.stamp_ns]
    assert not first.arm.advance() and first.arm.stamp_ns == ends[0]
    first.show(instance)
    ends.append(first.arm.stamp_ns)
    assert all(after > before for before, after in pairwise(ends))
    with pytest.raises(ValueError, match="juggle"):
        first.arm.begin(Instance("juggle", "x", np.zeros(9)))
    first.world.close()
    second.world.close()


def test_a_reset_takes_the_guides_hand_away() -> None:
    """After it the arm stands still."""
    world, task = World(), make_task("reach")
    instance = task.instances("training")[0]
    world.reset(task.start_joint_angles, instance)
    world.lead(world.guide_path(instance))
    world.step(np.zeros(7), 1.0)
    assert np.abs(world.state.velocities).max() > 0.05
    world.reset(task.start_joint_angles, instance)
    world.step(np.zeros(7), 1.0)
    np.testing.assert_allclose(world.state.positions, task.start_joint_angles, atol=1e-6)
    world.close()


def test_rates_must_fit() -> None:
    """A state comes after a whole number of physics steps."""
    world = World()
    with pytest.raises(ValueError, match="not a multiple"):
        GuidedArm(world, make_task("reach"), 100.0, np.random.default_rng(0))
    world.close()
