"""A bag as a set of data to train from: whose trajectories it holds, and of what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rclpy.serialization import deserialize_message

from adgps_bringup.bags.definitions import define
from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.selection import TRAJECTORIES
from adgps_bringup.bags.topic import BagError
from adgps_core.conversions.messages import optimized_trajectories_from_msg
from adgps_core.optimized import OptimizedTrajectories
from adgps_msgs.msg import OptimizedTrajectories as OptimizedTrajectoriesMsg

_TYPE = "adgps_msgs/msg/OptimizedTrajectories"


@dataclass(frozen=True)
class Batch:
    """What one message holds, which robot it is of, and the message as it was recorded."""

    topic: str
    data: bytes
    optimized: OptimizedTrajectories


@dataclass(frozen=True)
class Survey:
    """What a bag holds to train from.

    Parameters
    ----------
    topics : of trajectories.
    batches : messages of each topic.
    rollouts : of all topics.
    iterations : highest of each topic.
    task, method : of the last message.
    refused : messages that hold no possible trajectories.
    """

    topics: tuple[str, ...]
    batches: dict[str, int]
    rollouts: int
    iterations: dict[str, int]
    task: str
    method: str
    refused: int

    @property
    def robots(self) -> tuple[str, ...]:
        """Namespaces of the robots that the trajectories are of, "/robot_1"."""
        return tuple(robot_of(topic) for topic in self.topics)


def robot_of(topic: str) -> str:
    """Namespace of a topic's robot."""
    return topic.rpartition("/")[0] or "/"


def trajectory_topics(bag: Bag) -> tuple[str, ...]:
    """Names of the topics with trajectories that have any, in the order of their names.

    Raises
    ------
    BagError
        If the bag holds none.
    """
    named = [topic for topic in bag.topics.values() if topic.name.endswith(f"/{TRAJECTORIES}")]
    found = sorted(topic.name for topic in named if topic.type == _TYPE and bag.counts[topic.name])
    if not found:
        raise BagError(f"{bag.path} holds no {TRAJECTORIES}")
    hashes = {bag.topics[name].type_hash for name in found} - {"", define(_TYPE).type_hash}
    if hashes:
        raise BagError(f"{bag.path} was recorded with another definition of {_TYPE}")
    return tuple(found)


def batches(bag: Bag) -> Iterator[Batch | ValueError]:
    """Yield all trajectories of a bag in the order of recording; for impossible ones, why."""
    for message in bag.messages(trajectory_topics(bag)):
        try:
            content = deserialize_message(message.data, OptimizedTrajectoriesMsg)
            optimized = optimized_trajectories_from_msg(content)
        except Exception as error:  # what a deserialiser says of broken data is of no one type
            yield ValueError(f"a message of {message.topic.name}: {error}")
            continue
        yield Batch(message.topic.name, message.data, optimized)


def survey(bag: Bag) -> Survey:
    """Look through a bag.

    Raises
    ------
    BagError
        If it holds no trajectories, or those of several tasks.
    """
    topics = trajectory_topics(bag)
    counts, iterations = dict.fromkeys(topics, 0), dict.fromkeys(topics, 0)
    rollouts, refused, method = 0, 0, ""
    tasks: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for batch in batches(bag):
        if isinstance(batch, ValueError):
            refused += 1
            continue
        counts[batch.topic] += 1
        iterations[batch.topic] = max(iterations[batch.topic], batch.optimized.iteration)
        rollouts += count_new(batch.optimized, seen)
        method = batch.optimized.method
        tasks.add(batch.optimized.instance.task)
    if len(tasks) != 1:
        raise BagError(f"{bag.path} holds trajectories of {', '.join(sorted(tasks)) or 'no task'}")
    return Survey(topics, counts, rollouts, iterations, tasks.pop(), method, refused)


def count_new(optimized: OptimizedTrajectories, seen: set[tuple[str, str]]) -> int:
    """Count the rollouts that were not seen before, and note them as seen.

    Under alternations the same rollouts are published again with other labels.
    """
    names = {(optimized.instance.id, sample.rollout_id) for sample in optimized.samples}
    new = len(names - seen)
    seen |= names
    return new
