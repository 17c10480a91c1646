"""The door: shut until its handle is turned, the same every time; a guide opens every one."""

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np
import pybullet
import pytest

from adgps_core.tasks import SPLITS, Instance
from adgps_core.tasks.door import OPEN, STANDOFF, Door
from adgps_core.tasks.doors import CENTRE, HELD_OUT_HANDLE, TRAINED_HANDLES
from adgps_core.typing import Array
from adgps_sim.demonstrating import HOLD_DAMPING, GuidedArm
from adgps_sim.door import DoorScene
from adgps_sim.door.bodies import DOOR, HANDLE
from adgps_sim.door.demonstration import GRASP
from adgps_sim.door.handles import HANDLES
from adgps_sim.door.scene import Mechanics
from adgps_sim.imu import IDEAL
from adgps_sim.scene import scene_builder
from adgps_sim.world import World

TASK = Door()
MECHANICS = Mechanics()
RATE = 240.0
GRIP = (-STANDOFF, GRASP, 0.0)
HANDLE_NUMBERS = (*TRAINED_HANDLES, HELD_OUT_HANDLE)


def at_centre(handle: int) -> Instance:
    """The door that the others lie around."""
    return TASK.door(CENTRE, handle, f"centre/{handle}")


@pytest.fixture
def client() -> Iterator[int]:
    """A physics client with nothing in it, and no gravity."""
    client = pybullet.connect(pybullet.DIRECT)
    pybullet.setTimeStep(1 / RATE, physicsClientId=client)
    yield client
    pybullet.disconnect(physicsClientId=client)


@pytest.fixture(params=HANDLE_NUMBERS)
def scene(client: int, request: pytest.FixtureRequest) -> DoorScene:
    """The door with each handle in turn."""
    scene = DoorScene(client)
    scene.reset(at_centre(request.param))
    return scene


def act(scene: DoorScene, client: int, force: Array, seconds: float) -> None:
    """Have a force (3,) [N], in the handle's frame, act on the lever where it is held."""
    for _ in range(round(seconds * RATE)):
        scene.step()
        # PyBullet counts from the centre of mass of the link.
        inertial = pybullet.getDynamicsInfo(scene.body, HANDLE, physicsClientId=client)[3]
        place = (np.array(GRIP) - inertial).tolist()
        pybullet.applyExternalForce(
            scene.body, HANDLE, force.tolist(), place, pybullet.LINK_FRAME, physicsClientId=client
        )
        pybullet.stepSimulation(physicsClientId=client)


def test_the_latch_holds_until_the_handle_is_turned(scene: DoorScene, client: int) -> None:
    """Pulled with 50 N it stays shut; with the lever down, a fifth of that opens it."""
    act(scene, client, np.array([-50.0, 0.0, 0.0]), 1.0)
    assert scene.latched and abs(scene.opened) < 2e-3 and not scene.succeeded
    act(scene, client, np.array([-10.0, 0.0, -8.0]), 2.0)
    assert scene.turned > scene.handle.release
    assert scene.opened > OPEN and scene.succeeded and not scene.latched


def test_a_turned_handle_that_is_not_pulled_opens_nothing(scene: DoorScene, client: int) -> None:
    """Let go, it springs back and the latch holds again."""
    act(scene, client, np.array([0.0, 0.0, -8.0]), 1.0)
    assert scene.turned > 2 * scene.handle.release
    assert not scene.latched and abs(scene.opened) < MECHANICS.bolt
    act(scene, client, np.zeros(3), 1.5)
    assert abs(scene.turned) < 0.02 and scene.latched


def test_an_open_door_swings_back_to_where_friction_holds_it(scene: DoorScene, client: int) -> None:
    """There spring and friction are equal; and a bolt that is out does not catch from outside."""
    pybullet.resetJointState(scene.body, DOOR, 1.0, 0.0, physicsClientId=client)
    act(scene, client, np.zeros(3), 8.0)
    assert scene.opened == pytest.approx(MECHANICS.friction / MECHANICS.stiffness, rel=0.1)


