"""The drawer: gently pushed it slides to its end, slammed it is caught, and it forgets it all."""

from collections.abc import Iterator

import numpy as np
import pybullet
import pytest

from adgps_core.tasks import make_task
from adgps_core.typing import Array
from adgps_sim.drawer import DrawerScene, Mechanics
from adgps_sim.scene import scene_builder
from adgps_sim.world import World

TASK = make_task("drawer")
INSTANCE = TASK.instances("training")[0]
MECHANICS = Mechanics()
RATE = 240.0


@pytest.fixture
def client() -> Iterator[int]:
    """A physics client with nothing in it."""
    client = pybullet.connect(pybullet.DIRECT)
    pybullet.setTimeStep(1 / RATE, physicsClientId=client)
    yield client
    pybullet.disconnect(physicsClientId=client)


def push(scene: DrawerScene, client: int, force: float, seconds: float) -> Array:
    """Where the drawer is after every step of a constant push [m]."""
    scene.reset(INSTANCE)
    way = []
    for _ in range(round(seconds * RATE)):
        scene.step()
        pybullet.applyExternalForce(
            scene.body, 0, (force, 0, 0), (0, 0, 0), pybullet.LINK_FRAME, physicsClientId=client
        )
        pybullet.stepSimulation(physicsClientId=client)
        way.append(scene.slid)
    return np.array(way)


def test_friction_holds_it_and_damping_makes_its_speed(client: int) -> None:
    """Below the Coulomb friction it stays; above, it settles at (F - friction) / damping."""
    scene = DrawerScene(client)
    assert abs(push(scene, client, 0.8 * MECHANICS.friction, 2.0)).max() < 1e-6
    way = push(scene, client, 7.0, 2.0)
    speed = RATE * np.diff(way)[-100:]
    np.testing.assert_allclose(speed, (7.0 - MECHANICS.friction) / MECHANICS.damping, rtol=0.02)
    assert not scene.caught


def test_a_slam_is_caught_where_the_pawl_is_and_nowhere_else(client: int) -> None:
    """Just below the speed of the catch it slides on, just above it stops at its place."""
    scene = DrawerScene(client)
    threshold = MECHANICS.friction + MECHANICS.damping * MECHANICS.catch_speed
    free = push(scene, client, 0.95 * threshold, 2.0)
    assert not scene.caught and free[-1] > 2 * MECHANICS.caught_at
    caught = push(scene, client, 1.05 * threshold, 2.0)
    assert scene.caught
    assert caught[-1] == pytest.approx(MECHANICS.caught_at, abs=2e-3)
    passed = caught > 1.5 * MECHANICS.catch_to
    assert (np.diff(caught[passed])[:5] > 0).all()  # nothing is felt before the pawl is reached
    push(scene, client, 1.0, 0.1)
    assert not scene.caught and scene.slid == pytest.approx(0.0, abs=1e-6)


def test_the_hand_stands_before_the_front_and_repeats_bit_for_bit() -> None:
    """No contact at the start, a rollout that pushes, and the same again after another one."""
    world = World(scene=scene_builder("drawer"))

    def rollout(torque: float) -> Array:
        world.reset(TASK.start_joint_angles, INSTANCE)
        world.step(np.zeros(7), 0.5)
        np.testing.assert_allclose(world.state.positions, TASK.start_joint_angles, atol=1e-5)
        rows = []
        for _ in range(40):
            world.step(torque * np.array([0, 1.0, 0, 0.8, 0, 0, 0]), 0.05)
            rows.append(np.append(world.state.positions, world.state.velocities))
        return np.array(rows)

    first = rollout(6.0)
    alone = World()
    alone.reset(TASK.start_joint_angles)
    for _ in range(40):
        alone.step(6.0 * np.array([0, 1.0, 0, 0.8, 0, 0, 0]), 0.05)
    assert np.abs(alone.state.positions - first[-1, :7]).max() > 0.05  # the drawer was in the way
    rollout(20.0)
    np.testing.assert_array_equal(rollout(6.0), first)
    with pytest.raises(ValueError, match="reset to an instance"):
        world.reset(TASK.start_joint_angles)
    world.close()
    alone.close()


def test_only_the_drawer_has_a_scene() -> None:
    """In reaching, the arm is alone."""
    assert scene_builder("reach") is None and scene_builder("drawer") is DrawerScene
