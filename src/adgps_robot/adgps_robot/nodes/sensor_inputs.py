"""What the controller hears besides joint states: readings of an IMU, features of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Imu

from adgps_core.conversions.messages import ns_from_stamp, version_from_msg
from adgps_core.conversions.sensors import imu_row_from_msg
from adgps_core.measurements import FEATURES, IMAGE, IMU
from adgps_msgs.msg import ImageFeatures
from adgps_robot.controller import Controller

Rows = Mapping[str, NDArray[Any]]
"""Measurements (dZ,) by name."""


def listen_to_imu(node: Node, controller: Controller, quality: QoSProfile) -> Subscription:
    """Give a controller the readings of `imu/data`."""

    def rows_of(message: Imu) -> Rows:
        return {IMU: imu_row_from_msg(message)}

    return _listen(node, controller, quality, Imu, "imu/data", IMU, rows_of)


def listen_to_features(
    node: Node, controller: Controller, quality: QoSProfile, train_vision: bool
) -> Subscription:
    """Give a controller the messages of `image_features`.

    Where the vision network is trained, with the images; what another version of it says than the
    rollout's is passed over: the right one follows as soon as the network has heard which it is.
    """

    def rows_of(message: ImageFeatures) -> Rows:
        row = np.frombuffer(message.values, dtype=np.float32).astype(np.float64)
        if not row.size or not np.isfinite(row).all():
            raise ValueError("the features of an image are none, or not finite")
        if not train_vision:
            return {FEATURES: row}
        if version_from_msg(message.policy_version) != controller.vision_version:
            return {}
        return {IMAGE: np.frombuffer(message.image, dtype=np.uint8), FEATURES: row}

    return _listen(node, controller, quality, ImageFeatures, "image_features", FEATURES, rows_of)


def _listen(
    node: Node,
    controller: Controller,
    quality: QoSProfile,
    kind: type,
    topic: str,
    name: str,
    rows_of: Callable[[Any], Rows],
) -> Subscription:
    """Join the messages of a topic with the states; what is none is counted, and logged once.

    Those refused count as measurement `name`.
    """
    join = controller.joins[name]

    def on_message(message: Any) -> None:
        try:
            rows = rows_of(message)
        except ValueError as error:
            join.refused += 1
            node.get_logger().error(f"refused: {error}; others are counted only", once=True)
            return
        for measured, row in rows.items():
            controller.on_measurement(measured, ns_from_stamp(message.header.stamp), row)

    return node.create_subscription(kind, topic, on_message, quality)
