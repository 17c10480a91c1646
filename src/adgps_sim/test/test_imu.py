"""The IMU: gravity at rest, the laws of rotating frames in motion, and errors that are bounded."""

from collections.abc import Iterator

import numpy as np
import pybullet
import pytest
from scipy.spatial.transform import Rotation

from adgps_core.tasks import make_task
from adgps_core.typing import Array
from adgps_sim.drawer import DrawerScene
from adgps_sim.imu import IDEAL, Imu, ImuMount, ImuReading, ImuSettings
from adgps_sim.world import GRAVITY, World

DT = 1 / 240
UP = np.array([0.0, 0.0, GRAVITY])
TILT = Rotation.from_rotvec([0.7, -0.4, 1.1])
PLACE = np.array([0.3, -0.1, 0.05])
DRAWER = make_task("drawer")


@pytest.fixture
def client() -> Iterator[int]:
    """A physics client with gravity and nothing else."""
    client = pybullet.connect(pybullet.DIRECT)
    pybullet.setGravity(0, 0, -GRAVITY, physicsClientId=client)
    pybullet.setTimeStep(DT, physicsClientId=client)
    yield client
    pybullet.disconnect(physicsClientId=client)


def rotor(client: int, axis: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> int:
    """A link on a fixed base that turns freely about an axis, its centre of mass off its origin."""
    shape = pybullet.createCollisionShape(
        pybullet.GEOM_BOX, halfExtents=(0.1, 0.1, 0.1), physicsClientId=client
    )
    aside = pybullet.getQuaternionFromEuler((0.2, 0.3, 0.4))
    body: int = pybullet.createMultiBody(
        baseMass=0.0,
        linkMasses=[1.0],
        linkCollisionShapeIndices=[shape],
        linkVisualShapeIndices=[-1],
        linkPositions=[(0.1, 0.2, 0.3)],
        linkOrientations=[(0.0, 0.0, 0.0, 1.0)],
        linkInertialFramePositions=[(0.0, 0.0, 0.2)],
        linkInertialFrameOrientations=[aside],
        linkParentIndices=[0],
        linkJointTypes=[pybullet.JOINT_REVOLUTE],
        linkJointAxis=[axis],
        physicsClientId=client,
    )
    pybullet.setJointMotorControl2(
        body, 0, pybullet.VELOCITY_CONTROL, force=0.0, physicsClientId=client
    )
    pybullet.changeDynamics(
        body, 0, jointDamping=0.0, linearDamping=0, angularDamping=0, physicsClientId=client
    )
    return body


def imu_on(
    client: int, body: int, link: int = 0, settings: ImuSettings = IDEAL, seed: int = 0
) -> Imu:
    """A tilted sensor away from the link's origin."""
    mount = ImuMount(body, link, PLACE, TILT.as_matrix())
    return Imu(client, mount, settings, np.random.default_rng(seed))


def watch(client: int, imu: Imu, steps: int) -> list[ImuReading]:
    """Readings after every step of the physics."""
    readings = []
    for _ in range(steps):
        pybullet.stepSimulation(physicsClientId=client)
        readings.append(imu.read(DT))
    return readings


def test_at_rest_it_feels_gravity_upwards(client: int) -> None:
    """R_WS f = (0, 0, 9.81) wherever the link has turned to, and nothing turns."""
    body = rotor(client)
    for angle in (0.0, 1.0, -2.5):
        pybullet.resetJointState(body, 0, angle, 0.0, physicsClientId=client)
        (reading,) = watch(client, imu_on(client, body), 1)
        orientation = Rotation.from_quat(reading.orientation)
        expected = Rotation.from_rotvec([0, 0, angle]) * TILT
        assert (orientation * expected.inv()).magnitude() < 1e-6  # PyBullet's are single floats
        np.testing.assert_allclose(orientation.apply(reading.linear_acceleration), UP, atol=1e-5)
        np.testing.assert_allclose(reading.angular_velocity, 0.0, atol=1e-9)


def test_off_centre_on_a_turning_link_it_feels_the_centripetal_force(client: int) -> None:
    """At a constant rate w about z: f = g up - w² r, and the gyroscope says w, both in S."""
    body, rate = rotor(client), 3.0
    pybullet.resetJointState(body, 0, 0.5, rate, physicsClientId=client)
    readings = watch(client, imu_on(client, body), 100)
    for reading in readings:
        half_way = Rotation.from_quat(reading.orientation) * Rotation.from_rotvec(
            -reading.angular_velocity * DT / 2
        )
        outward = half_way.apply(TILT.inv().apply(PLACE * [1, 1, 0]))
        felt = half_way.apply(reading.linear_acceleration)
        np.testing.assert_allclose(felt, UP - rate**2 * outward, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            reading.angular_velocity, TILT.inv().apply([0, 0, rate]), rtol=1e-4
        )


def test_a_base_that_falls_and_spins_feels_no_weight(client: int) -> None:
    """Free fall: only what turning about the centre of mass needs is left."""
    shape = pybullet.createCollisionShape(pybullet.GEOM_SPHERE, radius=0.1, physicsClientId=client)
    body = pybullet.createMultiBody(
        1.0,
        shape,
        basePosition=(0.0, 0.0, 5.0),
        baseInertialFramePosition=(0.05, 0.02, 0.1),
        physicsClientId=client,
    )
    pybullet.changeDynamics(body, -1, linearDamping=0, angularDamping=0, physicsClientId=client)
    pybullet.resetBaseVelocity(body, (0.3, 0, 0), (0, 0, 2.0), physicsClientId=client)
    arm = (PLACE - [0.05, 0.02, 0.1]) * [1, 1, 0]  # from the centre of mass
    reading = watch(client, imu_on(client, body, -1), 20)[-1]
    felt = np.linalg.norm(reading.linear_acceleration)
    assert felt == pytest.approx(4.0 * np.linalg.norm(arm), rel=1e-3)


def test_what_it_says_adds_up_to_how_it_moved(client: int) -> None:
    """On a swinging pendulum: rates to the change of orientation, forces to that of velocity."""
    body = rotor(client, (1.0, 0.0, 0.0))
    pybullet.resetJointState(body, 0, 1.0, 2.0, physicsClientId=client)
    imu = imu_on(client, body)

    def velocity(reading: ImuReading) -> Array:
        """Of the sensor in W: the pendulum's rate about x, across its arm."""
        rate = pybullet.getJointState(body, 0, physicsClientId=client)[1]
        rotation_WL = Rotation.from_quat(reading.orientation) * TILT.inv()
        return np.cross([rate, 0, 0], rotation_WL.apply(PLACE))

    (first,) = watch(client, imu, 1)
    begin = velocity(first)
    turned, gained = Rotation.from_quat(first.orientation), np.zeros(3)
    for reading in watch(client, imu, 120):
        half = Rotation.from_rotvec(reading.angular_velocity * DT / 2)
        gained += ((turned * half).apply(reading.linear_acceleration) - UP) * DT
        turned = turned * half * half
        assert (turned * Rotation.from_quat(reading.orientation).inv()).magnitude() < 1e-9
    end = velocity(reading)
    assert np.linalg.norm(end - begin) > 0.3
    np.testing.assert_allclose(gained, end - begin, atol=1e-6)


def test_drift_touches_the_yaw_alone_and_grows_as_a_random_walk(client: int) -> None:
    """The error is a rotation about the world's up; after t seconds its deviation is d √t."""
    body = rotor(client)
    settings = ImuSettings(0.0, 0.0, 0.0, yaw_drift=0.01)
    ends = []
    for seed in range(200):
        imu = imu_on(client, body, settings=settings, seed=seed)
        for _ in range(20):
            reading = imu.read(0.2)
        orientation = Rotation.from_quat(reading.orientation)
        error = (orientation * TILT.inv()).as_rotvec()
        np.testing.assert_allclose(error[:2], 0.0, atol=1e-9)
        np.testing.assert_allclose(TILT.apply(reading.linear_acceleration), UP, atol=1e-9)
        np.testing.assert_allclose(reading.orientation_variance, [0, 0, 0.01**2 * 4], atol=1e-12)
        ends.append(error[2])
    assert np.std(ends) == pytest.approx(0.02, rel=0.15)


def test_noise_is_of_the_variance_that_it_claims_and_repeats(client: int) -> None:
    """Shorter readings are noisier; equal seeds give equal readings, others do not."""
    body = rotor(client)
    settings = ImuSettings(yaw_drift=0.0)

    def readings(seed: int, duration: float) -> list[ImuReading]:
        imu = imu_on(client, body, settings=settings, seed=seed)
        return [imu.read(duration) for _ in range(1000)]

    for duration in (0.05, 1 / 120):
        some = readings(1, duration)
        spread = np.std([r.angular_velocity for r in some], axis=0)
        np.testing.assert_allclose(spread, np.sqrt(some[0].angular_velocity_variance), rtol=0.1)
        spread = np.std([r.linear_acceleration for r in some], axis=0)
        np.testing.assert_allclose(spread, np.sqrt(some[0].linear_acceleration_variance), rtol=0.1)
        turned = [(Rotation.from_quat(r.orientation) * TILT.inv()).as_rotvec() for r in some]
        spread = np.std(turned, axis=0)
        np.testing.assert_allclose(spread, np.sqrt(some[0].orientation_variance), rtol=0.1)
    a, b, c = readings(1, 0.05)[-1], readings(1, 0.05)[-1], readings(2, 0.05)[-1]
    np.testing.assert_array_equal(a.orientation, b.orientation)
    np.testing.assert_array_equal(a.linear_acceleration, b.linear_acceleration)
    assert (a.linear_acceleration != c.linear_acceleration).all()


def test_on_the_drawer_it_feels_the_push_and_a_reset_forgets_it() -> None:
    """What it feels along the drawer adds up to the drawer's speed; readings repeat exactly."""
    scenes: list[DrawerScene] = []

    def build(client: int) -> DrawerScene:
        scenes.append(DrawerScene(client))
        return scenes[-1]

    world = World(scene=build, imu_settings=IDEAL)
    noisy = World(scene=DrawerScene)

    def push(world: World, seed: int) -> list[ImuReading]:
        world.reset(DRAWER.start_joint_angles, instance, np.random.default_rng(seed))
        readings = []
        for _ in range(5):
            world.step(6.0 * np.array([0, 1.0, 0, 0.8, 0, 0, 0]), 0.05)
            assert world.imu is not None
            readings.append(world.imu)
        return readings

    instance = DRAWER.instances("training")[0]
    readings = push(world, 0)
    speed = 0.05 * sum(reading.linear_acceleration[0] for reading in readings)
    moving = pybullet.getJointState(scenes[0].body, 0, physicsClientId=world._client)[1]
    assert moving > 0.02 and speed == pytest.approx(moving, rel=1e-6)
    for reading in readings:
        np.testing.assert_allclose(reading.orientation, [0, 0, 0, 1], atol=1e-9)
        np.testing.assert_allclose(reading.linear_acceleration[1:], [0, GRAVITY], atol=1e-6)

    def numbers(seed: int) -> Array:
        return np.array([reading.linear_acceleration for reading in push(noisy, seed)])

    first = numbers(3)
    assert (numbers(4) != first).all()
    np.testing.assert_array_equal(numbers(3), first)
    world.close()
    noisy.close()


def test_an_arm_alone_has_none() -> None:
    """Nothing to read."""
    world = World()
    world.reset(make_task("reach").start_joint_angles)
    world.step(np.zeros(7), 0.05)
    assert world.imu is None
    world.close()


def test_impossible_sensors_are_refused(client: int) -> None:
    """Each with its reason."""
    with pytest.raises(ValueError, match="not a rotation"):
        ImuMount(0, 0, rotation=np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(ValueError, match="yaw_drift"):
        ImuSettings(yaw_drift=-1.0)
    with pytest.raises(ValueError, match="takes time"):
        imu_on(client, rotor(client)).read(0.0)
