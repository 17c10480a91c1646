"""A person at the terminal, and an arm that is led by hand: what is announced, and when."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.context import Context  # noqa: E402
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from sensor_msgs.msg import Imu, JointState  # noqa: E402

from adgps_bringup import demonstrations  # noqa: E402
from adgps_bringup.demonstrations import LATCHED, NEAR_START, HandLedArm  # noqa: E402
from adgps_bringup.domain import free_domain  # noqa: E402
from adgps_bringup.real_robots import RealRobot  # noqa: E402
from adgps_bringup.ros_node import RosNode  # noqa: E402
from adgps_core.tasks import make_task  # noqa: E402
from adgps_msgs.msg import Instance  # noqa: E402

TASK = make_task("drawer")
ONE, TWO = TASK.instances("training")[:2]


class Person:
    """Presses keys when lines ask for it."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)
        self.lines: list[str] = []
        self._asked = 0

    def show(self, line: str) -> None:
        """Read a line."""
        self.lines.append(line)
        self._asked += "Enter to " in line

    def read(self) -> str:
        """Press the next key, once for every question."""
        if not self._asked:
            return ""
        self._asked -= 1
        return self._keys.pop(0)


@dataclass
class Session:
    """What `HandLedArm` needs of a session."""

    node: Node
    domain_id: int
    on_tick: Callable[[], None] = field(default=lambda: None)

    def tick(self) -> None:
        """Nothing has died."""
        self.on_tick()


class Arm:
    """An arm's driver and an IMU that speak, and a recorder that listens."""

    def __init__(self, domain_id: int) -> None:
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=domain_id)
        self.driver = Node("driver", context=self._context)
        self.recorder = Node("recorder", context=self._context)
        self.angles = TASK.start_joint_angles.copy()
        self.heard: list[str] = []
        self._states = self.driver.create_publisher(
            JointState, "/arm/states", qos_profile_sensor_data
        )
        self._readings = self.driver.create_publisher(
            Imu, "/robot_1/imu/data", qos_profile_sensor_data
        )
        self.driver.create_timer(0.01, self._speak)
        self.speaks = True
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.driver)
        self._executor.add_node(self.recorder)
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def record(self) -> None:
        """Listen to all that a recorder would."""
        listen = self.recorder.create_subscription
        listen(JointState, "/arm/states", lambda _: None, qos_profile_sensor_data)
        listen(Imu, "/robot_1/imu/data", lambda _: None, qos_profile_sensor_data)
        listen(Instance, "/robot_1/demonstrated_instance", self._on_instance, LATCHED)

    def _on_instance(self, message: Instance) -> None:
        assert message.task == TASK.name
        self.heard.append(message.id)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def _speak(self) -> None:
        if self.speaks:
            names = [f"panda_joint{i}" for i in range(1, 8)]
            self._states.publish(JointState(name=names, position=self.angles.tolist()))
            self._readings.publish(Imu())

    def close(self) -> None:
        """Take it down."""
        self._executor.shutdown()
        self._thread.join()
        self.driver.destroy_node()
        self.recorder.destroy_node()
        self._context.try_shutdown()


@pytest.fixture(scope="module")
def domain() -> Iterator[int]:
    """A domain in which nobody else is heard."""
    with free_domain() as number:
        yield number


@pytest.fixture
def arm(domain: int) -> Iterator[Arm]:
    """An arm that speaks."""
    made = Arm(domain)
    yield made
    made.close()


@pytest.fixture
def session(domain: int) -> Iterator[Session]:
    """A node of the command line."""
    with RosNode("adgps", domain) as ros:
        yield Session(ros.node, domain)


@pytest.fixture
def robot(tmp_path: Path) -> RealRobot:
    """An entry of a file of robots."""
    (tmp_path / "arm.urdf").write_text("<robot/>")
    urdf = str(tmp_path / "arm.urdf")
    return RealRobot("/robot_1", urdf, "/arm/states", "/arm/commands", imu={"port": "/dev/null"})


def led(session: Any, robot: RealRobot, person: Any) -> HandLedArm:
    """What is tested."""
    return HandLedArm(session, robot, TASK, person, person.show)


def test_enter_begins_and_ends_each_demonstration(
    session: Session, robot: RealRobot, arm: Arm
) -> None:
    """An instance is announced at its begin, none at its end; q ends all of it early."""
    arm.record()
    person = Person(["\n", "\r", "\n", "q"])
    led(session, robot, person).demonstrate((ONE, TWO, ONE))
    assert arm.heard == [ONE.id, "", TWO.id, ""]
    assert person.lines[0].startswith("nothing started here sends torques")
    asked = [line for line in person.lines if "Enter to" in line]
    assert (
        asked[0]
        == f"training/0 (1 of 3), goal {ONE.parameters[0]:.3f} "
        + " ".join(f"{each:.3f}" for each in ONE.parameters[1:3])
        + " m: Enter to begin"
    )
    assert asked[1] == "recording training/0: Enter to end"
    topics = dict(session.node.get_topic_names_and_types())
    assert not any("command" in topic for topic in topics)  # nothing could move an arm


def test_an_arm_far_from_its_start_is_asked_about_once_more(
    session: Session, robot: RealRobot, arm: Arm
) -> None:
    """Naming the joint that is farthest; a person may begin there all the same, or not."""
    arm.record()
    arm.angles = TASK.start_joint_angles + (NEAR_START + 0.1) * np.eye(7)[3]
    person = Person(["\n", "q"])
    led(session, robot, person).demonstrate((ONE,))
    assert arm.heard == []
    assert person.lines[-1].startswith("panda_joint4 is 0.30 rad from where rollouts start")


def test_silence_is_an_error_at_the_start_and_a_warning_later(
    session: Session, robot: RealRobot, domain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With topic and domain; whether nobody speaks, or nobody records."""
    monkeypatch.setattr(demonstrations, "PATIENCE", 0.5)
    with pytest.raises(RuntimeError, match=rf"no joint states on /arm/states .*ID={domain}\)"):
        led(session, robot, Person([])).demonstrate((ONE,))
    monkeypatch.setattr(demonstrations, "PATIENCE", 5.0)
    monkeypatch.setattr(demonstrations, "SILENCE", 0.2)
    arm = Arm(domain)
    try:
        hand_led = led(session, robot, person := Person(["\n", "\n"]))
        arm.record()
        recording = False

        def fall_silent() -> None:
            """While the first demonstration is under way, until that was noticed."""
            nonlocal recording
            recording = recording or any("recording" in line for line in person.lines)
            arm.speaks = not recording

        session.on_tick = fall_silent
        monkeypatch.setattr(person, "read", patient(person, "no joint states any more"))
        hand_led.demonstrate((ONE,))
        assert person.lines[-2:] == ["no IMU readings any more", "no joint states any more"]
        assert arm.heard == [ONE.id, ""]
    finally:
        arm.close()


def patient(person: Person, line: str) -> Callable[[], str]:
    """Keys of a person who begins, and ends only when a line has been shown."""
    end = time.monotonic() + 20.0

    def read() -> str:
        assert time.monotonic() < end, person.lines
        asked = [each for each in person.lines if "Enter to" in each]
        if not asked:
            return ""
        return "\n" if "begin" in asked[-1] or line in person.lines else ""

    return read


def test_nobody_who_records_is_an_error(
    session: Session, robot: RealRobot, arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is not recorded."""
    monkeypatch.setattr(demonstrations, "PATIENCE", 3.0)
    with pytest.raises(RuntimeError, match="nobody records /arm/states, /robot_1/dem"):
        led(session, robot, Person([])).demonstrate((ONE,))
