"""A demonstration is the motion that was recorded, whatever recorded it, and can be followed."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pybullet
import pytest
from demo_samples import TASK, Way, record
from scipy.spatial.transform import Rotation

from adgps_bringup.demo_bags.convert import convert
from adgps_bringup.demo_bags.inertial import readings_at
from adgps_bringup.demo_bags.recording import MARGIN, Recording, moving_part
from adgps_bringup.in_process import InProcessRobot
from adgps_core.demonstration import Demonstration
from adgps_core.typing import Array
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import initial_state
from adgps_robot.kinematics import Kinematics
from adgps_sim.world import JOINT_NAMES, URDF, World

ARM = Kinematics(URDF, JOINT_NAMES)
DAMPING = 1.0
TICKS = TASK.control_period * np.arange(TASK.horizon + 1)


def demonstrate(recording: Recording) -> Demonstration:
    """Convert as for a simulated arm."""
    return convert(recording, TASK, ARM, DAMPING).demonstration


def begin_of(shown: Demonstration, motion: Way) -> float:
    """When the first tick was, by how well the motion fits."""
    shifts = np.linspace(motion.begin - 0.3, motion.begin + 0.3, 601)
    misfits = [np.abs(motion.at(TICKS + s)[0] - shown.joint_angles).max() for s in shifts]
    return float(shifts[np.argmin(misfits)])


@pytest.mark.parametrize(
    ("rate", "noise", "tolerance"), [(20, 0, 2e-3), (120, 0, 5e-4), (500, 2e-4, 1e-3)]
)
def test_the_motion_is_the_recorded_one_at_the_ticks(
    rate: float, noise: float, tolerance: float
) -> None:
    """At any rate, evenly recorded or not; velocities and torques are smooth in spite of noise."""
    motion = Way()
    shown = demonstrate(record(motion, rate=rate, noise=noise))
    begin = begin_of(shown, motion)
    np.testing.assert_allclose(shown.joint_angles[0], TASK.start_joint_angles, atol=5e-3)
    angles, velocities, _ = motion.at(TICKS + begin)
    np.testing.assert_allclose(shown.joint_angles, angles, atol=tolerance)
    np.testing.assert_allclose(shown.joint_velocities, velocities, atol=20 * tolerance)
    middles = zip(*motion.at(TICKS[:-1] + begin + TASK.control_period / 2), strict=True)
    torques = [ARM.inverse_dynamics(q, v, a) + DAMPING * v for q, v, a in middles]
    assert np.sqrt(np.square(shown.feedforward - torques).mean()) < 0.06


def test_the_rest_before_and_after_is_cut_off() -> None:
    """However long it took until somebody began."""
    early, late = (demonstrate(record(Way(begin), until=begin + 6.0)) for begin in (0.5, 6.0))
    np.testing.assert_allclose(early.joint_angles, late.joint_angles, atol=5e-3)
    part = moving_part(record(Way(begin=6.0)))
    assert 6.0 - MARGIN < part.stamps[0] < 6.2 and 8.8 < part.stamps[-1] < 9.0 + MARGIN


def test_a_shorter_motion_ends_in_a_hold() -> None:
    """At rest in its last pose, without torque."""
    motion = Way(duration=2.0)
    shown = demonstrate(record(motion))
    held = slice(int((motion.duration + 2 * MARGIN) / TASK.control_period) + 1, None)
    np.testing.assert_allclose(
        shown.joint_angles[held],
        np.broadcast_to(motion.at(np.array([9.0]))[0], shown.joint_angles[held].shape),
        atol=2e-3,
    )
    assert not shown.joint_velocities[held].any() and not shown.feedforward[held].any()


def test_a_longer_motion_is_made_faster_evenly() -> None:
    """It comes where it came, and is as many times faster everywhere."""
    motion = Way(duration=8.0)
    converted = convert(record(motion), TASK, ARM, DAMPING)
    shown, speed = converted.demonstration, converted.speed
    assert 6.0 < converted.duration < 8.0 and speed == pytest.approx(converted.duration / 5.0)
    np.testing.assert_allclose(shown.joint_angles[-1], motion.at(np.array([9.0]))[0][0], atol=5e-3)
    top = np.abs(motion.at(np.linspace(1, 9, 200))[1]).max(axis=0)
    np.testing.assert_allclose(np.abs(shown.joint_velocities).max(axis=0), speed * top, rtol=0.02)
    moved = np.diff(shown.joint_angles, axis=0) / TASK.control_period
    middle = (shown.joint_velocities[:-1] + shown.joint_velocities[1:]) / 2
    np.testing.assert_allclose(moved, middle, atol=5e-3)


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (
            record(Way(duration=16.0), rate=40.0),
            r"its motion takes 1.* s, more than 2 times the 5 s",
        ),
        (record(Way(way=np.zeros(7))), "nothing moves"),
        (record(Way(), until=0.8), "nothing moves"),
        (record(Way(), noise=2e-4, until=0.8), "nothing moves"),
    ],
)
def test_what_cannot_be_followed_is_refused(recording: Recording, reason: str) -> None:
    """Saying why."""
    with pytest.raises(ValueError, match=reason):
        demonstrate(recording)


def test_a_motion_that_begins_elsewhere_is_refused() -> None:
    """Naming the joint that is furthest off."""
    recording = record()
    off = recording.angles + np.array([0.0, 0.1, 0.0, -0.5, 0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"begins with joint 4 0\.50 rad from where"):
        demonstrate(replace(recording, angles=off))


@pytest.mark.parametrize("factor", [0.0, -1.0, 180 / np.pi])
def test_velocities_that_are_not_those_of_the_angles_are_refused(factor: float) -> None:
    """None, of the wrong sign or in degrees."""
    recording = record()
    wrong = recording.velocities * np.where(np.arange(7) == 2, factor, 1.0)
    with pytest.raises(ValueError, match="velocities of joint 3 are not those"):
        demonstrate(replace(recording, velocities=wrong))


def _joined(first: Recording, second: Recording, pause: float) -> Recording:
    """One recording after the other."""
    shift = first.stamps[-1] + pause - second.stamps[0]
    return Recording(
        first.instance,
        np.append(first.stamps, second.stamps + shift),
        np.vstack([first.angles, second.angles]),
        np.vstack([first.velocities, second.velocities]),
    )


@pytest.mark.parametrize("pause", [0.01, 1.0])
def test_a_reset_is_no_motion(pause: float) -> None:
    """Before or after the demonstration, in an instant or in a second that nobody saw."""
    whole = record(Way(duration=1.5), until=3.0)
    still = record(Way(way=np.zeros(7)), until=1.0)
    expected = demonstrate(whole)
    elsewhere = replace(still, angles=still.angles + 0.3)
    for recording in (_joined(elsewhere, whole, pause), _joined(whole, elsewhere, pause)):
        shown = demonstrate(recording)
        np.testing.assert_allclose(shown.joint_angles, expected.joint_angles, atol=1e-6)


def test_a_gap_in_the_motion_is_refused() -> None:
    """Nobody knows what the arm did."""
    recording = record()
    kept = (recording.stamps < 2.0) | (recording.stamps > 2.5)
    states = (recording.stamps[kept], recording.angles[kept], recording.velocities[kept])
    with pytest.raises(ValueError, match=r"interrupted, by 0\.5 s"):
        demonstrate(Recording(recording.instance, *states))


TURN = np.array([0.3, -0.5, 0.8])  # [rad/s]


def _turning(times: Array) -> Array:
    """Readings of an IMU that turns evenly and accelerates by 1 m/s² along x of the world."""
    turned = Rotation.from_rotvec(np.outer(times, TURN))
    quaternions = turned.as_quat()
    quaternions[::2] *= -1  # the same orientations
    spin = turned.inv().apply(TURN)
    return np.hstack([quaternions, spin, turned.inv().apply([1.0, 0.0, 9.81])])


def test_orientations_turn_evenly_between_readings() -> None:
    """Also from one sign of the quaternion to the other."""
    stamps, times = np.arange(0.0, 6.0, 0.1), np.linspace(0.05, 5.85, 50)
    found = readings_at(times, stamps, _turning(stamps), 0.25)
    expected = Rotation.from_rotvec(np.outer(times, TURN))
    apart = (Rotation.from_quat(found[:, :4]) * expected.inv()).magnitude()
    assert apart.max() < 1e-9 and (found[:, 3] >= 0).all()
    np.testing.assert_allclose(found[:, 4:7], np.broadcast_to(TURN, (50, 3)), atol=1e-3)
    np.testing.assert_allclose(found[:, 7:], _turning(times)[:, 7:], atol=0.02)


def test_in_a_faster_motion_gravity_stays_what_it_is() -> None:
    """Rates grow with the speed, accelerations with its square."""
    times = np.arange(0.0, 5.0, 0.1)
    slow, fast = (readings_at(times, times, _turning(times), 0.25, speed) for speed in (1.0, 2.0))
    np.testing.assert_allclose(fast[:, :4], slow[:, :4])
    np.testing.assert_allclose(fast[:, 4:7], 2 * slow[:, 4:7])
    world = Rotation.from_quat(fast[:, :4]).apply(fast[:, 7:])
    np.testing.assert_allclose(world, np.tile([4.0, 0.0, 9.81], (len(times), 1)), atol=1e-9)


def test_readings_are_joined_to_the_ticks() -> None:
    """Held where the motion is over."""
    shown = demonstrate(record(imu=_turning))
    readings = shown.measurements["imu"]
    begin = begin_of(shown, Way())
    angles = Rotation.from_quat(readings[:, :4]).magnitude()
    moving = TICKS < 2.5
    expected = Rotation.from_rotvec(np.outer(TICKS + begin, TURN)).magnitude()
    np.testing.assert_allclose(angles[moving], expected[moving], atol=5e-3)
    np.testing.assert_allclose(readings[-1], readings[-2], atol=1e-12)


def test_a_silent_imu_is_refused() -> None:
    """In the middle, from the start, or all along."""
    times = np.arange(0.0, 5.0, 0.05)
    for heard in (times > 1.0, (times < 2.0) | (times > 2.6), times < 0, times > 9):
        stamps = times[heard]
        with pytest.raises(ValueError, match="IMU is silent"):
            readings_at(times, stamps, _turning(stamps), 0.25)
    assert readings_at(times[:3], times[1:2], _turning(times[1:2]), 0.25).shape == (3, 10)


@pytest.fixture
def described_arm(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A simulated arm with the inertias of its description, which PyBullet makes up otherwise."""
    load = partial(pybullet.loadURDF, flags=pybullet.URDF_USE_INERTIA_FROM_FILE)
    monkeypatch.setattr(pybullet, "loadURDF", load)
    world = World(joint_damping=DAMPING)
    yield world
    world.close()


