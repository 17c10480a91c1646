"""Reads recordings of demonstrations out of a bag.

/robot_1/demonstrated_instance   adgps_msgs/Instance; what follows in the bag is a demonstration of
                                 it. An empty id ends one: what follows belongs to none
/robot_1/joint_states            sensor_msgs/JointState
/robot_1/imu/data                sensor_msgs/Imu, where there is one
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Imu, JointState

from adgps_bringup.bags.definitions import define
from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.selection import DEMONSTRATION
from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import BagError
from adgps_bringup.demo_bags.recording import Recording
from adgps_core.conversions.messages import instance_from_msg, ns_from_stamp
from adgps_core.conversions.sensors import imu_row_from_msg
from adgps_core.measurements import DIM_IMU
from adgps_core.tasks import Instance
from adgps_core.typing import Array
from adgps_msgs.msg import Instance as InstanceMessage
from adgps_robot.joint_states import StateFilter

STATES, IMU, INSTANCE = DEMONSTRATION
_TYPES: dict[str, Any] = {STATES: JointState, IMU: Imu, INSTANCE: InstanceMessage}
_NAMES = {
    STATES: "sensor_msgs/msg/JointState",
    IMU: "sensor_msgs/msg/Imu",
    INSTANCE: "adgps_msgs/msg/Instance",
}


@dataclass
class _Open:
    """A demonstration that is being read."""

    instance: Instance
    states: StateFilter
    stamps: list[float] = field(default_factory=list)
    angles: list[Array] = field(default_factory=list)
    velocities: list[Array] = field(default_factory=list)
    imu_stamps: list[float] = field(default_factory=list)
    imu: list[Array] = field(default_factory=list)

    def take_state(self, message: JointState) -> None:
        """Note a joint state, unless it is none of the arm's or tells nothing new."""
        stamp_ns = ns_from_stamp(message.header.stamp)
        names = message.name
        sample = self.states.take(stamp_ns, names, message.position, message.velocity, now=0.0)
        if sample is not None:
            self.stamps.append(stamp_ns / 1e9)
            self.angles.append(sample.angles)
            self.velocities.append(sample.velocities)

    def take_imu(self, message: Imu) -> None:
        """Note a reading, unless it tells nothing new; ValueError if it cannot be one."""
        stamp = ns_from_stamp(message.header.stamp) / 1e9
        if not self.imu_stamps or stamp > self.imu_stamps[-1]:
            self.imu.append(imu_row_from_msg(message))
            self.imu_stamps.append(stamp)

    @property
    def recording(self) -> Recording:
        """All of it; ValueError if the arm was never seen."""
        if not self.stamps:
            raise ValueError(f"no joint state in it has {', '.join(self.states.names)}")
        return Recording(
            self.instance,
            np.array(self.stamps),
            np.array(self.angles),
            np.array(self.velocities),
            np.array(self.imu_stamps),
            np.array(self.imu).reshape(-1, DIM_IMU),
        )


def robots_shown(bag: Bag) -> tuple[str, ...]:
    """Namespaces of the robots that demonstrate something.

    Raises
    ------
    BagError
        If there is none, or a topic's messages are others than expected.
    """
    ending = f"/{INSTANCE}"
    found = sorted(name for name in bag.topics if name.endswith(ending) and bag.counts[name])
    if not found:
        raise BagError(f"{bag.path} holds no demonstrations")
    namespaces = tuple(name.removesuffix(ending) for name in found)
    for namespace in namespaces:
        for part, expected in _NAMES.items():
            topic = bag.topics.get(f"{namespace}/{part}")
            if topic is None and part == STATES:
                raise BagError(f"{bag.path} holds no {namespace}/{part}")
            if topic is not None and topic.type != expected:
                raise BagError(f"{bag.path}: {topic.name} is {topic.type}, not {expected}")
            if topic is not None and topic.type_hash not in ("", define(expected).type_hash):
                raise BagError(f"{bag.path} was recorded with another definition of {expected}")
    return namespaces


def read(
    bag: Bag, joint_names: Mapping[str, Sequence[str]]
) -> tuple[list[tuple[str, Recording]], list[str]]:
    """Read all demonstrations of a bag: each with its robot, and what could not be read.

    Parameters
    ----------
    bag : open.
    joint_names : of the arm, by the namespaces of `robots_shown`.

    Raises
    ------
    BagError
        If the bag is damaged.
    """
    topics = {f"{robot}/{part}": (robot, part) for robot in joint_names for part in _TYPES}
    open_now: dict[str, _Open] = {}
    done: list[tuple[str, _Open]] = []
    refused: dict[str, list[str]] = {}
    for message in bag.messages(topics):
        robot, part = topics[message.topic.name]
        try:
            content = _content(message, part)
            if part == INSTANCE:
                if robot in open_now:
                    done.append((robot, open_now.pop(robot)))
                if content.id:
                    states = StateFilter(joint_names[robot])
                    open_now[robot] = _Open(instance_from_msg(content), states)
            elif robot in open_now:
                take = open_now[robot].take_state if part == STATES else open_now[robot].take_imu
                take(content)
        except ValueError as error:
            refused.setdefault(message.topic.name, []).append(str(error))
    trouble = [
        f"{len(reasons)} messages of {name} are refused, the first: {reasons[0]}"
        for name, reasons in refused.items()
    ]
    recordings = []
    for robot, each in (*done, *open_now.items()):
        try:
            recordings.append((robot, each.recording))
        except ValueError as error:
            trouble.append(f"{each.instance.id}: {error}")
    return recordings, trouble


def _content(message: Message, part: str) -> Any:
    """Deserialise a message; ValueError if it is broken."""
    try:
        return deserialize_message(message.data, _TYPES[part])
    except Exception as error:  # what a deserialiser says of broken data is of no one type
        raise ValueError(f"it is broken ({error})") from error
