"""Demonstrations from the command line, into bags as readers expect them."""

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Imu, JointState
from stack_process import StackProcess, wait_for

from adgps_bringup.bags.reader import Bag
from adgps_bringup.domain import free_domain
from adgps_core.tasks import make_task
from adgps_core.tasks.drawer import SHUT
from adgps_core.tasks.finding import find_instances
from adgps_msgs.msg import Instance
from adgps_robot.kinematics import Kinematics
from adgps_sim.world import JOINT_NAMES, URDF

Command = Callable[..., StackProcess]
DRAWER = make_task("drawer")
KINDS = {"joint_states": JointState, "imu/data": Imu, "demonstrated_instance": Instance}


def read(bag: Path) -> list[tuple[str, Any]]:
    """Topics within /robot_1, and messages, in the order of recording."""
    with Bag(bag, pytest.fail) as content:
        names = [(m.topic.name.removeprefix("/robot_1/"), m.data) for m in content.messages()]
    return [(name, deserialize_message(data, KINDS[name])) for name, data in names]


def test_simulated_arms_demonstrate_by_themselves(command: Command, tmp_path: Path) -> None:
    """Two instances, one after the other: all states, all readings, and the drawer is shut."""
    ids = ["training/0", "test/1"]
    bag = tmp_path / "demonstrations"
    arguments = ["--demo", bag, "--task", "drawer", "--instance", *ids, "--real-time-factor", 5]
    process = command("record", *arguments)
    process.succeed()
    assert not process.left_behind
    for number, name in enumerate(ids, 1):
        assert process.output.count(f"demonstrating {name} ({number} of 2)") == 1
    messages = read(bag)
    names = [name for name, _ in messages]
    begins = [i for i, name in enumerate(names) if name == "demonstrated_instance"]
    assert [messages[i][1].id for i in begins] == ids and begins[0] == 0
    kinematics = Kinematics(URDF, JOINT_NAMES)
    for instance, begin, end in zip(
        find_instances(DRAWER, ids), begins, [*begins[1:], None], strict=True
    ):
        part = messages[begin:end]
        states = [message for name, message in part if name == "joint_states"]
        stamps = [message.header.stamp for message in states]
        assert [m.header.stamp for name, m in part if name == "imu/data"] == stamps
        assert len(states) == 601  # 5 s
        angles, velocities = states[-1].position[:7], states[-1].velocity[:7]
        last = kinematics.state(np.array(angles), np.array(velocities))
        assert DRAWER.distance(last, instance) < SHUT / 3


class HandLed:
    """`adgps record --demo` on a real arm, in a terminal of its own."""

    def __init__(self, folder: Path, domain: int, *arguments: object) -> None:
        self._master, terminal = pty.openpty()
        self._read: list[bytes] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "adgps_bringup.cli", "record", *map(str, arguments)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env={**os.environ, "ROS_DOMAIN_ID": str(domain), "COLUMNS": "200"},
            start_new_session=True,
            preexec_fn=lambda: _make_it_the_terminal(terminal),
        )
        os.close(terminal)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        try:
            while data := os.read(self._master, 4096):
                self._read.append(data)
        except OSError:
            pass  # nobody holds the terminal any more

    @property
    def output(self) -> str:
        """All that was printed."""
        return b"".join(self._read).decode().replace("\r\n", "\n")

    def press_enter_at(self, line: str) -> None:
        """Answer a line."""
        wait_for(lambda: self._shows(line), line)
        os.write(self._master, b"\n")

    def _shows(self, line: str) -> bool:
        assert line in self.output or self.process.poll() is None, self.output
        return line in self.output

    def close(self) -> None:
        """Take it down."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._thread.join()
        os.close(self._master)


def _make_it_the_terminal(descriptor: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


@pytest.fixture
def wrist() -> Iterator[str]:
    """Port of an IMU that lies still."""
    far, near = pty.openpty()
    os.set_blocking(far, False)
    stop = threading.Event()

    def speak() -> None:
        while not stop.wait(0.01):
            try:
                os.write(far, b"0.0,0.0,9.81,0.0,0.0,0.0,0.0,0.0,0.0,1.0\n")
            except BlockingIOError:
                continue  # nobody reads yet

    thread = threading.Thread(target=speak)
    thread.start()
    yield os.ttyname(near)
    stop.set()
    thread.join()
    os.close(far)
    os.close(near)


@pytest.fixture
def lead() -> Iterator[Callable[[int], Node]]:
    """Drivers of an arm that is moved by hand: a joint turns with time."""
    contexts: list[Context] = []
    nodes: list[Node] = []
    threads: list[threading.Thread] = []
    stop = threading.Event()

    def start(domain: int) -> Node:
        contexts.append(context := Context())
        rclpy.init(args=[], context=context, domain_id=domain)
        nodes.append(node := Node("driver", context=context))
        states = node.create_publisher(JointState, "/arm/joint_states", qos_profile_sensor_data)

        def speak() -> None:
            begin = time.monotonic()
            while not stop.wait(0.01):
                angles = DRAWER.start_joint_angles + 0.01 * (time.monotonic() - begin)
                message = JointState(name=JOINT_NAMES, position=angles, velocity=[0.01] * 7)
                message.header.stamp = node.get_clock().now().to_msg()
                states.publish(message)

        threads.append(thread := threading.Thread(target=speak))
        thread.start()
        return node

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    for node, context in zip(nodes, contexts, strict=True):
        node.destroy_node()
        context.try_shutdown()


def test_a_person_demonstrates_on_a_real_arm(
    tmp_path: Path, wrist: str, lead: Callable[[int], Node]
) -> None:
    """Enter by Enter; the arm's own topic is recorded under the robot's name, its IMU is read."""
    (tmp_path / "arm.urdf").write_text("<robot/>")
    (tmp_path / "robots.yaml").write_text(
        "robots: [{namespace: /robot_1, urdf: arm.urdf, joint_states: /arm/joint_states,"
        f" commands: /arm/commands, imu: {{port: {wrist}, protocol: csv}}}}]"
    )
    arguments = ["--robots-file", "robots.yaml", "--instance", "training/0", "training/1"]
    with free_domain() as domain:
        driver = lead(domain)
        person = HandLed(tmp_path, domain, "--demo", "bag", "--task", "drawer", *arguments)
        try:
            for number in (0, 1):
                person.press_enter_at(f"training/{number} ({number + 1} of 2)")
                topics = dict(driver.get_topic_names_and_types())
                person.press_enter_at(f"recording training/{number}: Enter to end")
            assert person.process.wait(20) == 0, person.output
        finally:
            person.close()
    assert not any(re.search("command|armed", topic) for topic in topics)
    messages = read(tmp_path / "bag")
    names = [name for name, _ in messages]
    ids = [message.id for name, message in messages if name == "demonstrated_instance"]
    assert ids == ["training/0", "", "training/1", ""]
    begin, end = (
        next(i for i, (n, m) in enumerate(messages) if n == "demonstrated_instance" and m.id == id_)
        for id_ in ("training/0", "")
    )
    assert {"joint_states", "imu/data"} <= set(names)
    shown = [m.position[0] for n, m in messages[begin:end] if n == "joint_states"]
    assert len(shown) > 1 and shown[-1] > shown[0]
