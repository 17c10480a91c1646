"""Lock-step moves on request only, real time on its own; time never runs backwards."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core.tasks import make_task
from adgps_core.typing import Array
from adgps_sim.robot import LockStepRobot, RealTimeRobot
from adgps_sim.world import JOINT_NAMES, World

TASK = make_task("reach")
INSTANCE = TASK.instances("training")[0]
PERIOD_NS = 50_000_000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One arm for all tests of this file."""
    world = World()
    yield world
    world.close()


def drive(robot: LockStepRobot, world: World, seed: int) -> Array:
    """Joint states (T+1, 14) of a rollout after a reset."""
    rng = np.random.default_rng(seed)
    robot.reset(TASK.start_joint_angles, INSTANCE)
    states = [np.append(world.state.positions, world.state.velocities)]
    for _ in range(10):
        assert robot.command(robot.stamp_ns, 0, JOINT_NAMES, rng.standard_normal(7).tolist())
        states.append(np.append(world.state.positions, world.state.velocities))
    return np.array(states)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(["tick", "old", "duplicate", "reset", "advance"]), max_size=30))
def test_lock_step_time_rises_with_ticks_and_resets_alone(world: World, events: list[str]) -> None:
    """A tick is 50 ms; nothing else moves the arm."""
    robot = LockStepRobot(world, TASK)
    zeros = [0.0] * 7
    answered = -1
    for event in events:
        before = robot.stamp_ns
        match event:
            case "tick":
                assert robot.command(before, 0, JOINT_NAMES, zeros)
                answered = before
                assert robot.stamp_ns == before + PERIOD_NS
            case "old" | "duplicate":
                stamp = answered if event == "duplicate" else before - 1
                assert not robot.command(stamp, 0, JOINT_NAMES, zeros)
                assert robot.stamp_ns == before
            case "reset":
                robot.reset(TASK.start_joint_angles, INSTANCE)
                assert robot.stamp_ns > before + PERIOD_NS
            case _:
                assert not robot.advance(1.0)
                assert robot.stamp_ns == before
    assert robot.ticks == events.count("tick")
    assert robot.resets == events.count("reset")


def test_lock_step_repeats_bit_for_bit(world: World) -> None:
    """After other rollouts, and in another robot."""
    robot = LockStepRobot(world, TASK)
    first = drive(robot, world, 3)
    drive(robot, world, 4)
    np.testing.assert_array_equal(drive(robot, world, 3), first)
    other = World()
    np.testing.assert_array_equal(drive(LockStepRobot(other, TASK), other, 3), first)
    other.close()


def test_real_time_follows_the_wall_clock_and_lets_go(world: World) -> None:
    """A command is held for three control periods, then the arm comes to rest by its damping."""
    robot = RealTimeRobot(world, TASK, factor=2.0, state_rate=120.0)
    push = np.eye(7)[3].tolist()
    assert not robot.advance(0.0)
    assert not robot.advance(0.4 / 240)
    assert robot.advance(1 / 240)
    assert robot.stamp_ns == 1_000_000_000 + round(1e9 / 120)
    assert not robot.command(robot.stamp_ns, 1, JOINT_NAMES, push)
    speeds = []
    for count in range(2, 202):
        assert robot.advance((count + 0.1) / 240)
        speeds.append(world.state.velocities[3])
    assert (np.diff(speeds[:18]) > 0).all()
    assert speeds[-1] < 0.2 * max(speeds)
    assert robot.ticks == 1 and robot.slipped == 0


def test_real_time_goes_on_after_a_reset(world: World) -> None:
    """The command before it is forgotten; time rises."""
    robot = RealTimeRobot(world, TASK, factor=1.0, state_rate=120.0)
    robot.advance(0.0)
    robot.advance(0.05)
    robot.command(robot.stamp_ns, 1, JOINT_NAMES, [5.0] * 7)
    before = robot.stamp_ns
    robot.reset(TASK.start_joint_angles, INSTANCE)
    assert robot.stamp_ns > before
    robot.advance(0.1)
    np.testing.assert_allclose(world.state.positions, TASK.start_joint_angles, atol=1e-9)


def test_rates_must_fit(world: World) -> None:
    """A state comes after a whole number of physics steps."""
    with pytest.raises(ValueError, match="not a multiple"):
        RealTimeRobot(world, TASK, 1.0, 100.0)
