"""The simulated robot's node over real DDS, driven command by command."""

import itertools
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, Imu, JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from adgps_core.conversions.messages import (  # noqa: E402
    instance_to_msg,
    ns_from_stamp,
    stamp_from_ns,
)
from adgps_core.tasks import Instance, make_task  # noqa: E402
from adgps_core.tasks.drawer import FRONT, SHUT  # noqa: E402
from adgps_msgs.msg import JointEffortCommand  # noqa: E402
from adgps_msgs.srv import ResetInstance  # noqa: E402
from adgps_sim.door import DoorScene  # noqa: E402
from adgps_sim.nodes.publishing import CLOCK, LATCHED  # noqa: E402
from adgps_sim.nodes.sim_robot import SimRobot  # noqa: E402
from adgps_sim.world import FINGER_NAMES, JOINT_NAMES, World  # noqa: E402

TASK = make_task("reach")
PATIENCE = 20.0
COUNT = itertools.count(1)


class Driver(Node):
    """Sends commands and resets, and keeps what the robot publishes."""

    def __init__(self, robot: SimRobot) -> None:
        super().__init__("driver")
        self.executor_ = SingleThreadedExecutor()
        self.executor_.add_node(robot)
        self.executor_.add_node(self)
        self.robot = robot
        self.states: list[JointState] = []
        self.readings: list[Imu] = []
        self.clocks: list[int] = []
        self.report: dict[str, str] = {}
        self._commands = self.create_publisher(JointEffortCommand, "joint_effort_command", 10)
        self._resets = self.create_client(ResetInstance, "reset_instance")
        self._truth = self.create_client(Trigger, "sim_robot/succeeded")
        self.create_subscription(JointState, "joint_states", self.states.append, LATCHED)
        every = QoSProfile(depth=10, reliability=LATCHED.reliability, durability=LATCHED.durability)
        self.create_subscription(Imu, "imu/data", self.readings.append, every)
        self.images: list[Image] = []
        self.calibrations: list[CameraInfo] = []
        self.create_subscription(Image, "image_raw", self.images.append, every)
        self.create_subscription(CameraInfo, "camera_info", self.calibrations.append, every)
        self.create_subscription(Clock, "/clock", self._on_clock, CLOCK)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.until(
            lambda: self._commands.get_subscription_count() and self._resets.service_is_ready(),
            "the robot",
        )
        self.until(lambda: bool(self.states), "the first state, although it was published before")

    def _on_clock(self, message: Clock) -> None:
        self.clocks.append(ns_from_stamp(message.clock))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        (status,) = message.status
        if status.name == self.robot.get_fully_qualified_name():
            self.report = {pair.key: pair.value for pair in status.values}

    @property
    def stamp_ns(self) -> int:
        """Stamp of the newest state."""
        return ns_from_stamp(self.states[-1].header.stamp)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.executor_.spin_once(timeout_sec=0.05)

    def command(self, stamp_ns: int, efforts: list[float], names: Any = JOINT_NAMES) -> None:
        """Send torques that answer the state of a stamp."""
        message = JointEffortCommand(name=list(names), effort=array("d", efforts))
        message.header.stamp = stamp_from_ns(stamp_ns)
        self._commands.publish(message)

    def tick(self, efforts: list[float]) -> None:
        """Answer the newest state and await the next."""
        before = len(self.states)
        self.command(self.stamp_ns, efforts)
        self.until(lambda: len(self.states) > before, "the next state")

    def reset(self, **fields: Any) -> ResetInstance.Response:
        """Reset to an instance."""
        task = self.robot.get_parameter("task").value
        instance = instance_to_msg(make_task(task).instances("training")[0])
        request = ResetInstance.Request(**{"instance": instance, **fields})
        future = self._resets.call_async(request)
        self.until(future.done, "the reset")
        return future.result()

    def truth(self) -> Trigger.Response:
        """Ask whether the task is done."""
        self.until(self._truth.service_is_ready, "the service")
        future = self._truth.call_async(Trigger.Request())
        self.until(future.done, "the truth")
        return future.result()