def _followed(world: World, shown: Demonstration, torques: Array) -> float:
    """Largest deviation of a joint [degrees] in the first two seconds, by torques (T, 7) alone."""
    world.reset(shown.joint_angles[0])
    off = []
    for tick in range(round(2.0 / TASK.control_period)):
        world.step(torques[tick], TASK.control_period)
        off.append(np.abs(world.state.positions - shown.joint_angles[tick + 1]).max())
    return float(np.degrees(max(off)))


def test_the_torques_alone_move_the_arm_as_it_was_shown(described_arm: World) -> None:
    """Within two degrees over two seconds; much better than the dampers' torques, or none."""
    shown = demonstrate(record(Way(begin=0.3, duration=1.8)))
    off = _followed(described_arm, shown, shown.feedforward)
    dampers = DAMPING * (shown.joint_velocities[:-1] + shown.joint_velocities[1:]) / 2
    assert off < 2.0
    assert _followed(described_arm, shown, dampers) > 4 * off
    assert _followed(described_arm, shown, np.zeros_like(dampers)) > 10 * off


def test_the_simulated_arm_follows_with_the_default_gains() -> None:
    """Closely without noise, although it has other masses; with noise no limit ends a rollout."""
    shown = demonstrate(record(Way(way=np.array([0.2, 0.8, 0.1, 0.6, 0.0, 0.5, -0.2]))))
    policy = initial_state(TASK, LocalConfiguration(), shown).policy
    robot = InProcessRobot(TASK)
    for seed in range(6):
        robot.reset(shown.instance, seed)
        noise = float(seed > 0)
        states = robot.rollout(shown.instance, policy, seed, noise).states
        off = np.degrees(np.abs(states[:, :7] - shown.joint_angles).max(axis=1))
        assert off[-1] < (15.0 if noise else 0.5) and off.max() < (20.0 if noise else 4.0)
    robot.close()
