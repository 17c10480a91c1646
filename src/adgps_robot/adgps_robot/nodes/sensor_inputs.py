"""What the controller hears besides joint states: readings of an IMU, features of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Imu

from adgps_core.conversions.messages import ns_from_stamp, version_from_msg
from adgps_core.conversions.sensors import imu_row_from_msg
from adgps_core.measurements import FEATURES, IMAGE, IMU
from adgps_core.typing import Array
from adgps_msgs.msg import ImageFeatures
from adgps_robot.controller import Controller


def listen_to_imu(node: Node, controller: Controller, quality: QoSProfile) -> Subscription:
    """Give a controller the readings of `imu/data`."""
    return _listen(node, controller, quality, Imu, "imu/data", IMU, imu_row_from_msg)


def listen_to_features(
    node: Node, controller: Controller, quality: QoSProfile, images: bool
) -> Subscription:
    """Give a controller the messages of `image_features`, and the images in them if it keeps them.

    With images, what another version of the vision network says than the rollout's is passed over:
    the right one follows as soon as the network has heard which it is.
    """

    def deliver(message: ImageFeatures, stamp_ns: int, features: Array) -> None:
        if images:
            if version_from_msg(message.policy_version) != controller.vision_version:
                return
            file = np.frombuffer(message.image, dtype=np.uint8)
            controller.on_measurement(IMAGE, stamp_ns, file)
        controller.on_measurement(FEATURES, stamp_ns, features)

    of = ImageFeatures, "image_features", FEATURES, _features
    return _listen(node, controller, quality, *of, deliver)


def _features(message: ImageFeatures) -> Array:
    """Measurement of a message; ValueError if it cannot be one."""
    row = np.frombuffer(message.values, dtype=np.float32).astype(np.float64)
    if not row.size or not np.isfinite(row).all():
        raise ValueError("the features of an image are none, or not finite")
    return row


def _listen(
    node: Node,
    controller: Controller,
    quality: QoSProfile,
    kind: type,
    topic: str,
    name: str,
    row_of: Callable[[Any], Array],
    deliver: Callable[[Any, int, Array], None] | None = None,
) -> Subscription:
    """Join the messages of a topic with the states; what is none is counted, and logged once.

    `deliver` hands message, stamp [ns] and row to the controller; None: as measurement `name`.
    """
    join = controller.joins[name]

    def on_message(message: Any) -> None:
        try:
            row = row_of(message)
        except ValueError as error:
            join.refused += 1
            node.get_logger().error(f"refused: {error}; others are counted only", once=True)
            return
        stamp_ns = ns_from_stamp(message.header.stamp)
        if deliver is None:
            controller.on_measurement(name, stamp_ns, row)
        else:
            deliver(message, stamp_ns, row)

    return node.create_subscription(kind, topic, on_message, quality)
