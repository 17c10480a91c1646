"""The IMU driver's node: a serial port in, sensor_msgs/Imu as REP-145 has it out."""

from __future__ import annotations

from array import array

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Imu

from adgps_core.conversions.messages import stamp_from_ns
from adgps_robot.imu.reading import Decoder
from adgps_robot.imu.serial_port import PROTOCOLS, SerialImu, StampedReading
from adgps_robot.nodes import driver
from adgps_robot.nodes.declaring import Table, declare_all
from adgps_robot.nodes.running import run

UNKNOWN = array("d", [0.0] * 9)
MISSING = array("d", [-1.0] + [0.0] * 8)

PARAMETERS: Table = {
    "port": ("", "Path of the serial port, best one below /dev/serial/by-id.", None),
    "baud_rate": (115200, "Speed of the line [bit/s].", (300, 4_000_000)),
    "protocol": ("witmotion", f"What the sensor sends; one of {', '.join(PROTOCOLS)}.", None),
    "frame_id": ("imu_link", "Frame of the sensor, REP-103.", None),
    **driver.PARAMETERS,
}


def declare(node: Node) -> None:
    """Declare the node's parameters."""
    declare_all(node, PARAMETERS)


class ImuDriver(driver.Driver[StampedReading]):
    """Publishes an IMU's readings; ValueError if its parameters cannot be."""

    def __init__(self) -> None:
        super().__init__("imu_driver", declare)
        port, protocol = self.value("port"), self.value("protocol")
        baud_rate = int(self.value("baud_rate"))
        if not port:
            raise ValueError("port is empty: name the IMU's serial port")
        if protocol not in PROTOCOLS:
            raise ValueError(f"protocol is {protocol!r}, known: {', '.join(PROTOCOLS)}")
        self._decoder: Decoder = PROTOCOLS[protocol]()
        # Covariances of zeros: unknown, as REP-145 says.
        self._message = Imu()
        self._message.header.frame_id = self.value("frame_id")
        self._message.angular_velocity_covariance = UNKNOWN
        self._message.linear_acceleration_covariance = UNKNOWN
        self._publisher = self.create_publisher(Imu, "imu/data", qos_profile_sensor_data)
        self.read(port, lambda: SerialImu(port, baud_rate, self._decoder, self.now_ns))

    def deliver(self, item: StampedReading) -> None:
        """Publish a reading, in one message used again."""
        reading, message = item.reading, self._message
        message.header.stamp = stamp_from_ns(item.stamp_ns)
        x, y, z, w = reading.orientation or (0.0, 0.0, 0.0, 1.0)
        q, v, a = message.orientation, message.angular_velocity, message.linear_acceleration
        q.x, q.y, q.z, q.w = x, y, z, w
        message.orientation_covariance = UNKNOWN if reading.orientation else MISSING
        v.x, v.y, v.z = reading.angular_velocity
        a.x, a.y, a.z = reading.acceleration
        self._publisher.publish(message)

    def describe(self) -> tuple[str, dict[str, object]]:
        """What the decoder refused."""
        return "", vars(self._decoder.counts).copy()


def main() -> None:
    """Run the driver until it is told to stop; 2 with one line if it cannot start."""
    run("imu_driver", ImuDriver)


if __name__ == "__main__":
    main()
