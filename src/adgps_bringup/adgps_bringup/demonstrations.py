"""Demonstrations while a recorder runs: by a guided simulated arm, or by a person's hand.

A real arm is moved by hand in its own gravity compensation. Nothing here, and nothing that is
started for it, sends a torque.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import Imu, JointState

from adgps_bringup.bags.selection import DEMONSTRATION
from adgps_bringup.description import RECORDER, NodeDescription
from adgps_bringup.keyboard import Keyboard
from adgps_bringup.real_robots import RealRobot
from adgps_bringup.ros_node import watch_diagnostics
from adgps_bringup.session import Session
from adgps_core.conversions.messages import instance_to_msg
from adgps_core.tasks import Instance, Task
from adgps_msgs.msg import Instance as InstanceMessage

PERIOD = 0.05  # [s] between two looks
PATIENCE = 10.0  # [s] for states, readings and the recorder
SILENCE = 1.0  # [s] without a joint state before a word of warning
NEAR_START = 0.2  # [rad]
ENTER = "\r\n"
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)

Show = Callable[[str], None]


def await_guided_robot(
    session: Session, robot: NodeDescription, instances: Sequence[Instance], show: Show
) -> None:
    """Wait until a guided robot has shown all instances, and the recorder has written it.

    Raises
    ------
    RuntimeError
        If the robot ended without that.
    """
    (name,) = robot.full_node_names
    lines = [
        f"demonstrating {each.id} ({number} of {len(instances)})"
        for number, each in enumerate(instances, 1)
    ]
    begun = 0
    recorded: list[str] = []

    def on_diagnostics(node: str, values: dict[str, str]) -> None:
        nonlocal begun
        if node == name:
            begun = int(values["begun"])
        if node == f"/{RECORDER}":
            recorded.append(values["messages"])

    watch_diagnostics(session.node, on_diagnostics)
    while (status := session.supervisor.ended.get(robot.name)) is None:
        while len(instances) - len(lines) < begun:
            show(lines.pop(0))
        session.tick()
        time.sleep(PERIOD)
    if status:
        log = session.supervisor.log_file(robot.name)
        raise RuntimeError(f"{robot.name} has not shown everything, its output is in {log}")
    for line in lines:  # of demonstrations that were over before anything was heard of them
        show(line)
    recorded.clear()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not (len(recorded) > 1 and recorded[-1] == recorded[-2]):
        session.tick()
        time.sleep(PERIOD)


class HandLedArm:
    """A real arm that a person leads by hand, and tells when demonstrations begin and end.

    Parameters
    ----------
    session : what runs: the recorder, and the drivers of the robot's sensors.
    arm : the robot.
    task : what is demonstrated.
    keyboard : where Enter is pressed.
    show : called with one line for the person.
    """

    def __init__(
        self, session: Session, arm: RealRobot, task: Task, keyboard: Keyboard, show: Show
    ) -> None:
        self._session = session
        self._arm = arm
        self._task = task
        self._keyboard = keyboard
        self._show = show
        self._angles: dict[str, float] = {}
        self._heard = {"joint states": float("-inf"), "IMU readings": float("-inf")}
        node, space = session.node, arm.namespace
        _, readings, announced = (f"{space}/{topic}" for topic in DEMONSTRATION)
        self._topics = [arm.states_topic, announced]
        node.create_subscription(
            JointState, arm.states_topic, self._on_states, qos_profile_sensor_data
        )
        if arm.imu is not None:
            self._topics.append(readings)
            node.create_subscription(Imu, readings, self._on_reading, qos_profile_sensor_data)
        self._announcements = node.create_publisher(InstanceMessage, announced, LATCHED)

    def demonstrate(self, instances: Sequence[Instance]) -> None:
        """Ask for a demonstration of each instance.

        Raises
        ------
        RuntimeError
            If the arm or its sensors say nothing, or nobody records.
        """
        arm, show = self._arm, self._show
        self._await("joint states", arm.states_topic, "is the arm's driver running?")
        if arm.imu is not None:
            self._await(
                "IMU readings", f"{arm.namespace}/{DEMONSTRATION[1]}", "is the IMU connected?"
            )
        self._await_recorder()
        show("nothing started here sends torques to the arm: let it compensate gravity by itself,")
        show("and lead it by hand. Enter begins and ends a demonstration, q ends all of it.")
        for number, instance in enumerate(instances, 1):
            place = f"{instance.id} ({number} of {len(instances)}), {_numbers(instance)}"
            show(f"{place}: Enter to begin")
            if not self._key_at_start():
                break
            self._announcements.publish(instance_to_msg(instance))
            show(f"recording {instance.id}: Enter to end")
            go_on = self._key()
            # An instance without an id: until the next one nothing is demonstrated.
            self._announcements.publish(InstanceMessage(task=self._task.name))
            if not go_on:
                break
        self._let_recorder_write()

    def _on_states(self, message: JointState) -> None:
        self._angles = dict(zip(message.name, message.position, strict=False))
        self._heard["joint states"] = time.monotonic()

    def _on_reading(self, message: Imu) -> None:
        self._heard["IMU readings"] = time.monotonic()

    def _tick(self) -> None:
        self._session.tick()
        time.sleep(PERIOD)

    def _await(self, what: str, topic: str, hint: str) -> None:
        """Wait for the first of some messages."""
        end = time.monotonic() + PATIENCE
        while self._heard[what] < 0:
            if time.monotonic() > end:
                domain = self._session.domain_id
                raise RuntimeError(
                    f"no {what} on {topic} within {PATIENCE:.0f} s (ROS_DOMAIN_ID={domain}): {hint}"
                )
            self._tick()

    def _await_recorder(self) -> None:
        """Wait until all that matters is recorded."""
        node, end = self._session.node, time.monotonic() + PATIENCE
        missing = self._topics
        while missing:
            if time.monotonic() > end:
                raise RuntimeError(f"nobody records {', '.join(missing)}")
            self._tick()
            missing = [
                topic
                for topic in missing
                if all(
                    each.node_name != RECORDER
                    for each in node.get_subscriptions_info_by_topic(topic)
                )
            ]

    def _key_at_start(self) -> bool:
        """Wait for Enter; asked for twice where the arm is far from the task's start."""
        if not self._key():
            return False
        joint, distance = self._farthest()
        if distance <= NEAR_START:
            return True
        self._show(
            f"{joint} is {distance:.2f} rad from where rollouts start:"
            " move it there, or begin here; Enter to begin"
        )
        return self._key()

    def _farthest(self) -> tuple[str, float]:
        """The joint that is farthest from the start, and how far [rad]."""
        names = self._arm.joint_names
        angles = np.array([self._angles.get(name, np.nan) for name in names])
        away = np.abs(angles - self._task.start_joint_angles)
        worst = int(np.argmax(away))  # a joint that is missing is the worst
        return names[worst], float(away[worst])

    def _key(self) -> bool:
        """Wait for Enter: True, or q: False; warn where the arm has fallen silent."""
        warned: set[str] = set()
        while True:
            self._tick()
            pressed = self._keyboard.read()
            if "q" in pressed:
                return False
            if any(key in ENTER for key in pressed):
                return True
            now = time.monotonic()
            silent = {what for what, at in self._heard.items() if 0 < at < now - SILENCE}
            for what in sorted(silent - warned):
                self._show(f"no {what} any more")
            warned = silent

    def _let_recorder_write(self) -> None:
        """Give the recorder the time to write what was announced last."""
        self._announcements.wait_for_all_acked()
        end = time.monotonic() + 2 * SILENCE
        while time.monotonic() < end:
            self._tick()


def _numbers(instance: Instance) -> str:
    """What a person needs to know to set the scene; of a goal's points, the first is enough."""
    points = len(instance.parameters) == 9
    numbers = " ".join(f"{each:.3f}" for each in instance.parameters[: 3 if points else None])
    return f"goal {numbers} m" if points else numbers