@pytest.fixture
def make_driver() -> Iterator[Callable[..., Driver]]:
    """A robot with parameters, in a namespace that no test before it has used."""
    drivers: list[Driver] = []

    def make(**parameters: float | str) -> Driver:
        arguments = [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
        namespace = f"__ns:=/sim_{next(COUNT)}"
        rclpy.init(args=["--ros-args", "-r", namespace, "-r", "/clock:=clock", *arguments])
        drivers.append(Driver(SimRobot()))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.executor_.shutdown()
        driver.robot.destroy_node()
        driver.destroy_node()
    rclpy.try_shutdown()


def test_a_tick_is_completed_by_one_sound_command(make_driver: Callable[..., Driver]) -> None:
    """Repeats, old stamps, strange joints and NaN change nothing, and are counted."""
    driver = make_driver()
    start = driver.stamp_ns
    torques = [0.1] * 7
    driver.tick(torques)
    for _ in range(2):
        driver.command(start, torques)
    driver.command(start - 50_000_000, torques)
    driver.command(driver.stamp_ns, [0.1] * 6 + [float("nan")])
    driver.command(driver.stamp_ns, torques, names=["elbow"] * 7)
    driver.command(driver.stamp_ns + 50_000_000, torques)
    driver.until(
        lambda: driver.report.get("commands_refused_future_stamp") == "1", "the diagnostics"
    )
    counts = {key.removeprefix("commands_refused_"): value for key, value in driver.report.items()}
    assert counts["duplicate"] == "2"
    assert counts["old_stamp"] == counts["not_finite"] == counts["wrong_joints"] == "1"
    assert counts["ticks"] == "1"
    assert driver.stamp_ns == start + 50_000_000
    driver.tick(torques)
    assert [ns_from_stamp(s.header.stamp) - start for s in driver.states] == [0, 5e7, 1e8]
    assert tuple(driver.states[-1].name) == JOINT_NAMES + FINGER_NAMES


def test_resets_repeat_and_time_goes_on(make_driver: Callable[..., Driver]) -> None:
    """Same seed, same start; the answer names the state that follows; the clock keeps up."""
    driver = make_driver(seed=3)
    starts = []
    for seed in (5, 5, 6):
        driver.tick([1.0] * 7)
        before = driver.stamp_ns
        answer = driver.reset(seed=seed, perturbation=0.02)
        assert answer.error_code == ResetInstance.Response.SUCCESS
        driver.until(lambda a=answer: driver.stamp_ns == ns_from_stamp(a.stamp), "its state")
        assert driver.stamp_ns > before
        starts.append(np.array(driver.states[-1].position[:7]))
        assert (np.array(driver.states[-1].velocity) == 0.0).all()
    np.testing.assert_array_equal(starts[0], starts[1])
    assert (starts[0] != starts[2]).all()
    assert np.abs(starts[0] - TASK.start_joint_angles).max() < 0.1
    assert (np.diff(driver.clocks) > 0).all() and len(driver.clocks) >= 3


def test_impossible_resets_are_refused(make_driver: Callable[..., Driver]) -> None:
    """With the reason, and without moving."""
    driver = make_driver()
    before = driver.stamp_ns
    juggle = instance_to_msg(Instance("juggle", "x", np.zeros(9)))
    for fields, reason in (({"instance": juggle}, "juggle"), ({"perturbation": -1.0}, "perturb")):
        answer = driver.reset(**fields)
        assert answer.error_code == ResetInstance.Response.INVALID_INSTANCE
        assert reason in answer.error_msg
    assert driver.stamp_ns == before


def test_real_time_runs_on_its_own(make_driver: Callable[..., Driver]) -> None:
    """At a factor of the wall clock, with a command held and then let go."""
    driver = make_driver(real_time_factor=2.0)
    begin, stamp = time.monotonic(), driver.stamp_ns
    driver.command(stamp, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    end = stamp + 1_000_000_000
    driver.until(lambda: driver.stamp_ns >= end, "a simulated second")
    elapsed = time.monotonic() - begin
    assert elapsed > 0.45
    speeds = np.array([state.velocity[3] for state in driver.states])
    assert speeds.max() > 0.05
    assert abs(speeds[-1]) < 0.5 * speeds.max()


def test_every_state_of_the_drawer_has_its_imu_reading(make_driver: Callable[..., Driver]) -> None:
    """With the state's stamp, as REP-145 has it; resets with one seed repeat its errors."""
    driver = make_driver(task="drawer", seed=3)

    def reset(seed: int) -> Imu:
        stamp_ns = ns_from_stamp(driver.reset(seed=seed).stamp)
        driver.until(
            lambda: ns_from_stamp(driver.readings[-1].header.stamp) == stamp_ns, "the reading"
        )
        return driver.readings[-1]

    driver.until(lambda: bool(driver.readings), "the first reading")
    for _ in range(3):
        driver.tick([0.0] * 7)
    driver.until(lambda: len(driver.readings) == len(driver.states), "the readings")
    pairs = zip(driver.readings, driver.states, strict=True)
    assert all(reading.header.stamp == state.header.stamp for reading, state in pairs)
    (first, again, other) = (reset(seed) for seed in (5, 5, 6))
    assert first.header.frame_id == "imu_link"
    assert first.linear_acceleration.z == pytest.approx(9.81, abs=0.5)
    assert first.linear_acceleration == again.linear_acceleration != other.linear_acceleration
    assert first.orientation == again.orientation != other.orientation
    for variances in (
        first.orientation_covariance,
        first.angular_velocity_covariance,
        first.linear_acceleration_covariance,
    ):
        matrix = np.reshape(variances, (3, 3))
        assert (np.diag(matrix) > 0).all() and np.count_nonzero(matrix) == 3


def test_the_camera_sees_every_state_if_it_is_asked_for(make_driver: Callable[..., Driver]) -> None:
    """With the state's stamp; when the door changes, so does the image."""
    driver = make_driver(task="door", camera=True)
    driver.tick([0.0] * 7)
    driver.until(
        lambda: driver.images and driver.images[-1].header.stamp == driver.states[-1].header.stamp,
        "the image",
    )
    before = driver.images[-1]
    assert (before.encoding, before.width, before.height, before.step) == ("rgb8", 314, 250, 942)
    assert len(before.data) == before.step * before.height
    assert before.header.frame_id == "camera_optical_frame"
    driver.until(
        lambda: driver.calibrations and driver.calibrations[-1].header.stamp == before.header.stamp,
        "the calibration",
    )
    assert driver.calibrations[-1].k[2] == pytest.approx(156.5)
    assert before.header.frame_id == driver.calibrations[-1].header.frame_id


def test_a_moved_camera_sees_what_is_seen_from_there(make_driver: Callable[..., Driver]) -> None:
    driver = make_driver(task="door", camera=True, camera_shift="[0.0, 0.0, -0.05]")
    driver.until(lambda: driver.images, "an image")
    seen = np.reshape(np.asarray(driver.images[0].data, dtype=np.uint8), (250, 314, 3))
    task = make_task("door")
    world = World(scene=DoorScene)
    world.reset(task.start_joint_angles, task.instances("training")[0])
    np.testing.assert_array_equal(seen, world.camera((0.0, 0.0, -0.05)).look().image)
    assert (seen != world.camera().look().image).any()
    world.close()


def test_a_camera_that_cannot_be_moved_like_that_is_refused(
    make_driver: Callable[..., Driver],
) -> None:
    with pytest.raises(ValueError, match="three numbers of at most 1 m"):
        make_driver(task="door", camera_shift="[0.0, 0.0, -5.0]")


def test_the_simulator_tells_the_truth(make_driver: Callable[..., Driver]) -> None:
    """Of a drawer that is slammed, and of one that is pushed in: yes, until the next reset."""
    driver = make_driver(task="drawer")
    answer = driver.truth()
    assert (answer.success, answer.message) == (False, "pushed in by 0.0 cm")
    torques = np.array([0.0, 2.5, 0.0, 2.0, 0.0, 0.0, 0.0])
    for _ in range(100):
        driver.tick(torques.tolist())
    answer = driver.truth()
    assert (answer.success, answer.message) == (False, "pushed in by 6.0 cm")
    driver.reset()
    ticks = 0
    while not driver.truth().success:
        driver.tick((0.7 * torques).tolist())
        ticks += 1
        assert ticks < 100, driver.truth().message
    pushed = float(driver.truth().message.split()[-2])
    instance = make_task("drawer").instances("training")[0]
    assert pushed == pytest.approx(100 * (instance.parameters[0] - FRONT[0] - SHUT), abs=1.0)
    driver.reset()
    assert not driver.truth().success


def test_what_nobody_knows_is_refused(make_driver: Callable[..., Driver]) -> None:
    answer = make_driver().truth()
    assert not answer.success
    assert "nothing in the world tells when the task reach is done" in answer.message


def test_reaching_has_no_imu(make_driver: Callable[..., Driver]) -> None:
    """Nobody publishes what is not there."""
    driver = make_driver()
    assert not driver.robot.has_imu and driver.count_publishers("imu/data") == 0
    assert driver.count_publishers("image_raw") == 0  # nor an image that nobody asked for
