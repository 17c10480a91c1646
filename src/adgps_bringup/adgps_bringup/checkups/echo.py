"""The other process of the discovery check: sends back what it hears.

python -m adgps_bringup.checkups.echo DOMAIN_ID
"""

from __future__ import annotations

import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile
from std_msgs.msg import UInt8MultiArray

PING, PONG = "adgps_doctor/ping", "adgps_doctor/pong"
QOS = QoSProfile(depth=1)  # reliable, volatile
LIFETIME_S = 60.0


def main() -> None:
    """Echo until told to stop, or until nobody can be interested any more."""
    rclpy.init(domain_id=int(sys.argv[1]))
    node = rclpy.create_node("adgps_doctor_echo")
    publisher = node.create_publisher(UInt8MultiArray, PONG, QOS)
    node.create_subscription(UInt8MultiArray, PING, publisher.publish, QOS)
    end = time.monotonic() + LIFETIME_S
    try:
        while rclpy.ok() and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=1.0)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