def test_energy_never_rises_without_work(scene: DoorScene, client: int) -> None:
    """Kinetic energy and that of the springs, of a door and a handle that were thrown."""
    handle = scene.handle
    pybullet.resetJointState(scene.body, DOOR, 0.9, -2.0, physicsClientId=client)
    pybullet.resetJointState(scene.body, HANDLE, 0.6, -3.0, physicsClientId=client)

    def energy() -> float:
        joints = pybullet.getJointStates(scene.body, [DOOR, HANDLE], physicsClientId=client)
        angles, speeds = np.array([joint[:2] for joint in joints]).T
        mass = np.array(
            pybullet.calculateMassMatrix(scene.body, angles.tolist(), physicsClientId=client)
        )
        springs = MECHANICS.stiffness * angles[0] ** 2 / 2
        springs += handle.preload * angles[1] + handle.stiffness * angles[1] ** 2 / 2
        return float(speeds @ mass @ speeds / 2 + springs)

    energies = [energy()]
    for _ in range(round(3 * RATE)):
        act(scene, client, np.zeros(3), 1 / RATE)
        energies.append(energy())
    assert (np.diff(energies) < 1e-3).all()
    assert energies[-1] < 0.5 * energies[0]


def test_the_held_out_handle_is_outside_of_the_trained_ones_in_every_number() -> None:
    """Stiffer, heavier, longer, and of another form and colour."""
    trained = [HANDLES[number] for number in TRAINED_HANDLES]
    other = HANDLES[HELD_OUT_HANDLE]
    assert len(HANDLES) == len(HANDLE_NUMBERS)
    for field in ("length", "thickness", "stiffness", "preload", "damping", "friction", "mass"):
        values = [getattr(handle, field) for handle in trained]
        assert len(set(values)) == len(values), field
        assert not min(values) <= getattr(other, field) <= max(values), field
    assert len({handle.form for handle in HANDLES}) == len(HANDLES)
    assert len({handle.colour for handle in HANDLES}) == len(HANDLES)
    assert len({astuple(handle) for handle in HANDLES}) == len(HANDLES)


@pytest.mark.parametrize("handle", HANDLE_NUMBERS)
def test_a_guide_opens_the_door_and_the_imu_tells(handle: int) -> None:
    """From the start of rollouts, within a rollout's time; readings give how far it is open."""
    world = World(scene=DoorScene, imu_settings=IDEAL)
    instance = at_centre(handle)
    world.reset(TASK.start_joint_angles, instance)
    world.lead(world.guide_path(instance))
    rows = []
    for _ in range(TASK.horizon):
        assert world.imu is not None
        rows.append(world.imu.row)
        world.step(-HOLD_DAMPING * world.state.velocities, TASK.control_period)
    readings = {"imu": np.array(rows)}
    states = np.zeros((TASK.horizon, TASK.dim_x))
    short = TASK.distance(states, instance, readings)
    assert short[0] == pytest.approx(TASK.distance(states[:1], instance, readings)[0])
    assert short[0] > 0.1 and short[-1] == 0.0
    world.close()


def test_a_guide_opens_every_door() -> None:
    """Of all splits, as `record --demo` leads it: braked at every state, not at every tick."""
    world = World(scene=scene_builder("door"))
    arm = GuidedArm(world, TASK, 80.0, np.random.default_rng(0))
    for instance in (each for split in SPLITS for each in TASK.instances(split)):
        arm.begin(instance)
        while arm.advance():
            assert np.abs(world.state.velocities).max() < 1.5, instance.id
        assert world.succeeded, instance.id
    world.close()


def test_a_rollout_repeats_bit_for_bit() -> None:
    """Also after one with another handle, and another door."""
    world = World(scene=scene_builder("door"))

    def rollout(instance: Instance) -> Array:
        world.reset(TASK.start_joint_angles, instance)
        world.lead(world.guide_path(instance))
        rows = []
        for _ in range(60):
            world.step(np.zeros(7), 0.05)
            assert world.imu is not None
            rows.append(np.concatenate([world.state.positions, world.imu.row]))
        return np.array(rows)

    first = rollout(at_centre(0))
    rollout(TASK.instances("test")[2])
    np.testing.assert_array_equal(rollout(at_centre(0)), first)
    world.close()


def test_nothing_touches_at_the_start() -> None:
    """An arm that holds still leaves every door shut and every handle alone."""
    client_of: list[DoorScene] = []

    def build(client: int) -> DoorScene:
        client_of.append(DoorScene(client))
        return client_of[0]

    world = World(scene=build)
    for split in SPLITS:
        for instance in TASK.instances(split):
            world.reset(TASK.start_joint_angles, instance)
            world.step(np.zeros(7), 0.05)
            np.testing.assert_allclose(world.state.positions, TASK.start_joint_angles, atol=1e-5)
            assert abs(client_of[0].turned) < 0.015 and client_of[0].latched
    world.close()
