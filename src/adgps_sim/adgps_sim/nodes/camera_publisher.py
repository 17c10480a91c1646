"""Publishes what the simulated camera sees, as a camera's driver would, if that is wanted."""

from __future__ import annotations

from array import array

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from adgps_core.conversions.messages import stamp_from_ns
from adgps_sim.camera import HEIGHT, WIDTH, Camera
from adgps_sim.camera_shifts import MOST
from adgps_sim.nodes.publishing import LATCHED
from adgps_sim.world import World

CAMERA_FRAME = "camera_optical_frame"


def declare_camera(node: Node) -> None:
    """Declare the parameters of the camera."""
    description = "Publish what a camera over the shoulder sees, with every state."
    camera = ParameterDescriptor(description=description, read_only=True)
    node.declare_parameter("camera", False, camera)
    description = "Way by which the camera is moved, x, y, z in the base frame [m]."
    shift = ParameterDescriptor(description=description, read_only=True)
    shift.floating_point_range = [FloatingPointRange(from_value=-MOST, to_value=MOST)]
    node.declare_parameter("camera_shift", [0.0, 0.0, 0.0], shift)


def camera_publisher(node: Node, world: World) -> CameraPublisher | None:
    """Make the publisher of what the parameters ask for; None where that is nothing.

    Raises
    ------
    ValueError
        If the camera cannot be moved like that.
    """
    camera = world.camera(node.get_parameter("camera_shift").value)
    return CameraPublisher(node, camera) if node.get_parameter("camera").value else None


class CameraPublisher:
    """Draws and publishes an image at a stamp; the calibration goes before it.

    Parameters
    ----------
    node : whose topics `image_raw` and `camera_info` are.
    camera : what looks.
    """

    def __init__(self, node: Node, camera: Camera) -> None:
        self._camera = camera
        self._images = node.create_publisher(Image, "image_raw", LATCHED)
        self._calibrations = node.create_publisher(CameraInfo, "camera_info", LATCHED)
        intrinsics = camera.intrinsics
        self._calibration = CameraInfo(
            width=WIDTH,
            height=HEIGHT,
            distortion_model="plumb_bob",
            d=[0.0] * 5,
            k=intrinsics.ravel().tolist(),
            r=np.eye(3).ravel().tolist(),
            p=np.hstack([intrinsics, np.zeros((3, 1))]).ravel().tolist(),
        )
        self._image = Image(width=WIDTH, height=HEIGHT, encoding="rgb8", step=3 * WIDTH)
        for header in (self._calibration.header, self._image.header):
            header.frame_id = CAMERA_FRAME

    def publish(self, stamp_ns: int) -> None:
        """Publish what the camera sees at a stamp [ns]."""
        stamp = stamp_from_ns(stamp_ns)
        self._calibration.header.stamp = stamp
        self._image.header.stamp = stamp
        self._image.data = array("B", self._camera.look().image.tobytes())
        self._calibrations.publish(self._calibration)
        self._images.publish(self._image)
