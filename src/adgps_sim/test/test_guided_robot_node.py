"""The guided robot over real DDS: it waits for whom it shows it to, and nothing of it is lost."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Imu, JointState  # noqa: E402

from adgps_core.conversions.messages import ns_from_stamp  # noqa: E402
from adgps_core.tasks import make_task  # noqa: E402
from adgps_core.tasks.finding import find_instances  # noqa: E402
from adgps_msgs.msg import Instance  # noqa: E402
from adgps_sim.nodes.guided_robot import GuidedRobot  # noqa: E402
from adgps_sim.nodes.publishing import LATCHED  # noqa: E402

PATIENCE = 30.0
COUNT = itertools.count(1)
STATES = 1 + round(120 * (0.5 + 4.0 + 0.5))
"""States of one demonstration: at its start, and then 120 a second."""

TASK = make_task("drawer")
ALL = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)


class Stage:
    """A guided robot and who watches it."""

    def __init__(self, **parameters: Any) -> None:
        arguments = [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
        namespace = f"__ns:=/guided_{next(COUNT)}"
        rclpy.init(args=["--ros-args", "-r", namespace, "-r", "/clock:=clock", *arguments])
        self.robot = GuidedRobot()
        self.watcher = Node("watcher")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.robot)
        self.executor.add_node(self.watcher)
        self._heard: list[tuple[int, str, Any]] = []

    @property
    def heard(self) -> list[tuple[str, Any]]:
        """Topics and messages in the order of sending; a busy listener takes them in another."""
        return [each[1:] for each in sorted(self._heard, key=lambda each: each[0])]

    def listen(self, kind: Any, topic: str, quality: QoSProfile) -> None:
        """Note a topic's messages, with the time at which they were sent."""

        def note(message: Any, info: dict[str, Any]) -> None:
            self._heard.append((info["source_timestamp"], topic, message))

        self.watcher.create_subscription(kind, topic, note, quality)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def of(self, topic: str) -> list[Any]:
        """Messages of a topic."""
        return [message for name, message in self.heard if name == topic]

    def close(self) -> None:
        """Take it down."""
        self.executor.shutdown()
        self.robot.destroy_node()
        self.watcher.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def make_stage() -> Iterator[Callable[..., Stage]]:
    """Stages that are taken down at the end."""
    stages: list[Stage] = []

    def make(**parameters: Any) -> Stage:
        stages.append(Stage(**parameters))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()
    rclpy.try_shutdown()


def test_two_demonstrations_are_heard_whole(make_stage: Callable[..., Stage]) -> None:
    """After each announcement one demonstration: all states, each with its reading, gently shut."""
    ids = ["training/0", "test/1"]
    stage = make_stage(task="drawer", instances=str(ids).replace("'", '"'), real_time_factor=10.0)
    stage.listen(JointState, "joint_states", ALL)
    stage.listen(Imu, "imu/data", ALL)
    topics = ("joint_states", "imu/data")
    stage.until(
        lambda: all(stage.watcher.count_publishers(topic) == 1 for topic in topics), "the topics"
    )
    for _ in range(20):
        stage.executor.spin_once(timeout_sec=0.05)
    assert not stage.heard  # nobody would hear the instance's name yet
    stage.listen(Instance, "demonstrated_instance", LATCHED)
    stage.until(lambda: stage.robot.done, "the end")
    for topic in topics:
        stage.until(lambda name=topic: len(stage.of(name)) == 2 * STATES, "the last states")
    assert stage.robot.acknowledged() and not stage.robot.failure

    assert [each.id for each in stage.of("demonstrated_instance")] == ids
    names = [name for name, _ in stage.heard]
    first, second = (i for i, name in enumerate(names) if name == "demonstrated_instance")
    assert first == 0 and names[first:second].count("joint_states") == STATES
    states, readings = stage.of("joint_states"), stage.of("imu/data")
    stamps = [ns_from_stamp(each.header.stamp) for each in states]
    assert stamps == [ns_from_stamp(each.header.stamp) for each in readings]
    assert (np.diff(stamps) > 8_000_000).all()
    angles = np.array([each.position[:7] for each in states]).reshape(2, STATES, 7)
    np.testing.assert_array_equal(angles[:, 0], [TASK.start_joint_angles] * 2)
    assert np.abs(np.diff(angles, axis=1)).max() < 0.5 / 120
    assert not np.allclose(*angles[:, -1], atol=1e-3)  # towards another goal
    felt = np.array([each.linear_acceleration.x for each in readings])
    assert abs(felt.sum() / 120) < 0.1  # from rest to rest


def test_nobody_who_records_is_an_error_with_the_topics(make_stage: Callable[..., Stage]) -> None:
    """After its patience, and nothing was shown."""
    stage = make_stage(patience=0.2)
    stage.until(lambda: stage.robot.failure, "the failure")
    assert "joint_states" in stage.robot.failure and "imu" not in stage.robot.failure
    assert not stage.robot.done


def test_strange_instances_are_refused() -> None:
    """With those that there are; also for whoever asks without ROS."""
    with pytest.raises(ValueError, match="no instance 'training/99'; it has training/0 to"):
        find_instances(TASK, ["training/0", "training/99"])
    rclpy.init(args=["--ros-args", "-p", 'instances:=["nowhere/0"]'])
    with pytest.raises(ValueError, match="nowhere/0"):
        GuidedRobot()
    rclpy.shutdown()
