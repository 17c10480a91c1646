"""Topics, messages and bags for tests; no ROS."""

from collections.abc import Iterable
from pathlib import Path

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import Topic
from adgps_bringup.bags.writer import BagWriter

FOREVER = QosTime(9223372036, 854775807)
STORAGES = ("mcap", "sqlite3")


def quality(*, latched: bool) -> Qos:
    """Profile of a reliable publisher."""
    return Qos(
        QosHistory.UNKNOWN,
        0,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        FOREVER,
        FOREVER,
        QosLiveliness.AUTOMATIC,
        FOREVER,
        False,
    )


TRAJECTORIES = Topic(
    "/robot_1/optimized_trajectories",
    "adgps_msgs/msg/OptimizedTrajectories",
    qos=(quality(latched=True),),
)
DIAGNOSTICS = Topic(
    "/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", qos=(quality(latched=False),)
)


def message(topic: Topic, number: int, size: int = 200) -> Message:
    """A message whose data tells its number; what it says is not CDR of the type."""
    data = number.to_bytes(8, "little") + bytes(range(256)) * (size // 256 + 1)
    return Message(topic, 1_700_000_000_000_000_000 + number * 1_000_000, data[:size], 0)


def write(folder: Path, storage: str, messages: Iterable[Message]) -> None:
    """Write a whole bag, or go on with one."""
    with BagWriter(folder, storage) as writer:
        for each in messages:
            writer.write(each, flush=False)


def mixed(count: int, start: int = 0) -> list[Message]:
    """Messages of two topics in turn, some of them large."""
    return [
        message(TRAJECTORIES, number, 9000) if number % 3 == 0 else message(DIAGNOSTICS, number)
        for number in range(start, start + count)
    ]


def large_or_small(number: int) -> Message:
    """A message of trajectories; every other one is smaller than any buffer."""
    return message(TRAJECTORIES, 2 * number + 1, 100_000 if number % 2 else 100)
