"""The vision network beside its camera: images in, feature points out."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import Image

from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.conversions.arrays import to_array
from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.conversions.messages import (
    global_policy_from_msg,
    version_from_msg,
    version_to_msg,
)
from adgps_core.conversions.sensors import rgb_from_msg
from adgps_core.vision.storage import read_network
from adgps_msgs.msg import ImageFeatures, PolicyParameters, PolicyVersion
from adgps_robot.camera.fitting import fitted
from adgps_robot.eyes import FrozenEyes, Seen, TrainedEyes
from adgps_robot.nodes.declaring import Table, declare_all, value
from adgps_robot.nodes.running import run

DIAGNOSTICS_PERIOD = 1.0
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

PARAMETERS: Table = {
    "network": ("", "File of the vision network, as pre-training leaves it.", None),
    "train_vision": (
        False,
        "True: the network is trained with the policy; its versions are followed, and the images "
        "are sent along. False: it stays as it is.",
        None,
    ),
    "lock_step": (
        True,
        "True: a simulator waits for the features of every image. False: the newest image counts.",
        None,
    ),
}


def declare(node: Node, defaults: Mapping[str, Any] | None = None) -> None:
    """Declare every parameter; `defaults` replaces some of the default values."""
    declare_all(node, PARAMETERS, defaults)


class FeatureExtractor(Node):
    """Answers every image with its feature points.

    Parameters
    ----------
    defaults : of parameters that the file and the command line leave open.

    Raises
    ------
    ValueError
        If there is no sound network in the file.
    """

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        super().__init__("feature_extractor")
        declare(self, defaults)
        path = Path(value(self, "network"))
        try:
            network = read_network(path)
        except (OSError, DamagedCheckpointError) as error:
            self.destroy_node()
            raise ValueError(f"network: {error}") from error
        lock_step = bool(value(self, "lock_step"))
        self._architecture = network.architecture
        self._eyes: FrozenEyes | TrainedEyes = FrozenEyes(network)
        if value(self, "train_vision"):
            self._eyes = self._follow(TrainedEyes(network))
        self._features = ImageFeatures()
        self._accepted = self._refused = 0
        self._took_s = 0.0
        heard, said = (LATCHED, LATCHED) if lock_step else (NEWEST, qos_profile_sensor_data)
        self._publisher = self.create_publisher(ImageFeatures, "image_features", said)
        self.create_subscription(Image, "image_raw", self._on_image, heard)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_PERIOD, self._publish_diagnostics, clock=steady)

    def _on_image(self, message: Image) -> None:
        """Publish the features of an image under its stamp."""
        begin = time.monotonic()
        size = self._architecture.height, self._architecture.width
        try:
            image = fitted(rgb_from_msg(message), *size)
        except ValueError as error:
            self._refused += 1
            self.get_logger().error(f"refused: {error}; others are counted only", once=True)
            return
        self._features.header = message.header
        self._publish(self._eyes.look(image))
        self._accepted += 1
        self._took_s = time.monotonic() - begin

    def _publish(self, seen: Seen) -> None:
        """Publish what is seen of the newest image."""
        self._features.policy_version = version_to_msg(seen.version)
        self._features.values = to_array(seen.features)
        self._features.image = array("B", seen.file)
        self._publisher.publish(self._features)

    def _follow(self, eyes: TrainedEyes) -> TrainedEyes:
        """Hear the policy's versions, and which of them the controller sees a rollout with."""

        def on_policy(message: PolicyParameters) -> None:
            try:
                seen = eyes.hear(global_policy_from_msg(message))
            except ValueError as error:
                self.get_logger().error(f"refused policy parameters: {error}")
                return
            if seen is not None:
                self._publish(seen)

        def on_wanted(message: PolicyVersion) -> None:
            seen = eyes.want(version_from_msg(message))
            if seen is not None:
                self._publish(seen)

        policies = "/param_server/policy_parameters"
        self.create_subscription(PolicyParameters, policies, on_policy, LATCHED)
        self.create_subscription(PolicyVersion, "vision_version", on_wanted, LATCHED)
        return eyes

    def _publish_diagnostics(self) -> None:
        level = DiagnosticStatus.OK if self._accepted else DiagnosticStatus.WARN
        self._diagnostics.publish(
            diagnostic_array(
                self.get_clock().now().to_msg(),
                self.get_fully_qualified_name(),
                "looking" if self._accepted else "no image yet",
                {
                    "images": self._accepted,
                    "images_refused": self._refused,
                    "duration_ms": 1e3 * self._took_s,
                },
                level,
            )
        )


def main() -> None:
    """Run the node until it is told to stop; 2 with one line if it cannot start."""
    run("feature_extractor", FeatureExtractor)


if __name__ == "__main__":
    main()
