"""The camera driver's node: a camera, stream or video file in, image and camera info out."""

from __future__ import annotations

import sys

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from adgps_core.conversions.arrays import to_array
from adgps_core.conversions.messages import stamp_from_ns
from adgps_robot.camera.calibration import calibration_path, read_calibration
from adgps_robot.camera.capture import Frame, quiet_opencv
from adgps_robot.camera.source import Request, opener
from adgps_robot.nodes import driver
from adgps_robot.nodes.declaring import Table, declare_all
from adgps_robot.nodes.running import run

PARAMETERS: Table = {
    "loop": (False, "Play a video file again and again.", None),
    "width": (0, "Width to ask a camera for [pixel]; 0: its own choice.", (0, 100_000)),
    "height": (0, "Height to ask a camera for [pixel]; 0: its own choice.", (0, 100_000)),
    "rate": (0.0, "Frames a second to ask a camera for [Hz]; 0: its own choice.", (0.0, 1e4)),
    "camera_info_url": (
        "",
        "Calibration, the YAML file of camera_calibration: a path or file:// URL.",
        None,
    ),
    "frame_id": ("camera_optical_frame", "Optical frame: z forward, x right, REP-103.", None),
    **driver.PARAMETERS,
}


def declare(node: Node) -> None:
    """Declare the node's parameters; a source of digits alone is a number to ROS."""
    description = "Camera's index or path, URL of a stream, GStreamer pipeline, or video file."
    node.declare_parameter(
        "source",
        "",
        ParameterDescriptor(description=description, read_only=True, dynamic_typing=True),
    )
    declare_all(node, PARAMETERS)


class CameraDriver(driver.Driver[Frame]):
    """Publishes a camera's images; ValueError if its parameters cannot be."""

    def __init__(self) -> None:
        super().__init__("camera_driver", declare)
        source, url = str(self.value("source")), self.value("camera_info_url")
        request = Request(self.value("width"), self.value("height"), self.value("rate"))
        open_source = opener(source, request, self.value("loop"), self.now_ns)
        self._calibration = read_calibration(calibration_path(url)) if url else None
        self._objection = ""
        self._image = Image(encoding="bgr8", is_bigendian=sys.byteorder == "big")
        self._info = CameraInfo()
        for message in (self._image, self._info):
            message.header.frame_id = self.value("frame_id")
        qos = qos_profile_sensor_data
        self._images = self.create_publisher(Image, "image_raw", qos)
        self._infos = self.create_publisher(CameraInfo, "camera_info", qos)
        quiet_opencv()
        self.read(source, open_source)

    def deliver(self, item: Frame) -> None:
        """Publish an image and its camera info, in two messages used again."""
        height, width, channels = item.image.shape
        if (self._image.height, self._image.width) != (height, width):
            self._resize(width, height, channels)
        self._image.data = to_array(item.image)
        stamp = stamp_from_ns(item.stamp_ns)
        self._image.header.stamp = self._info.header.stamp = stamp
        self._infos.publish(self._info)
        self._images.publish(self._image)

    def describe(self) -> tuple[str, dict[str, object]]:
        """Size, and whether the calibration holds for it."""
        values: dict[str, object] = {
            "size": f"{self._image.width} x {self._image.height}",
            "calibrated": str(self._info.k[0] > 0.0).lower(),
        }
        return self._objection, values

    def _resize(self, width: int, height: int, channels: int) -> None:
        """Prepare for images of a size; zeros in a camera info mean that it is not calibrated."""
        self._image.width, self._image.height = width, height
        self._image.step = channels * width
        info = CameraInfo(header=self._info.header, width=width, height=height)
        known, self._objection = self._calibration, ""
        if known is not None and (known.width, known.height) != (width, height):
            self._objection = (
                f"refused the calibration: it is for {known.width} x {known.height}, "
                f"the images are {width} x {height}"
            )
            self.get_logger().error(self._objection)
        elif known is not None:
            info.distortion_model = known.distortion_model
            info.d = to_array(known.D)
            info.k, info.r, info.p = known.K.ravel(), known.R.ravel(), known.P.ravel()
        self._info = info


def main() -> None:
    """Run the driver until it is told to stop; 2 with one line if it cannot start."""
    run("camera_driver", CameraDriver)


if __name__ == "__main__":
    main()
