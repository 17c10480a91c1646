"""Readings of an IMU for the controller."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Imu

from adgps_core.conversions.messages import ns_from_stamp
from adgps_core.conversions.sensors import imu_row_from_msg
from adgps_core.measurements import IMU
from adgps_robot.controller import Controller


def listen_to_imu(node: Node, controller: Controller, quality: QoSProfile) -> Subscription:
    """Give a controller the readings of `imu/data`; what is none is counted, and logged once."""

    def on_reading(message: Imu) -> None:
        try:
            row = imu_row_from_msg(message)
        except ValueError as error:
            controller.joins[IMU].refused += 1
            node.get_logger().error(f"refused: {error}; others are counted only", once=True)
            return
        controller.on_measurement(IMU, ns_from_stamp(message.header.stamp), row)

    return node.create_subscription(Imu, "imu/data", on_reading, quality)
