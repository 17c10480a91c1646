"""The simulated arm: still under gravity, losing energy, and the same every time."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core.tasks import TASKS, make_task
from adgps_core.typing import Array
from adgps_sim.scene import scene_builder
from adgps_sim.world import JOINT_NAMES, World

START = np.array([0, -np.pi / 4, 0, -3 * np.pi / 4, 0, np.pi / 2, np.pi / 4])
PERIOD = 0.05


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One arm for all tests of this file: any of them may leave it anywhere."""
    world = World()
    yield world
    world.close()


def rollout(world: World, seed: int, start: Array = START, scale: float = 3.0) -> Array:
    """States (T+1, 14) under random torques."""
    rng = np.random.default_rng(seed)
    world.reset(start)
    rows = [np.append(world.state.positions, world.state.velocities)]
    for _ in range(20):
        world.step(scale * rng.standard_normal(len(JOINT_NAMES)), PERIOD)
        rows.append(np.append(world.state.positions, world.state.velocities))
    return np.array(rows)


def test_gravity_compensation_holds_the_arm_still(world: World) -> None:
    """No torque, no motion, wherever the arm is."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        start = START + 0.3 * rng.standard_normal(7)
        world.reset(start)
        world.step(np.zeros(7), 5.0)
        np.testing.assert_allclose(world.state.positions, start, atol=1e-6)


def test_energy_dissipates_and_only_by_damping() -> None:
    """A pushed arm loses energy at the rate of its damping; without damping it keeps it."""
    damped, free = World(), World(physics_rate=2400.0, joint_damping=0.0)
    for world in (damped, free):
        world.reset(START)
        world.step(np.full(7, 0.5), 0.25)
    energies = [damped.kinetic_energy]
    for _ in range(200):
        damped.step(np.zeros(7), PERIOD)
        energies.append(damped.kinetic_energy)
    assert (np.diff(energies) < 0).all()
    assert energies[-1] < 0.01 * energies[0]
    before = free.kinetic_energy
    free.step(np.zeros(7), 0.25)
    assert free.kinetic_energy == pytest.approx(before, rel=0.03)
    damped.close()
    free.close()


@pytest.mark.parametrize("joint", range(7))
def test_a_torque_turns_its_own_joint_forward(world: World, joint: int) -> None:
    """Signs and order of the joints are the URDF's."""
    world.reset(START)
    torque = np.eye(7)[joint]
    world.step(torque, PERIOD)
    assert world.state.velocities[joint] > 0
    np.testing.assert_array_equal(world.state.efforts, torque)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    disturbance=st.integers(0, 2**32),
    scale=st.sampled_from([1.0, 30.0, 300.0]),
)
def test_a_reset_forgets_everything(
    world: World, seed: int, disturbance: int, scale: float
) -> None:
    """Whatever happened before, stops of the joints included, a rollout repeats bit for bit."""
    first = rollout(world, seed)
    rollout(world, disturbance, START + 0.2, scale)
    np.testing.assert_array_equal(rollout(world, seed), first)


def test_another_world_in_the_same_process_changes_nothing(world: World) -> None:
    """Every world has its own physics client."""
    first = rollout(world, 1)
    other = World()
    rollout(other, 2)
    np.testing.assert_array_equal(rollout(world, 1), first)
    np.testing.assert_array_equal(rollout(other, 1), first)
    other.close()


def test_one_long_step_is_many_short_ones(world: World) -> None:
    """Holding a torque does not depend on how the time is cut."""
    world.reset(START)
    world.step(np.full(7, 1.5), 0.5)
    whole = world.state.positions
    world.reset(START)
    for _ in range(10):
        world.step(np.full(7, 1.5), PERIOD)
    np.testing.assert_array_equal(world.state.positions, whole)


def test_the_arm_saturates(world: World) -> None:
    """Torques beyond the motors' are cut to what the URDF says they can do."""
    world.reset(START)
    world.step(np.full(7, 1e6), 1 / 240)
    np.testing.assert_array_equal(world.state.efforts, [87.0] * 4 + [12.0] * 3)


def test_impossible_settings_are_refused(world: World) -> None:
    """Each with its reason."""
    with pytest.raises(ValueError, match="at least 240"):
        World(physics_rate=100.0)
    with pytest.raises(ValueError, match="negative"):
        World(joint_damping=-1.0)
    with pytest.raises(ValueError, match="whole steps"):
        world.step(np.zeros(7), 0.0501)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_says_whether_its_world_knows_what_has_succeeded(name: str) -> None:
    task = make_task(name)
    world = World(scene=scene_builder(name))
    world.reset(task.start_joint_angles, task.instances("training")[0])
    assert (world.succeeded is not None) == task.success_known
    assert bool(world.truth) == task.success_known
    assert not world.succeeded
    world.close()
