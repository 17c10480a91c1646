"""Bags of demonstrations, as robots and recorders make them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Imu, JointState

from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import Topic
from adgps_bringup.bags.writer import BagWriter
from adgps_bringup.demo_bags.recording import Recording
from adgps_core.conversions.messages import instance_to_msg, stamp_from_ns
from adgps_core.tasks import Instance

JOINTS = tuple(f"panda_joint{number}" for number in (3, 1, 2, 7, 6, 5, 4))
"""In an order of the driver's own, with something else among them."""

TYPES = {
    "joint_states": "sensor_msgs/msg/JointState",
    "imu/data": "sensor_msgs/msg/Imu",
    "demonstrated_instance": "adgps_msgs/msg/Instance",
}
BEGIN_NS = 1_700_000_000_000_000_000


def topic(part: str, robot: str = "/robot_1") -> Topic:
    """One of a robot's topics."""
    return Topic(f"{robot}/{part}", TYPES[part])


def announcement(instance: Instance, robot: str = "/robot_1", at: float = 0.0) -> Message:
    """What begins a demonstration."""
    return _message(topic("demonstrated_instance", robot), instance_to_msg(instance), at)


def messages(
    recording: Recording, robot: str = "/robot_1", after: float = 0.0
) -> Iterator[Message]:
    """All messages of a demonstration in their order, some time after the bag begins [s].

    Their stamps are of the robot's own clock.
    """
    yield announcement(recording.instance, robot, after)
    order = [int(name[-1]) - 1 for name in JOINTS]
    states = zip(recording.stamps, recording.angles, recording.velocities, strict=True)
    content: list[tuple[float, Topic, Any]] = []
    for stamp, angles, velocities in states:
        state = JointState(
            name=["panda_finger_joint1", *JOINTS],
            position=[0.02, *angles[order].tolist()],
            velocity=[0.0, *velocities[order].tolist()],
            effort=[0.0] * 8,
        )
        state.header.stamp = stamp_from_ns(round(stamp * 1e9))
        content.append((float(stamp), topic("joint_states", robot), state))
    for stamp, row in zip(recording.imu_stamps, recording.imu, strict=True):
        content.append((float(stamp), topic("imu/data", robot), _imu(float(stamp), row.tolist())))
    for stamp, of, message in sorted(content, key=lambda each: each[0]):
        yield _message(of, message, after + 1.0 + stamp)


def write_bag(
    folder: Path, recordings: Iterable[Recording], storage: str = "mcap", robot: str = "/robot_1"
) -> Path:
    """Write a bag of demonstrations; its path."""
    with BagWriter(folder, storage) as writer:
        for index, recording in enumerate(recordings):
            for message in messages(recording, robot, after=100.0 * index):
                writer.write(message, flush=False)
    return folder


def _imu(stamp: float, row: Sequence[float]) -> Imu:
    message = Imu()
    message.header.stamp = stamp_from_ns(round(stamp * 1e9))
    for name, values in (
        ("orientation", dict(zip("xyzw", row[:4], strict=True))),
        ("angular_velocity", dict(zip("xyz", row[4:7], strict=True))),
        ("linear_acceleration", dict(zip("xyz", row[7:], strict=True))),
    ):
        for axis, value in values.items():
            setattr(getattr(message, name), axis, value)
    return message


def _message(of: Topic, content: Any, at: float) -> Message:
    return Message(of, BEGIN_NS + round(np.float64(at) * 1e9), serialize_message(content))
