"""The other members of the collective, as a local worker sees them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message

from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.conversions.messages import (
    global_policy_from_msg,
    optimized_trajectories_from_msg,
    optimized_trajectories_to_msg,
)
from adgps_core.global_policy import GlobalPolicy
from adgps_core.optimized import OptimizedTrajectories
from adgps_local_worker.checkpoint import load_state, save_state
from adgps_local_worker.local_state import LocalState
from adgps_local_worker.nodes.futures import StoppedError
from adgps_local_worker.peers import Memory
from adgps_msgs.msg import OptimizedTrajectories as OptimizedTrajectoriesMsg
from adgps_msgs.msg import PolicyParameters, ReplayStatus

WORD_PERIOD = 10.0
"""Between two words about a parameter server that is away [s]."""
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class Collective:
    """Implements `practice.Peers` over topics, and remembers states in a folder.

    Parameters
    ----------
    node : of the local worker.
    replay_status_topics : of the global workers to keep pace with.
    steps_per_rollout : least gradient steps per rollout before practice goes on.
    patience : longest wait for the global workers [s].
    replay_depth : iterations that the topic keeps for global workers that come later.
    folder : of the checkpoints; None remembers nothing.
    stop : set, and then `wake` called, when the node is being stopped: the methods for the
        practising thread raise StoppedError.
    """

    def __init__(
        self,
        node: Node,
        replay_status_topics: list[str],
        steps_per_rollout: float,
        patience: float,
        replay_depth: int,
        folder: Path | None,
        stop: threading.Event,
    ) -> None:
        self._node = node
        self._steps_per_rollout = steps_per_rollout
        self._patience = patience
        self._folder = folder
        self._stop = stop
        self._changed = threading.Condition()
        self._policy: GlobalPolicy | None = None
        self._policy_since = time.monotonic()
        self._status: dict[str, ReplayStatus | None] = dict.fromkeys(replay_status_topics)
        self.published = 0
        self._publisher = node.create_publisher(
            OptimizedTrajectoriesMsg,
            "optimized_trajectories",
            QoSProfile(
                depth=replay_depth,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
            ),
        )
        node.create_subscription(
            PolicyParameters,
            "/param_server/policy_parameters",
            self._on_policy,
            LATCHED,
        )
        for topic in replay_status_topics:
            node.create_subscription(
                ReplayStatus,
                topic,
                lambda message, topic=topic: self._on_status(topic, message),
                LATCHED,
            )

    @property
    def policy_version(self) -> str:
        """Version of the newest global policy that arrived."""
        return str(self._policy.version) if self._policy else "0.0"

    @property
    def policy_age(self) -> float:
        """Time since it arrived [s]."""
        return time.monotonic() - self._policy_since

    def wake(self) -> None:
        """Wake whoever waits, to see whether the node is being stopped."""
        with self._changed:
            self._changed.notify_all()

    def global_policy(self) -> GlobalPolicy:
        """Newest global policy; there is one since `wait_for_policy` returned."""
        self._go_on()
        assert self._policy is not None
        return self._policy

    def publish(self, optimized: OptimizedTrajectories, state: LocalState) -> None:
        """Publish, and write the instance's state with the message that tells of it."""
        self._go_on()
        stamp = self._node.get_clock().now().to_msg()
        message = optimized_trajectories_to_msg(optimized, stamp)
        self._send(message)
        if self._folder is not None:
            content = np.frombuffer(serialize_message(message), dtype=np.uint8)
            save_state(self._path(optimized.condition), state, {"published": content})

    def _send(self, message: OptimizedTrajectoriesMsg) -> None:
        self._publisher.publish(message)
        self.published += 1

    def recall(self, instance_id: str) -> Memory | None:
        """Read what is remembered of an instance, and publish again what was published last."""
        if self._folder is None or not self._path(instance_id).exists():
            return None
        try:
            state, extra = load_state(self._path(instance_id))
        except DamagedCheckpointError as error:
            self._node.get_logger().error(f"{error}; {instance_id} starts anew")
            return None
        message = deserialize_message(extra["published"].tobytes(), OptimizedTrajectoriesMsg)
        self._send(message)
        optimized = optimized_trajectories_from_msg(message)
        return Memory(state, optimized.instance, optimized.samples, optimized.round)

    def wait_for_training(self, rounds: int) -> None:
        """Wait until the global workers keep up, or patience ends; say who was waited for."""
        deadline = time.monotonic() + self._patience
        with self._changed:
            while behind := self._behind(rounds):
                self._go_on()
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    self._node.get_logger().warning(
                        f"went on after {self._patience:g} s without {', '.join(behind)}"
                    )
                    return
                self._changed.wait(remaining)

    def wait_for_policy(self) -> None:
        """Wait for a first policy, with a word now and then while there is none."""
        with self._changed:
            while self._policy is None:
                self._go_on()
                if not self._changed.wait(WORD_PERIOD) and self._policy is None:
                    self._node.get_logger().warning("waiting for a policy of the parameter server")

    def _go_on(self) -> None:
        """Raise StoppedError if the node is being stopped."""
        if self._stop.is_set():
            raise StoppedError

    def _behind(self, rounds: int) -> list[str]:
        """Global workers that training still has to wait for."""
        behind = []
        for topic, status in self._status.items():
            if status is None:
                behind.append(topic)
            elif rounds:
                if status.round < rounds:
                    behind.append(topic)
            elif status.steps + 1 <= self._steps_per_rollout * status.rollouts:  # whole steps
                behind.append(topic)
        return behind

    def _path(self, instance_id: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{instance_id.replace('/', '-')}.safetensors"

    def _on_policy(self, message: PolicyParameters) -> None:
        try:
            policy = global_policy_from_msg(message)
        except ValueError as error:
            self._node.get_logger().error(f"refused a global policy: {error}")
            return
        with self._changed:
            self._policy = policy
            self._policy_since = time.monotonic()
            self._changed.notify_all()

    def _on_status(self, topic: str, message: ReplayStatus) -> None:
        with self._changed:
            self._status[topic] = message
            self._changed.notify_all()
